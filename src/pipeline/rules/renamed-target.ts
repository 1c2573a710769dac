import type { EntryView, Flavour } from '../../protocol/rdb/sink.ts';
import type { ValueSink } from '../../protocol/rdb/value-sink.ts';
import type { CommandView } from '../../protocol/resp/command-walker.ts';
import type { Rules } from '../../rules/rules.ts';
import type { RawCommandSink, Target } from '../../target/target.ts';
import type { KeyFinder } from '../keys/key-finder.ts';
import { CommandBuilder } from './command-builder.ts';
import { NameSet } from './name-set.ts';

/**
 * A target that knows keys by other names and has them in other databases than the source: all that comes in speaks of the source's.
 *
 * Positions stay those of the source, its database too: they say where its stream goes on.
 */
export class RenamedTarget implements Target {
  readonly #target: Target;
  readonly #rules: Rules;
  readonly #finder: KeyFinder;
  /** begins the names of keys that are no source's */
  readonly #own: Buffer;
  readonly #builder = new CommandBuilder();
  readonly #sink: KeyReplacingSink;
  readonly #names = new NameSet();

  constructor(target: Target, rules: Rules, finder: KeyFinder, ownPrefix: string) {
    this.#target = target;
    this.#rules = rules;
    this.#finder = finder;
    this.#own = Buffer.from(ownPrefix);
    this.#sink = new KeyReplacingSink();
  }

  get ready(): boolean {
    return this.#target.ready;
  }

  whenReady(): Promise<void> {
    return this.#target.whenReady();
  }

  rdbVersion(version: number, flavour: Flavour): void {
    this.#target.rdbVersion(version, flavour);
  }

  entry(entry: EntryView): void {
    this.#asRenamed(entry, () => {
      this.#countMerged(entry);
      this.#target.entry(entry);
    });
  }

  bigEntry(entry: EntryView): ValueSink {
    return this.#asRenamed(entry, () => {
      this.#countMerged(entry);
      return this.#target.bigEntry(entry);
    });
  }

  functionLibrary(buf: Buffer, start: number, end: number, offset: number): void {
    this.#target.functionLibrary(buf, start, end, offset);
  }

  set(command: CommandView, db: number): void {
    this.#target.set(this.#renamed(command, db), this.#rules.mapDb(db));
  }

  command(command: CommandView, db: number): void {
    this.#target.command(this.#renamed(command, db), this.#rules.mapDb(db));
  }

  beginWrite(db: number, buf: Buffer, keyStart: number, keyEnd: number): RawCommandSink {
    if (buf.subarray(keyStart, keyEnd).indexOf(this.#own) === 0) {
      return this.#target.beginWrite(db, buf, keyStart, keyEnd);
    }
    const toDb = this.#rules.mapDb(db);
    const name = this.#rules.rename(db, buf, keyStart, keyEnd);
    if (name === undefined) return this.#target.beginWrite(toDb, buf, keyStart, keyEnd);
    return this.#sink.begun(this.#target.beginWrite(toDb, name, 0, name.length), name);
  }

  endWrite(offset: number, counted?: boolean): void {
    this.#target.endWrite(offset, counted);
  }

  replace(entry: EntryView, dump: Buffer): Flavour {
    return this.#asRenamed(entry, () => this.#target.replace(entry, dump));
  }

  remove(key: Buffer, db: number, offset: number): void {
    const name = this.#rules.rename(db, key, 0, key.length) ?? key;
    this.#target.remove(name, this.#rules.mapDb(db), offset);
  }

  hold(on: boolean): void {
    this.#target.hold(on);
  }

  reached(offset: number, db: number): void {
    this.#target.reached(offset, db);
  }

  breathe(idle: boolean): void {
    this.#target.breathe(idle);
  }

  drained(): Promise<void> {
    return this.#target.drained();
  }

  /** The entry is the caller's, who goes on to speak of the source's key. */
  #asRenamed<T>(entry: EntryView, write: () => T): T {
    const { keyBuf, keyStart, keyEnd, db } = entry;
    const name = this.#rules.rename(db, keyBuf, keyStart, keyEnd);
    if (name !== undefined) {
      entry.keyBuf = name;
      entry.keyStart = 0;
      entry.keyEnd = name.length;
    }
    entry.db = this.#rules.mapDb(db);
    try {
      return write();
    } finally {
      entry.keyBuf = keyBuf;
      entry.keyStart = keyStart;
      entry.keyEnd = keyEnd;
      entry.db = db;
    }
  }

  #countMerged({ keyBuf, keyStart, keyEnd, db }: EntryView): void {
    if (!this.#names.add(db, keyBuf, keyStart, keyEnd)) this.#rules.counters.merged++;
  }

  #renamed(command: CommandView, db: number): CommandView {
    if (!this.#rules.renames) return command;
    const count = this.#finder.find(command);
    let names: (Buffer | undefined)[] | undefined;
    for (let i = 0; i < count; i++) {
      const index = this.#finder.positions[i] as number;
      const { buf, argStart, argEnd } = command;
      const name = this.#rules.rename(db, buf, argStart[index] as number, argEnd[index] as number);
      if (name === undefined) continue;
      names ??= [];
      names[index] = name;
    }
    return names === undefined ? command : this.#rebuilt(command, names);
  }

  #rebuilt(command: CommandView, names: readonly (Buffer | undefined)[]): CommandView {
    const builder = this.#builder;
    builder.begin(command.argc);
    for (let i = 0; i < command.argc; i++) {
      const name = names[i];
      if (name === undefined) builder.copy(command, i, i + 1);
      else builder.arg(name, 0, name.length);
    }
    return builder.end(command.offset, command.endOffset);
  }
}

/** Puts another name in the place of the first argument: the key, in all commands that are written argument by argument. */
class KeyReplacingSink implements RawCommandSink {
  #sink!: RawCommandSink;
  #name!: Buffer;
  #index = 0;

  begun(sink: RawCommandSink, name: Buffer): this {
    this.#sink = sink;
    this.#name = name;
    this.#index = 0;
    return this;
  }

  begin(argc: number): void {
    this.#index = 0;
    this.#sink.begin(argc);
  }

  arg(buf: Buffer, start: number, end: number): void {
    if (this.#index++ === 1) this.#sink.arg(this.#name, 0, this.#name.length);
    else this.#sink.arg(buf, start, end);
  }

  argText(text: string): void {
    this.#index++;
    this.#sink.argText(text);
  }

  argLength(bytes: number): void {
    this.#index++;
    this.#sink.argLength(bytes);
  }

  argPart(buf: Buffer, start: number, end: number): void {
    this.#sink.argPart(buf, start, end);
  }

  end(): void {
    this.#sink.end();
  }

  raw(): void {
    throw new Error('A command that passes by can not be renamed');
  }
}

import type { EntryView, Flavour } from '../../protocol/rdb/sink.ts';
import type { ValueSink } from '../../protocol/rdb/value-sink.ts';
import type { CommandView } from '../../protocol/resp/command-walker.ts';
import type { Rules } from '../../rules/rules.ts';
import type { RawCommandSink, Target } from '../../target/target.ts';
import type { KeyFinder } from '../keys/key-finder.ts';
import { asRenamed, CommandRenamer } from './renaming.ts';
import { WrittenNames } from './written-names.ts';

/**
 * A target that knows keys by other names and has them in other databases than the source: all that comes in speaks of the source's.
 *
 * Positions stay those of the source, its database too: they say where its stream goes on.
 */
export class RenamedTarget implements Target {
  readonly #target: Target;
  readonly #rules: Rules;
  readonly #renamer: CommandRenamer;
  /** begins the names of keys that are no source's */
  readonly #own: Buffer;
  readonly #sink: KeyReplacingSink;
  readonly written: WrittenNames;
  #countedTo = 0;
  /** the entry that is given now, as the source has it */
  #db = 0;
  #key: Buffer = Buffer.alloc(0);
  #keyStart = 0;
  #keyEnd = 0;

  /** `tracks`: what the stream writes is noted too. */
  constructor(target: Target, rules: Rules, finder: KeyFinder, ownPrefix: string, tracks: boolean) {
    this.#target = target;
    this.#rules = rules;
    this.written = new WrittenNames(rules, tracks);
    this.#renamer = new CommandRenamer(rules, finder, tracks ? this.written : undefined);
    this.#own = Buffer.from(ownPrefix);
    this.#sink = new KeyReplacingSink();
  }

  // ---- for those who speak of the target's names

  /** A command as the target gets it, so that its slots are those of the target; nothing is written. Valid until the next one. */
  named(command: CommandView, db: number): CommandView {
    const counted = this.#rules.counters.pause();
    const named = this.#renamer.named(command, db);
    counted();
    return named;
  }

  /** What the source calls the entry that the target is given now. */
  get entryAtSource(): { db: number; key: Buffer } {
    return { db: this.#db, key: this.#key.subarray(this.#keyStart, this.#keyEnd) };
  }

  // ---- Target

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
    this.#db = entry.db;
    this.#key = entry.keyBuf;
    this.#keyStart = entry.keyStart;
    this.#keyEnd = entry.keyEnd;
    asRenamed(entry, this.#rules, () => {
      this.#countMerged(entry, this.#db);
      this.#target.entry(entry);
    });
  }

  bigEntry(entry: EntryView): ValueSink {
    const { db } = entry;
    return asRenamed(entry, this.#rules, () => {
      this.#countMerged(entry, db);
      return this.#target.bigEntry(entry);
    });
  }

  overwrite(on: boolean): void {
    this.#target.overwrite(on);
  }

  functionLibrary(buf: Buffer, start: number, end: number, offset: number): void {
    this.#target.functionLibrary(buf, start, end, offset);
  }

  set(command: CommandView, db: number): void {
    this.#target.set(this.#renamer.renamed(command, db), this.#rules.mapDb(db));
  }

  command(command: CommandView, db: number): void {
    this.#target.command(this.#renamer.renamed(command, db), this.#rules.mapDb(db));
  }

  beginWrite(db: number, buf: Buffer, keyStart: number, keyEnd: number): RawCommandSink {
    if (buf.subarray(keyStart, keyEnd).indexOf(this.#own) === 0) {
      return this.#target.beginWrite(db, buf, keyStart, keyEnd);
    }
    const toDb = this.#rules.mapDb(db);
    // One that passes by, and that is not about keys.
    const name = buf.length === 0 ? undefined : this.#rules.rename(db, buf, keyStart, keyEnd);
    if (this.written.complete && buf.length > 0) {
      if (name === undefined) this.written.add(db, buf, keyStart, keyEnd);
      else this.written.add(db, name, 0, name.length);
    }
    if (name === undefined) return this.#target.beginWrite(toDb, buf, keyStart, keyEnd);
    return this.#sink.begun(this.#target.beginWrite(toDb, name, 0, name.length), name);
  }

  endWrite(offset: number, counted?: boolean): void {
    this.#target.endWrite(offset, counted);
  }

  replace(entry: EntryView, dump: Buffer): Flavour {
    const { db } = entry;
    return asRenamed(entry, this.#rules, () => {
      if (this.written.complete) this.written.add(db, entry.keyBuf, entry.keyStart, entry.keyEnd);
      return this.#target.replace(entry, dump);
    });
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

  get isDrained(): boolean {
    return this.#target.isDrained;
  }

  drained(): Promise<void> {
    return this.#target.drained();
  }

  /** What is given again after an outage was counted. */
  #countMerged({ keyBuf, keyStart, keyEnd, offset }: EntryView, db: number): void {
    if (offset < this.#countedTo) return;
    this.#countedTo = offset + 1;
    if (!this.written.add(db, keyBuf, keyStart, keyEnd)) this.#rules.counters.merged++;
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

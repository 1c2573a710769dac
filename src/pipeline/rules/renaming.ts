import type { EntryView } from '../../protocol/rdb/sink.ts';
import type { CommandView } from '../../protocol/resp/command-walker.ts';
import type { Rules } from '../../rules/rules.ts';
import { Action, actionOf } from '../command-table.ts';
import type { KeyFinder } from '../keys/key-finder.ts';
import { WRITE } from '../keys/key-spec.ts';
import { CommandBuilder } from './command-builder.ts';
import type { WrittenNames } from './written-names.ts';

/** Calls `write` while the entry has the target's name and database; it is the caller's, who goes on to speak of the source's. */
export function asRenamed<T>(entry: EntryView, rules: Rules, write: () => T): T {
  const { keyBuf, keyStart, keyEnd, db } = entry;
  const name = rules.rename(db, keyBuf, keyStart, keyEnd);
  if (name !== undefined) {
    entry.keyBuf = name;
    entry.keyStart = 0;
    entry.keyEnd = name.length;
  }
  entry.db = rules.mapDb(db);
  try {
    return write();
  } finally {
    entry.keyBuf = keyBuf;
    entry.keyStart = keyStart;
    entry.keyEnd = keyEnd;
    entry.db = db;
  }
}

/** Gives all keys of commands the names that they have in the target. */
export class CommandRenamer {
  readonly #rules: Rules;
  readonly #finder: KeyFinder;
  readonly #written: WrittenNames | undefined;
  readonly #builder = new CommandBuilder();

  /** `written` undefined: names are not noted. */
  constructor(rules: Rules, finder: KeyFinder, written?: WrittenNames) {
    this.#rules = rules;
    this.#finder = finder;
    this.#written = written;
  }

  /** One that is written. Valid until the next call. */
  renamed(command: CommandView, db: number): CommandView {
    const named = this.named(command, db);
    if (this.#written !== undefined) this.#note(named, db, this.#written);
    return named;
  }

  /** Valid until the next call. */
  named(command: CommandView, db: number): CommandView {
    if (!this.#rules.renames) return command;
    const { buf, argStart, argEnd } = command;
    const count = this.#finder.find(command);
    let names: (Buffer | undefined)[] | undefined;
    for (let i = 0; i < count; i++) {
      const index = this.#finder.positions[i] as number;
      const name = this.#rules.rename(db, buf, argStart[index] as number, argEnd[index] as number);
      if (name === undefined) continue;
      names ??= [];
      names[index] = name;
    }
    return names === undefined ? command : this.#rebuilt(command, names);
  }

  #note(command: CommandView, db: number, written: WrittenNames): void {
    const { buf, argStart, argEnd } = command;
    if (actionOf(buf, argStart[0] as number, argEnd[0] as number) === Action.SWAPDB) {
      written.swapped(Number(command.text(1)), Number(command.text(2)), command.offset);
    }
    const count = this.#finder.find(command);
    for (let i = 0; i < count; i++) {
      const index = this.#finder.positions[i] as number;
      if (((this.#finder.access[i] as number) & WRITE) === 0) continue;
      written.add(db, buf, argStart[index] as number, argEnd[index] as number);
    }
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

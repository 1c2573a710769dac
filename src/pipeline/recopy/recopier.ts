import { NaruError } from '../../errors/errors.ts';
import type { EntryView, Flavour } from '../../protocol/rdb/sink.ts';
import type { BigCommand } from '../../protocol/resp/big-frame.ts';
import type { CommandView } from '../../protocol/resp/command-walker.ts';
import type { Action } from '../command-table.ts';
import type { ExpiryWatch } from '../expiry/expiry-watch.ts';
import { type KeyFinder, NOT_FOUND } from '../keys/key-finder.ts';
import { WRITE } from '../keys/key-spec.ts';
import { type HeldKey, HeldKeys, type KeyValue } from './held-keys.ts';
import { otherDatabase, readsMore } from './other-database.ts';
import type { RecopierOptions } from './recopier-options.ts';
import { RefusedForms } from './refused-forms.ts';
import { SecondLook, type UndoneCommands } from './second-look.ts';
import { viewOfBig } from './view-of-big.ts';

/** Keys in one question to the source. */
const READ_KEYS = 64;
/** No more values are asked for while so many bytes of them wait. */
const VALUE_BYTES_MAX = 16 * 1024 * 1024;

/**
 * Applies by copying what can not be applied as a command: one that the target does not know, or refused. The keys that it writes are held
 * (HeldKeys), their values are read from the source together with the position at which they were true, and are written when the stream has
 * got there. A command that reads a held key would write what is wrong, so what it writes is held too.
 *
 * Reading waits for the end of a slice, so that a source that is asked is ahead of all that was decoded, and one question serves all keys of it.
 */
export class Recopier {
  readonly #options: RecopierOptions;
  readonly #keys = new HeldKeys();
  readonly #finder: KeyFinder;
  readonly #expiries: ExpiryWatch | undefined;
  /** the target takes each write command that the source has */
  readonly #targetKnowsAll: boolean;
  /** spool offsets of commands that the target refused; true: its form is to blame, and was not noted yet */
  readonly #refused = new Map<number, boolean>();
  readonly #refusedForms = new RefusedForms();
  /** commands whose keys only the source can tell; until it did, each command is taken that has keys */
  #unresolved: { args: Buffer[]; db: number; offset: number }[] = [];
  /** commands before this offset may have been refused unseen */
  #doubtTo = 0;
  #reading: Promise<void> | undefined;
  /** what was given before this offset may not have been done, and is looked at again */
  #look: SecondLook | undefined;
  /** all keys that are not read can not be written now either */
  #blocked = false;

  constructor(options: RecopierOptions) {
    this.#options = options;
    this.#finder = options.keys;
    this.#expiries = options.expiries;
    this.#targetKnowsAll = options.target.covers(options.source) && options.newer.none;
  }

  /** Keys that the target does not hold rightly. */
  get held(): number {
    return this.#keys.size + this.#unresolved.length;
  }

  /**
   * The spool offset before which no key waits to be copied again, nor for the target to acknowledge that it has been; Infinity: none does. What is
   * acknowledged up to there is right in the target.
   */
  get rightTo(): number {
    return Math.min(this.#keys.since, this.#unresolved[0]?.offset ?? Number.POSITIVE_INFINITY);
  }

  /** Since when a key waits, ms since 1970; Infinity: none does. */
  get waitsSinceMs(): number {
    return this.#keys.sinceMs;
  }

  /** The source has to be asked, and may be. */
  get wantsToRead(): boolean {
    const { unread, bytes } = this.#keys;
    return (unread > 0 || this.#unresolved.length > 0) && bytes < VALUE_BYTES_MAX && !this.#blocked;
  }

  /** Up to where the stream is needed at least; Infinity: not known yet. */
  get neededTo(): number {
    return this.#keys.unread + this.#unresolved.length > 0 ? Number.POSITIVE_INFINITY : this.#keys.last;
  }

  /** A slice of the stream comes. */
  slice(): void {
    this.#expiries?.slice();
  }

  /** True: the command is not to be applied, what it writes will be copied. */
  takes(command: CommandView, db: number, action: Action): boolean {
    const taken = this.#takes(command, db, action);
    this.#expiries?.follow(command, db, action);
    return taken;
  }

  #takes(command: CommandView, db: number, action: Action): boolean {
    const expiries = this.#expiries;
    const { takes } = this.#options;
    const late = expiries?.isLate(command, action) === true;
    const watched = expiries?.concerns(command, action) === true;
    const doubtful = command.offset < this.#doubtTo;
    const known = !doubtful && this.#isCalm && this.#targetTakes(command);
    if (known && !late && !watched && takes === undefined) return false;
    const mustBe = late || (!known && this.#mustBeCopied(command, db));
    const count = this.#finder.find(command);
    if (count === NOT_FOUND) {
      const fine = known && !expiries?.lags(command) && takes === undefined;
      return fine ? false : this.holdUnresolved(command, db);
    }
    if (count === 0) {
      if (mustBe) this.#options.keyless(command, db);
      return mustBe;
    }
    const fits = takes === undefined || takes(this.#named(command, db), this.#finder, count);
    const atRisk = watched && expiries?.atRisk(command, db, this.#finder, count) === true;
    const free = !mustBe && !atRisk && !doubtful && fits;
    if (free && (known || !this.#touchesHeld(command, db, count))) return false;
    this.#hold(command, db, count);
    return true;
  }

  /** A command that is not about keys (SWAPDB, FLUSHALL): there is nothing to copy in its place. Throws NaruError where it was refused. */
  checkKeyless(command: CommandView, db: number): void {
    if (this.#refused.has(command.offset)) this.#options.keyless(command, db);
  }

  /** The same for a command that passes by: its name is known. What it writes to held keys does no harm, it is written over. */
  takesBig(command: BigCommand, db: number): boolean {
    // Nobody could tell for which node it is, or what rules make of it.
    if (this.#options.takes !== undefined || this.#options.copiesBig) return true;
    if (this.#isCalm && this.#targetKnowsAll && this.#refusedForms.none) return false;
    // Its options have not come yet: they can not be blamed.
    return this.#refused.has(command.offset) || this.#mustBeCopied(viewOfBig(command), db);
  }

  /** A command that passed by. */
  tookBig(command: BigCommand, db: number, taken: boolean, action: Action): void {
    const expiries = this.#expiries;
    const doubtful = command.offset < this.#doubtTo;
    if (!taken && !doubtful && this.#keys.size === 0 && expiries === undefined) return;
    const view = viewOfBig(command);
    const count = this.#finder.find(view);
    if (taken && (count <= 0 || !this.#allKept(command, count))) {
      const name = view.text(0);
      const routed = this.#options.takes !== undefined;
      const why = routed ? 'The target has several nodes for' : 'The target does not know';
      const text = `${why} ${name}, and it is too large for its keys to be found`;
      const place = { side: 'target', offset: command.offset, command: name } as const;
      throw new NaruError(routed ? 'COMMAND_REFUSED' : 'TARGET_TOO_OLD', text, place);
    }
    const late = expiries?.isLate(view, action) === true;
    const watched = expiries?.concerns(view, action) === true;
    const atRisk = watched && count > 0 && expiries?.atRisk(view, db, this.#finder, count) === true;
    if (count > 0 && (taken || late || atRisk || doubtful || this.#keys.size > 0))
      this.#hold(view, db, count);
    expiries?.follow(view, db, action);
  }

  /** A key whose value in the target is not right behind the offset `since`: from the snapshot on, or from a command that is not given. */
  hold(db: number, key: Buffer, since = 0): void {
    this.#keys.hold(db, key, since);
    this.#blocked = false;
  }

  /** What was given before the spool offset `to` may not have been done: the stream is looked at again up to there, and tells the keys. */
  look(to: number, undone: UndoneCommands): void {
    // What was not looked at to the end still counts.
    this.#look = new SecondLook(to, undone, this.#look);
    this.#keys.readAgain();
    this.#blocked = false;
  }

  /** Whether what stands at this offset and has no keys may not have been done. */
  wasUndone(offset: number): boolean {
    return this.#look?.hasKeyless(offset) === true;
  }

  /** Keys that could not be written may be by now. */
  unblock(): void {
    this.#blocked = false;
  }

  /** The source swapped two databases: what is held in one of them is wrong in the other. */
  swapped(a: number, b: number, offset: number): void {
    this.#expiries?.swapped(a, b, offset);
    if (this.#keys.size > 0) this.#keys.mirror(a, b);
    for (const each of this.#unresolved.slice()) {
      if (each.db === a) this.#unresolved.push({ ...each, db: b });
      else if (each.db === b) this.#unresolved.push({ ...each, db: a });
    }
  }

  /**
   * The target refused the command at a spool offset: the next time it is taken. `form`: because of what it is, and not of what the target
   * holds at its keys, so that others of its kind will be refused too.
   */
  refuse(offset: number, form: boolean): void {
    this.#refused.set(offset, form);
  }

  /**
   * The target did what stands before `offset`, and its answers were lost: it may have refused any of it. Where it is known to lack commands of the
   * source, that is to be expected, so all that is looked at again before `offset` is copied.
   */
  doubt(offset: number): void {
    if (!this.#targetKnowsAll) this.#doubtTo = offset;
  }

  /** Another server has taken over from the source, as it was at this offset: what was read from the old one and is newer has never been. */
  newHistory(offset: number): void {
    this.#keys.forgetBehind(offset);
  }

  /** Reads what is wanted. Rejects with NaruError. */
  read(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  /** All of the stream before `offset` is applied: writes the values for which that is enough. */
  settle(offset: number, again: boolean, write: (held: HeldKey, value: KeyValue) => void): void {
    if (offset >= this.#keys.due) this.#keys.release(offset, again, write);
  }

  /**
   * Everything before `offset` is in the target, and nothing before `released` will be looked at again. `all`: nothing that was written is not
   * acknowledged.
   */
  acked(offset: number, released: number, all: boolean): void {
    this.#keys.acked(offset, all, released);
    this.#expiries?.acked(released);
    if (this.#refused.size === 0) return;
    for (const each of this.#refused.keys()) if (each < offset) this.#refused.delete(each);
  }

  /** Everything before `offset` is in the target; the stream is looked at from `from` on. */
  restart(offset: number, from: number): void {
    this.#expiries?.restart(from);
    this.#keys.restart(offset);
  }

  /** The target has run everything before `offset` by now. True: some of it too late, so that it has to be looked at again. */
  ranLate(offset: number): boolean {
    return this.#expiries?.ranLate(offset) === true;
  }

  /** A key was copied again; `flavour` undefined: it is gone. */
  copied(entry: EntryView, flavour: Flavour | undefined, offset: number): void {
    this.#expiries?.copied(entry, flavour, offset);
  }

  get #isCalm(): boolean {
    return (
      this.#keys.size === 0 &&
      this.#refused.size === 0 &&
      this.#unresolved.length === 0 &&
      this.#look === undefined
    );
  }

  #mustBeCopied(command: CommandView, db: number): boolean {
    if (this.#look !== undefined && this.#wasUndone(this.#look, command, db)) return true;
    if (this.#wasRefused(command)) return true;
    return !this.#targetTakes(command);
  }

  /** As far as is known before it is asked. */
  #targetTakes(command: CommandView): boolean {
    const { target, newer } = this.#options;
    if (!this.#targetKnowsAll && (!target.accepts(command) || newer.has(command))) return false;
    return this.#refusedForms.none || !this.#refusedForms.has(command);
  }

  #wasRefused(command: CommandView): boolean {
    const form = this.#refused.get(command.offset);
    if (form === undefined) return false;
    if (form) {
      this.#refusedForms.add(command);
      this.#refused.set(command.offset, false);
    }
    return true;
  }

  #named(command: CommandView, db: number): CommandView {
    return this.#options.named?.(command, db) ?? command;
  }

  #wasUndone(look: SecondLook, command: CommandView, db: number): boolean {
    if (command.offset < look.to) {
      const count = this.#finder.find(command);
      return look.has(this.#named(command, db), this.#finder.positions, count);
    }
    this.#look = undefined;
    return false;
  }

  /** A command that is not given, and whose keys only the source can tell. */
  holdUnresolved(command: CommandView, db: number): boolean {
    const args = Array.from({ length: command.argc }, (_, index) => command.arg(index));
    this.#unresolved.push({ args, db, offset: command.offset });
    return true;
  }

  #touchesHeld(command: CommandView, db: number, count: number): boolean {
    return this.#unresolved.length > 0 || this.#touches(command, db, count);
  }

  /** Whether it reads or writes a held key. */
  #touches(command: CommandView, db: number, count: number): boolean {
    const other = otherDatabase(command) ?? db;
    for (let i = 0; i < count; i++) {
      const key = this.#key(command, i);
      if (this.#keys.has(db, key) || (other !== db && this.#keys.has(other, key))) return true;
    }
    return readsMore(command);
  }

  #hold(command: CommandView, db: number, count: number): void {
    const other = otherDatabase(command);
    for (let i = 0; i < count; i++) {
      if (((this.#finder.access[i] as number) & WRITE) === 0) continue;
      const key = this.#key(command, i);
      this.#keys.hold(db, key, command.offset);
      if (other !== undefined) this.#keys.hold(other, key, command.offset);
    }
  }

  #key(command: CommandView, i: number): Buffer {
    const index = this.#finder.positions[i] as number;
    return command.buf.subarray(command.argStart[index], command.argEnd[index]);
  }

  #allKept(command: BigCommand, count: number): boolean {
    for (let i = 0; i < count; i++) {
      if (!command.kept.has(this.#finder.positions[i] as number)) return false;
    }
    return true;
  }

  async #read(): Promise<void> {
    const { reader, mayWrite, groupOf, onElsewhere } = this.#options;
    await this.#resolve();
    while (this.wantsToRead) {
      const keys = this.#keys.toRead(READ_KEYS, mayWrite, groupOf);
      if (keys.length === 0) {
        this.#blocked = true;
        return;
      }
      const { values, until } = await reader.read(keys);
      for (const [i, value] of values.entries()) {
        const held = keys[i] as HeldKey;
        if (value !== undefined) this.#keys.read(held, value, until);
        else {
          this.#keys.drop(held);
          onElsewhere?.(held.key);
        }
      }
    }
  }

  async #resolve(): Promise<void> {
    for (const { args, db, offset } of this.#unresolved) {
      for (const key of await this.#options.reader.keysOf(args)) this.#keys.hold(db, key, offset);
    }
    this.#unresolved = [];
  }
}

import type { EntryView, Flavour } from '../../protocol/rdb/sink.ts';
import type { CommandView } from '../../protocol/resp/command-walker.ts';
import { Action } from '../command-table.ts';
import type { KeyFinder } from '../keys/key-finder.ts';
import { otherDatabase } from '../recopy/other-database.ts';
import { expiryOf, isRelative, replaces } from './command-expiry.ts';
import { ExpiryIndex } from './expiry-index.ts';
import { NEVER } from './expiry-table.ts';
import { earliestField } from './field-times.ts';
import { Touched } from './touched.ts';

export interface ExpiryWatchOptions {
  /** the target's clock, ms since 1970 */
  targetMs(): number;
  /** when the byte at a spool offset of the stream arrived, by Naru's own clock */
  arrivalMs(offset: number): number;
  /** the spool offset up to which the stream was held back for an unknown time before it arrived; Infinity: not known yet */
  heldBackTo(): number;
}

/** The source removes a field that expired at some later time: only where the stream is behind by more than this, a field counts as lost. */
const FIELD_LAG_MS = 250;

/**
 * Says which keys the target has expired too early. It goes by its own clock, however far behind the stream is; the source may have
 * given the key more time long before, by commands that only come now.
 *
 * A key is at risk when the target's clock has passed (or soon will) its expiry as the stream up to here tells it, and the stream has not
 * removed it: it still lived at the source then.
 */
export class ExpiryWatch {
  readonly #options: ExpiryWatchOptions;
  readonly #index: ExpiryIndex;
  readonly #touched = new Touched();
  /** of the slice under way; 0: nothing was known yet when it began */
  #nowMs = 0;
  #horizonMs = 0;

  constructor(options: ExpiryWatchOptions, index: ExpiryIndex = new ExpiryIndex(options.targetMs())) {
    this.#options = options;
    this.#index = index;
  }

  /** An entry of the snapshot. */
  entry(entry: EntryView, flavour: Flavour, big: boolean): void {
    const { db, keyBuf, keyStart, keyEnd, expireAtMs } = entry;
    if (expireAtMs >= 0) this.#index.set(db, keyBuf, keyStart, keyEnd, expireAtMs, -1);
    const fieldAtMs = earliestField(entry, flavour, big);
    if (fieldAtMs !== NEVER) this.#index.setFields(db, keyBuf, keyStart, keyEnd, fieldAtMs, -1);
  }

  /** A slice of the stream comes. */
  slice(): void {
    this.#nowMs = 0;
    if (this.#index.isEmpty) return;
    this.#nowMs = this.#options.targetMs();
    this.#horizonMs = this.#nowMs + this.#touched.marginMs;
    this.#touched.begin(this.#nowMs);
  }

  /** Whether the command has to be looked at. */
  concerns(command: CommandView, action: Action): boolean {
    if (this.#index.isEmpty) return false;
    if (this.#nowMs === 0) this.slice();
    return !replaces(command, action);
  }

  /** Its time to live can not be told from when it arrived. */
  isLate(command: CommandView, action: Action): boolean {
    return command.offset < this.#options.heldBackTo() && isRelative(command, action);
  }

  /** The stream is so far behind that fields may have been lost. */
  lags(command: CommandView): boolean {
    return this.#options.arrivalMs(command.offset) < Date.now() - FIELD_LAG_MS;
  }

  /** Whether one of the keys that `finder` found is at risk. */
  atRisk(command: CommandView, db: number, finder: KeyFinder, count: number): boolean {
    const { buf, argStart, argEnd } = command;
    let risk = false;
    for (let i = 0; i < count; i++) {
      const index = finder.positions[i] as number;
      const start = argStart[index] as number;
      const end = argEnd[index] as number;
      const atMs = this.#index.at(db, buf, start, end);
      if (atMs <= this.#horizonMs) risk = true;
      else if (atMs !== NEVER) this.#touched.note(atMs, command.endOffset);
      const fieldAtMs = this.#index.fieldsAt(db, buf, start, end);
      if (fieldAtMs !== NEVER && this.#fieldAtRisk(command, fieldAtMs)) risk = true;
    }
    return risk;
  }

  /** Its earliest field may be gone from the source for long: that shows only where it is copied again, so it is only where the stream lags. */
  #fieldAtRisk(command: CommandView, atMs: number): boolean {
    if (atMs <= this.#horizonMs && this.lags(command)) return true;
    this.#touched.note(Math.max(atMs, this.#horizonMs + FIELD_LAG_MS), command.endOffset);
    return false;
  }

  /** Keeps what the command changes, applied or not. */
  follow(command: CommandView, db: number, action: Action): void {
    const index = this.#index;
    const { buf, argc, argStart, argEnd, offset } = command;
    if (argc < 2) return;
    const start = argStart[1] as number;
    const end = argEnd[1] as number;
    switch (action) {
      case Action.EXPIRE:
      case Action.PEXPIRE:
      case Action.SETEX:
      case Action.PSETEX:
      case Action.RESTORE:
      case Action.PEXPIREAT:
      case Action.EXPIREAT:
      case Action.PERSIST:
        this.#setTo(command, db, start, end, this.#expiryOf(command, action));
        return;
      case Action.SET:
        // One without options is left alone: an expiry that is remembered in vain costs a copy at the most.
        if (argc > 3) this.#setTo(command, db, start, end, this.#expiryOf(command, action));
        return;
      case Action.HEXPIRE:
      case Action.HPEXPIRE:
      case Action.HEXPIREAT:
      case Action.HPEXPIREAT:
        this.#fieldsTo(command, db, start, end, this.#expiryOf(command, action));
        return;
      case Action.WITH_EX_OPTION: {
        const ofFields = ((buf[argStart[0] as number] as number) & 0xdf) === 0x48;
        const atMs = this.#expiryOf(command, action);
        if (ofFields) this.#fieldsTo(command, db, start, end, atMs);
        else this.#setTo(command, db, start, end, atMs);
        return;
      }
      case Action.MSETEX:
        this.#msetex(command, db);
        return;
      case Action.DEL:
        if (index.isEmpty) return;
        for (let i = 1; i < argc; i++)
          this.#forget(db, buf, argStart[i] as number, argEnd[i] as number, offset);
        return;
      case Action.RENAME:
      case Action.COPY:
      case Action.MOVE:
        if (!index.isEmpty && argc > 2) this.#carryOver(command, db, action);
        return;
      default:
    }
  }

  swapped(a: number, b: number, offset: number): void {
    this.#index.swap(a, b, offset);
  }

  /** The key was copied again, as it stood when the stream was at `offset`; `flavour` undefined: it was not there. */
  copied(entry: EntryView, flavour: Flavour | undefined, offset: number): void {
    const { db, keyBuf, keyStart, keyEnd, expireAtMs } = entry;
    const atMs = flavour === undefined || expireAtMs < 0 ? NEVER : expireAtMs;
    const fieldAtMs = flavour === undefined ? NEVER : earliestField(entry, flavour, false);
    this.#index.set(db, keyBuf, keyStart, keyEnd, atMs, offset);
    this.#index.setFields(db, keyBuf, keyStart, keyEnd, fieldAtMs, offset);
  }

  /** The target has run everything before `offset` by now. True: some of it too late, so that it has to be looked at again. */
  ranLate(offset: number): boolean {
    return this.#touched.acked(offset, this.#options.targetMs());
  }

  /** Nothing before `offset` will be looked at again. */
  acked(offset: number): void {
    const known = offset >= this.#options.heldBackTo();
    this.#index.acked(offset, known ? this.#options.arrivalMs(offset) : 0);
  }

  /** The stream is read again from `offset` on. */
  restart(offset: number): void {
    this.#touched.restart();
    this.#index.restart(offset);
    this.#nowMs = 0;
  }

  #expiryOf(command: CommandView, action: Action): number {
    return expiryOf(command, action, this.#options.arrivalMs(command.offset));
  }

  #setTo({ buf, offset }: CommandView, db: number, start: number, end: number, atMs: number): void {
    if (Number.isNaN(atMs) || (atMs === NEVER && this.#index.isEmpty)) return;
    this.#index.set(db, buf, start, end, atMs, offset);
  }

  /** The earliest counts. */
  #fieldsTo({ buf, offset }: CommandView, db: number, start: number, end: number, atMs: number): void {
    if (Number.isNaN(atMs) || atMs === NEVER) return;
    if (atMs < this.#index.fieldsAt(db, buf, start, end)) {
      this.#index.setFields(db, buf, start, end, atMs, offset);
    }
  }

  #forget(db: number, buf: Buffer, start: number, end: number, offset: number): void {
    this.#index.set(db, buf, start, end, NEVER, offset);
    this.#index.setFields(db, buf, start, end, NEVER, offset);
  }

  /** `MSETEX count key value [key value ...] [option]` */
  #msetex(command: CommandView, db: number): void {
    const count = Number(command.text(1));
    const atMs = this.#expiryOf(command, Action.MSETEX);
    for (let i = 0; i < count && 2 + 2 * i < command.argc; i++) {
      const at = 2 + 2 * i;
      this.#setTo(command, db, command.argStart[at] as number, command.argEnd[at] as number, atMs);
    }
  }

  /** `RENAME key key`, `COPY key key [DB db]`, `MOVE key db`: the new key has the old one's expiries. */
  #carryOver(command: CommandView, db: number, action: Action): void {
    const { buf, argStart, argEnd, offset } = command;
    const start = argStart[1] as number;
    const end = argEnd[1] as number;
    const to = action === Action.MOVE ? 1 : 2;
    const toDb = action === Action.RENAME ? db : (otherDatabase(command) ?? db);
    const atMs = this.#index.at(db, buf, start, end);
    const fieldsAtMs = this.#index.fieldsAt(db, buf, start, end);
    if (action !== Action.COPY) this.#forget(db, buf, start, end, offset);
    this.#index.set(toDb, buf, argStart[to] as number, argEnd[to] as number, atMs, offset);
    this.#index.setFields(toDb, buf, argStart[to] as number, argEnd[to] as number, fieldsAtMs, offset);
  }
}

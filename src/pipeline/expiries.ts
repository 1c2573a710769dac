import type { BigCommand } from '../protocol/resp/big-frame.ts';
import type { CommandView } from '../protocol/resp/command-walker.ts';
import type { RawCommandSink, Target } from '../target/target.ts';
import { Action, actionOf } from './command-table.ts';

/**
 * Makes relative expiries absolute, from the moment that the command arrived here: a link that lags must not lengthen a time to live.
 *
 *     EXPIRE k s ...        -> PEXPIREAT k ms ...          SETEX k s v        -> SET k v PXAT ms
 *     SET k v ... EX s ...  -> SET k v ... PXAT ms ...     RESTORE k ttl p .. -> RESTORE k ms p .. ABSTTL
 *     HEXPIRE k s ...       -> HPEXPIREAT k ms ...         HSETEX k ... EX s  -> HSETEX k ... PXAT ms
 *
 * A target before Redis 6.2, whose SET does not know PXAT, gets SET and PEXPIREAT instead, also of a SET that has PXAT already.
 *
 * What is absolute already, or is not of the form that is expected, is left to the caller as it stands.
 */
export class Expiries {
  readonly #target: Target;
  readonly #arrivalMs: (offset: number) => number;
  readonly #setTakesPxat: boolean;

  constructor(target: Target, arrivalMs: (offset: number) => number, setTakesPxat: boolean) {
    this.#target = target;
    this.#arrivalMs = arrivalMs;
    this.#setTakesPxat = setTakesPxat;
  }

  /** Writes the command with its expiry made absolute; false: there is nothing to change, the caller forwards it. */
  rewrite(command: CommandView, action: Action, db: number): boolean {
    switch (action) {
      case Action.EXPIRE:
      case Action.PEXPIRE:
        return this.#replaceTime(command, db, 'PEXPIREAT', action === Action.EXPIRE ? 1000 : 1);
      case Action.HEXPIRE:
      case Action.HPEXPIRE:
        return this.#replaceTime(command, db, 'HPEXPIREAT', action === Action.HEXPIRE ? 1000 : 1);
      case Action.SETEX:
      case Action.PSETEX:
        return this.#setex(command, db, action === Action.SETEX ? 1000 : 1);
      case Action.SET:
        return this.#option(command, db, 3);
      case Action.WITH_EX_OPTION:
        return this.#option(command, db, 2);
      case Action.RESTORE:
        return this.#restore(command, db);
      default:
        return false;
    }
  }

  /** `NAME key time rest...` */
  #replaceTime(command: CommandView, db: number, name: string, unitMs: number): boolean {
    const at = this.#absolute(command, 2, unitMs);
    if (command.argc < 3 || at === undefined) return false;
    const out = this.#begin(command, db, command.argc, name);
    this.#copy(out, command, 1, 2);
    out.argText(at);
    this.#copy(out, command, 3, command.argc);
    this.#end(command);
    return true;
  }

  #setex(command: CommandView, db: number, unitMs: number): boolean {
    const at = this.#absolute(command, 2, unitMs);
    if (command.argc !== 4 || at === undefined) return false;
    const out = this.#begin(command, db, this.#setTakesPxat ? 5 : 3, 'SET');
    this.#copy(out, command, 1, 2);
    this.#copy(out, command, 3, 4);
    this.#endSet(out, command, db, at);
    return true;
  }

  /** Options from `first` on: `EX seconds` and `PX ms` become `PXAT ms`. */
  #option(command: CommandView, db: number, first: number): boolean {
    for (let index = first; index + 1 < command.argc; index++) {
      if (first === 3 && !this.#setTakesPxat && isWord(command, index, 'PXAT')) {
        return this.#setAndExpire(command, db, index, command.text(index + 1));
      }
      const length = (command.argEnd[index] as number) - (command.argStart[index] as number);
      if (length === 6 && /^fields$/i.test(command.text(index))) return false;
      if (length !== 2) continue;
      const word = command.text(index).toUpperCase();
      if (word !== 'EX' && word !== 'PX') continue;
      const at = this.#absolute(command, index + 1, word === 'EX' ? 1000 : 1);
      if (at === undefined) return false;
      if (first === 3 && !this.#setTakesPxat) return this.#setAndExpire(command, db, index, at);
      const out = this.#begin(command, db, command.argc, command.text(0));
      this.#copy(out, command, 1, index);
      out.argText('PXAT');
      out.argText(at);
      this.#copy(out, command, index + 2, command.argc);
      this.#end(command);
      return true;
    }
    return false;
  }

  /** A SET without the option at `index`. What the source propagates was done there: a condition that SET has (NX, XX) holds. */
  #setAndExpire(command: CommandView, db: number, index: number, at: string): boolean {
    const out = this.#begin(command, db, command.argc - 2, 'SET');
    this.#copy(out, command, 1, index);
    this.#copy(out, command, index + 2, command.argc);
    this.#endSet(out, command, db, at);
    return true;
  }

  /** Ends a SET with its time, in it or behind it. */
  #endSet(out: RawCommandSink, command: CommandView, db: number, at: string): void {
    if (this.#setTakesPxat) {
      out.argText('PXAT');
      out.argText(at);
      this.#end(command);
      return;
    }
    this.#end(command);
    const expire = this.#begin(command, db, 3, 'PEXPIREAT');
    this.#copy(expire, command, 1, 2);
    expire.argText(at);
    this.#target.endWrite(command.offset, false);
  }

  #restore(command: CommandView, db: number): boolean {
    if (command.argc < 4) return false;
    const ttl = readNumber(command, 2);
    const asking = /-/.test(command.text(0));
    for (let index = 4; index < command.argc; index++) {
      if (/^absttl$/i.test(command.text(index)))
        return asking ? this.#restoreAs(command, db, undefined) : false;
    }
    if (ttl === undefined) return false;
    if (ttl === 0) return asking ? this.#restoreAs(command, db, undefined) : false;
    return this.#restoreAs(command, db, String(this.#arrivalMs(command.offset) + ttl));
  }

  /** RESTORE-ASKING is for a cluster's own use: a target takes RESTORE. */
  #restoreAs(command: CommandView, db: number, at: string | undefined): boolean {
    const out = this.#begin(command, db, command.argc + (at === undefined ? 0 : 1), 'RESTORE');
    this.#copy(out, command, 1, 2);
    if (at === undefined) this.#copy(out, command, 2, 3);
    else out.argText(at);
    this.#copy(out, command, 3, command.argc);
    if (at !== undefined) out.argText('ABSTTL');
    this.#end(command);
    return true;
  }

  #absolute(command: CommandView, index: number, unitMs: number): string | undefined {
    const value = index < command.argc ? readNumber(command, index) : undefined;
    return value === undefined
      ? undefined
      : String(Math.max(this.#arrivalMs(command.offset) + value * unitMs, 1));
  }

  #begin(command: CommandView, db: number, argc: number, name: string): RawCommandSink {
    const { buf, argStart, argEnd } = command;
    const out = this.#target.beginWrite(db, buf, argStart[1] as number, argEnd[1] as number);
    out.begin(argc);
    out.argText(name);
    return out;
  }

  #copy(out: RawCommandSink, command: CommandView, from: number, to: number): void {
    for (let index = from; index < to; index++) {
      out.arg(command.buf, command.argStart[index] as number, command.argEnd[index] as number);
    }
  }

  #end(command: CommandView): void {
    this.#target.endWrite(command.offset, true);
  }
}

/** What a command too large to be rewritten has as its expiry, where that is relative: it follows as a command of its own. */
export function absoluteBig(
  command: BigCommand,
  arrivalMs: () => number,
): { key: Buffer; atMs: number } | undefined {
  const text = (index: number): string => command.kept.get(index)?.toString('latin1') ?? '';
  const key = command.kept.get(1);
  const name = command.kept.get(0) as Buffer;
  if (key === undefined) return undefined;
  const at = (value: string, unitMs: number): { key: Buffer; atMs: number } | undefined =>
    /^\d{1,15}$/.test(value) ? { key, atMs: arrivalMs() + Number(value) * unitMs } : undefined;
  switch (actionOf(name, 0, name.length)) {
    case Action.SETEX:
      return at(text(2), 1000);
    case Action.PSETEX:
      return at(text(2), 1);
    case Action.RESTORE: {
      const absolute = [...command.kept].some(
        ([index, arg]) => index > 3 && /^absttl$/i.test(arg.toString('latin1')),
      );
      return absolute || text(2) === '0' ? undefined : at(text(2), 1);
    }
    case Action.SET:
      for (let index = 3; index + 1 < command.argc; index++) {
        const word = text(index).toUpperCase();
        if (word === 'EX' || word === 'PX') return at(text(index + 1), word === 'EX' ? 1000 : 1);
      }
      return undefined;
    default:
      return undefined;
  }
}

function isWord(command: CommandView, index: number, word: string): boolean {
  const length = (command.argEnd[index] as number) - (command.argStart[index] as number);
  return length === word.length && command.text(index).toUpperCase() === word;
}

function readNumber(command: CommandView, index: number): number | undefined {
  const text = command.text(index);
  return /^-?\d{1,15}$/.test(text) ? Number(text) : undefined;
}

import type { CommandView } from '../../protocol/resp/command-walker.ts';
import { Action } from '../command-table.ts';
import { NEVER } from './expiry-table.ts';

/** The command leaves the expiry as it is. */
export const KEPT: number = Number.NaN;

const E = 0x45;
const P = 0x50;
const X = 0x58;
const A = 0x41;
const G = 0x47;
const K = 0x4b;
const UPPER = 0xdf;

/** What an option of SET and its like says. */
const Option = { GET: 0, RELATIVE_S: 1, RELATIVE_MS: 2, AT_S: 3, AT_MS: 4, KEEP: 5, CONDITION: 6 } as const;
type Option = (typeof Option)[keyof typeof Option];

/**
 * The expiry that a command gives to its key (or to fields of it), ms since 1970; NEVER: it removes it; KEPT: it leaves it. `arrivalMs`: when the
 * command arrived, from which a relative time counts.
 *
 *     EXPIRE key s    SETEX key s value    RESTORE key ttl ... [ABSTTL]    SET key value [EX s | PX ms | EXAT s | PXAT ms | KEEPTTL]
 */
export function expiryOf(command: CommandView, action: Action, arrivalMs: number): number {
  switch (action) {
    case Action.EXPIRE:
    case Action.SETEX:
    case Action.HEXPIRE:
      return arrivalMs + 1000 * integerAt(command, 2);
    case Action.PEXPIRE:
    case Action.PSETEX:
    case Action.HPEXPIRE:
      return arrivalMs + integerAt(command, 2);
    case Action.PEXPIREAT:
    case Action.HPEXPIREAT:
      return integerAt(command, 2);
    case Action.EXPIREAT:
    case Action.HEXPIREAT:
      return 1000 * integerAt(command, 2);
    case Action.PERSIST:
      return NEVER;
    case Action.RESTORE: {
      const ms = integerAt(command, 2);
      if (ms === 0) return NEVER;
      return hasAbsoluteTtl(command) ? ms : arrivalMs + ms;
    }
    case Action.SET:
      return byOption(command, 3, arrivalMs, NEVER);
    case Action.WITH_EX_OPTION:
    case Action.MSETEX:
      return byOption(command, 2, arrivalMs, KEPT);
    default:
      return KEPT;
  }
}

/** Its time counts from the moment at which the source ran it. */
export function isRelative(command: CommandView, action: Action): boolean {
  switch (action) {
    case Action.EXPIRE:
    case Action.PEXPIRE:
    case Action.SETEX:
    case Action.PSETEX:
    case Action.HEXPIRE:
    case Action.HPEXPIRE:
      return true;
    case Action.RESTORE:
      return integerAt(command, 2) !== 0 && !hasAbsoluteTtl(command);
    case Action.SET:
    case Action.WITH_EX_OPTION:
    case Action.MSETEX:
      return hasRelativeOption(command, action === Action.SET ? 3 : 2);
    default:
      return false;
  }
}

/** What the command leaves of its keys does not depend on what they were: it is right also where the target has lost them. */
export function replaces(command: CommandView, action: Action): boolean {
  switch (action) {
    case Action.SET:
      for (let index = 3; index < command.argc; index++) {
        const option = optionAt(command, index);
        if (option === Option.KEEP || option === Option.CONDITION) return false;
        if (option !== Option.GET) index++;
      }
      return true;
    case Action.SETEX:
    case Action.PSETEX:
    case Action.RESTORE:
    case Action.MSET:
    case Action.DEL:
    case Action.HDEL:
      return true;
    default:
      return false;
  }
}

function byOption(command: CommandView, first: number, arrivalMs: number, otherwise: number): number {
  for (let index = first; index < command.argc; index++) {
    const option = optionAt(command, index);
    if (option === Option.KEEP) return KEPT;
    if (option === Option.GET || option === Option.CONDITION || index + 1 === command.argc) continue;
    const value = integerAt(command, index + 1);
    if (Number.isNaN(value)) continue;
    if (option === Option.AT_MS) return value;
    if (option === Option.AT_S) return 1000 * value;
    return arrivalMs + (option === Option.RELATIVE_S ? 1000 * value : value);
  }
  return otherwise;
}

function hasRelativeOption(command: CommandView, first: number): boolean {
  for (let index = first; index + 1 < command.argc; index++) {
    const option = optionAt(command, index);
    if (option === Option.RELATIVE_S || option === Option.RELATIVE_MS) return true;
  }
  return false;
}

/** By length and letters: EX PX EXAT PXAT KEEPTTL GET; whatever else there is counts as a condition (NX XX IFEQ IFDNE ...). */
function optionAt({ buf, argStart, argEnd }: CommandView, index: number): Option {
  const start = argStart[index] as number;
  const length = (argEnd[index] as number) - start;
  const first = (buf[start] as number) & UPPER;
  const second = (buf[start + 1] as number) & UPPER;
  if (length === 2) {
    if (second === X && first === E) return Option.RELATIVE_S;
    return second === X && first === P ? Option.RELATIVE_MS : Option.CONDITION;
  }
  if (length === 4) {
    const at = second === X && ((buf[start + 2] as number) & UPPER) === A;
    if (at && first === E) return Option.AT_S;
    return at && first === P ? Option.AT_MS : Option.CONDITION;
  }
  if (length === 7 && first === K) return Option.KEEP;
  return length === 3 && first === G ? Option.GET : Option.CONDITION;
}

function hasAbsoluteTtl(command: CommandView): boolean {
  for (let index = 4; index < command.argc; index++) {
    const length = (command.argEnd[index] as number) - (command.argStart[index] as number);
    if (length === 6 && /^absttl$/i.test(command.text(index))) return true;
  }
  return false;
}

/** NaN: it is none of at most 15 digits. */
function integerAt({ buf, argc, argStart, argEnd }: CommandView, index: number): number {
  if (index >= argc) return Number.NaN;
  let pos = argStart[index] as number;
  const end = argEnd[index] as number;
  const negative = buf[pos] === 0x2d;
  if (negative) pos++;
  if (pos === end || end - pos > 15) return Number.NaN;
  let value = 0;
  for (; pos < end; pos++) {
    const digit = (buf[pos] as number) - 0x30;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = 10 * value + digit;
  }
  return negative ? -value : value;
}

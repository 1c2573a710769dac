/** Commands whose options decide which arguments are keys, or what is done to them: what Redis too has a function of its own for (db.c). */
import type { CommandView } from '../../protocol/resp/command-walker.ts';
import { isWord } from './name-index.ts';

const word = (text: string): Buffer => Buffer.from(text, 'latin1');

const STORE = word('STORE');
const BY = word('BY');
const GET = word('GET');
const LIMIT = word('LIMIT');
const KEYS = word('KEYS');
const AUTH = word('AUTH');
const AUTH2 = word('AUTH2');
const OVERFLOW = word('OVERFLOW');

function is(command: CommandView, index: number, name: Buffer): boolean {
  return isWord(command.buf, command.argStart[index] as number, command.argEnd[index] as number, name);
}

/**
 *     SORT key { BY pattern | LIMIT offset count | GET pattern | ASC | DESC | ALPHA | STORE key }
 *
 * The argument behind the last STORE, which is the one that counts; 0: there is none.
 */
export function sortStore(command: CommandView): number {
  let store = 0;
  for (let i = 2; i < command.argc; i++) {
    if (is(command, i, LIMIT)) i += 2;
    else if (is(command, i, BY) || is(command, i, GET)) i += 1;
    else if (is(command, i, STORE) && i + 1 < command.argc) store = ++i;
  }
  return store;
}

export const MIGRATE_KEYS_NONE = 0;

/**
 *     MIGRATE host port ( key | "" ) db timeout { COPY | REPLACE | AUTH password | AUTH2 user password } [ KEYS key { key } ]
 *
 * The argument behind KEYS; MIGRATE_KEYS_NONE: there is no KEYS.
 */
export function migrateKeys(command: CommandView): number {
  for (let i = 6; i < command.argc; i++) {
    if (is(command, i, KEYS)) return i + 1;
    if (is(command, i, AUTH)) i += 1;
    else if (is(command, i, AUTH2)) i += 2;
  }
  return MIGRATE_KEYS_NONE;
}

const F = 0x46;
const I = 0x49;
const CASE = 0xdf;

/** Whether an option from argument `from` on asks for the old value: GET, or a condition on it (IFEQ, IFNE, IFDEQ, IFDNE). */
export function dependsOnValue(command: CommandView, from: number): boolean {
  for (let i = from; i < command.argc; i++) {
    const start = command.argStart[i] as number;
    const end = command.argEnd[i] as number;
    if (end - start < 3) continue;
    const condition =
      ((command.buf[start] as number) & CASE) === I && ((command.buf[start + 1] as number) & CASE) === F;
    if (condition || is(command, i, GET)) return true;
  }
  return false;
}

/** `BITFIELD key { GET type offset | OVERFLOW how | SET type offset value | INCRBY type offset step }` without SET and INCRBY. */
export function bitfieldReadsOnly(command: CommandView): boolean {
  let i = 2;
  while (i < command.argc) {
    if (is(command, i, GET)) i += 3;
    else if (is(command, i, OVERFLOW)) i += 2;
    else return false;
  }
  return i === command.argc;
}

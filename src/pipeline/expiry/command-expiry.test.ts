import { describe, expect, it } from 'vitest';
import { viewOf } from '../../../test/support/command-view.ts';
import { actionOf } from '../command-table.ts';
import { expiryOf, isRelative, KEPT, replaces } from './command-expiry.ts';
import { NEVER } from './expiry-table.ts';

const ARRIVAL_MS = 1_000_000;

function of(text: string): { atMs: number; relative: boolean; replaces: boolean } {
  const view = viewOf(...text.split(' '));
  const action = actionOf(view.buf, view.argStart[0] as number, view.argEnd[0] as number);
  return {
    atMs: expiryOf(view, action, ARRIVAL_MS),
    relative: isRelative(view, action),
    replaces: replaces(view, action),
  };
}

describe('what a command says of an expiry', () => {
  it.each([
    ['EXPIRE k 10', ARRIVAL_MS + 10_000, true, false],
    ['expire k -1 XX', ARRIVAL_MS - 1000, true, false],
    ['PEXPIRE k 10', ARRIVAL_MS + 10, true, false],
    ['EXPIREAT k 2000', 2_000_000, false, false],
    ['PEXPIREAT k 2000000 GT', 2_000_000, false, false],
    ['PERSIST k', NEVER, false, false],
    ['SETEX k 10 v', ARRIVAL_MS + 10_000, true, true],
    ['PSETEX k 10 v', ARRIVAL_MS + 10, true, true],
    ['SET k v', NEVER, false, true],
    ['SET k v EX 10', ARRIVAL_MS + 10_000, true, true],
    ['SET k v px 10', ARRIVAL_MS + 10, true, true],
    ['SET k v PXAT 2000000', 2_000_000, false, true],
    ['SET k v exat 2000 GET', 2_000_000, false, true],
    ['SET k v XX PXAT 2000000', 2_000_000, false, false],
    ['SET k v PXAT 2000000 NX', 2_000_000, false, false],
    ['SET k v KEEPTTL', KEPT, false, false],
    ['SET k v XX', NEVER, false, false],
    ['SET k v IFEQ v2 PX 10', ARRIVAL_MS + 10, true, false],
    ['SET k v IFDNE 00aa', NEVER, false, false],
    ['SET k v GET', NEVER, false, true],
    ['GETEX k PXAT 2000000', 2_000_000, false, false],
    ['HSETEX k PX 10 FIELDS 1 f v', ARRIVAL_MS + 10, true, false],
    ['HPEXPIREAT k 2000000 FIELDS 1 f', 2_000_000, false, false],
    ['HEXPIREAT k 2000 FIELDS 1 f', 2_000_000, false, false],
    ['RESTORE k 0 payload', NEVER, false, true],
    ['RESTORE k 10 payload REPLACE', ARRIVAL_MS + 10, true, true],
    ['RESTORE k 2000000 payload REPLACE ABSTTL', 2_000_000, false, true],
    ['MSETEX 1 k v PXAT 2000000', 2_000_000, false, false],
    ['MSET k v k2 v2', KEPT, false, true],
    ['UNLINK k k2', KEPT, false, true],
    ['HSET k f v', KEPT, false, false],
    ['EXPIRE k soon', Number.NaN, true, false],
  ])('%s', (text, atMs, relative, whole) => {
    expect(of(text)).toEqual({ atMs, relative, replaces: whole });
  });
});

import { describe, expect, it } from 'vitest';
import { viewOf } from '../../../test/support/command-view.ts';
import { KeyFinder, NOT_FOUND } from './key-finder.ts';
import { KeyTable } from './key-table.ts';

const finder = new KeyFinder(KeyTable.builtIn());

/** `argument:access` of each key; R is 1, W is 2. */
function keys(text: string): string | number {
  const count = finder.find(viewOf(...text.split(' ').map((word) => (word === '""' ? '' : word))));
  if (count <= 0) return count;
  return Array.from({ length: count }, (_, i) => `${finder.positions[i]}:${finder.access[i]}`).join(' ');
}

describe('KeyFinder', () => {
  it.each([
    ['set k v', '1:2'],
    ['SET k v EX 10', '1:2'],
    ['SET get v', '1:2'],
    ['SET k get', '1:2'],
    ['SET k v px 10 Get', '1:3'],
    ['SET k v ifeq x', '1:3'],
    ['SET k v IFDNE x', '1:3'],
    ['DELEX k', '1:2'],
    ['DELEX ifeq', '1:2'],
    ['DELEX k IFEQ x', '1:3'],
    ['BITFIELD k GET u8 0', '1:1'],
    ['BITFIELD k OVERFLOW SAT GET u8 0 INCRBY u8 0 1', '1:3'],
    ['BITFIELD k GET u8', '1:3'],
    ['XREADGROUP GROUP g c STREAMS a b 1 2', '5:3 6:3'],
    ['PFMERGE d', '1:3'],
    ['ZUNIONSTORE d 2 a b WEIGHTS 1 2', '1:2 3:1 4:1'],
    ['MSETEX 2 a 1 b 2 EX 5', '2:2 4:2'],
    ['GEORADIUS k 1 2 3 km STORE a STOREDIST b', '1:1 7:2 9:2'],
    ['GEORADIUS k 1 2 3 km STORE', '1:1'],
    ['GEORADIUS STORE 1 2 3 STORE', '1:1'],
    ['SORT k GET STORE STORE d', '1:1 5:2'],
    ['MIGRATE h 1 "" 0 5 AUTH KEYS KEYS a b', '9:3 10:3'],
    ['COPY a a', '1:1 2:2'],
  ])('%s', (text, expected) => {
    expect(keys(text)).toBe(expected);
  });

  it.each([
    'FLUSHALL',
    'select 1',
    'MULTI',
    'PUBLISH c m',
    'EVAL s 0',
    'EVAL s 0 a',
    'FUNCTION LOAD x',
  ])('%s has none', (text) => {
    expect(keys(text)).toBe(0);
  });

  it.each([
    'NOSUCH k',
    'SET k',
    'ZUNIONSTORE d 5 a b',
    'ZUNIONSTORE d 0 a',
    'ZUNIONSTORE d 02 a b',
    'EVAL s 3 a b',
    'EVAL s -1 a',
    'EVAL s abc a',
    'EVAL s 2',
    'SINTERCARD 4294967297 a',
    'SINTERCARD 99999999999999999999999 a',
    'XREADGROUP GROUP g c COUNT 1 a',
    'MIGRATE h 1 k 0 5 KEYS a',
    'MIGRATE h 1 "" 0 5 KEYS',
    'XGROUP NOSUCH k g',
  ])('%s can not be told', (text) => {
    expect(keys(text)).toBe(NOT_FOUND);
  });

  it('searches a keyword backwards from the end', () => {
    // As MIGRATE's own spec would, were it not incomplete.
    const spec = [
      ['flags', ['RW'], 'begin_search', ['type', 'keyword', 'spec', ['keyword', 'KEYS', 'startfrom', -2]]],
      ['find_keys', ['type', 'range', 'spec', ['lastkey', -1, 'keystep', 1, 'limit', 0]]],
    ].flat();
    const table = KeyTable.from([['m.go', -2, ['write'], 0, 0, 0, [], [], [spec], []]]);
    const own = new KeyFinder(table);
    expect(own.find(viewOf('M.GO', 'keys', 'x', 'KEYS', 'a', 'b'))).toBe(2);
    expect([...own.positions.subarray(0, 2)]).toEqual([4, 5]);
    // The last argument names no keys behind it, and the first one is not looked at.
    expect(own.find(viewOf('M.GO', 'a', 'KEYS'))).toBe(NOT_FOUND);
    expect(own.find(viewOf('M.GO', 'KEYS', 'a', 'b'))).toBe(NOT_FOUND);
  });

  it('grows with the count of keys', () => {
    const own = new KeyFinder(KeyTable.builtIn());
    const args = Array.from({ length: 100_000 }, (_, i) => `k${i}`);
    expect(own.find(viewOf('DEL', ...args))).toBe(100_000);
    expect([own.positions[99_999], own.access[99_999], own.access[63], own.positions[64]]).toEqual([
      100_000, 2, 2, 65,
    ]);
    expect(own.find(viewOf('EVAL', 's', 100_000, ...args, 'x'))).toBe(100_000);
    expect(own.positions[99_999]).toBe(100_002);
  });
});

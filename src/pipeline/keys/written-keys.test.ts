import { describe, expect, it } from 'vitest';
import { viewOf } from '../../../test/support/command-view.ts';
import { NOT_FOUND } from './key-finder.ts';
import { KeyTable } from './key-table.ts';
import { WrittenKeys } from './written-keys.ts';

const keys = new WrittenKeys(KeyTable.builtIn());

function found(...args: string[]): string[] | 'not found' {
  const view = viewOf(...args);
  const count = keys.find(view);
  if (count === NOT_FOUND) return 'not found';
  return Array.from({ length: count }, (_, i) => view.text(keys.positions[i] as number));
}

const wants = (name: string): boolean => keys.wants(Buffer.from(name), 0, name.length);

describe('WrittenKeys', () => {
  it('wants what may change keys, and what it does not know', () => {
    for (const name of [
      'set',
      'DEL',
      'EVAL',
      'fcall',
      'XGROUP',
      'XREADGROUP',
      'PFCOUNT',
      'FLUSHALL',
      'SORT',
      'EXHSET',
    ])
      expect([name, wants(name)]).toEqual([name, true]);
    for (const name of [
      'get',
      'MGET',
      'SCAN',
      'EVAL_RO',
      'PING',
      'EXISTS',
      'XINFO',
      'VSIM',
      'PUBLISH',
      'MULTI',
    ])
      expect([name, wants(name)]).toEqual([name, false]);
  });

  it('finds the keys that are written', () => {
    expect(found('SET', 'a', '1')).toEqual(['a']);
    expect(found('ZUNIONSTORE', 'd', '2', 'a', 'b')).toEqual(['d']);
    expect(found('SORT', 'l')).toEqual([]);
    expect(found('SORT', 'l', 'STORE', 'd')).toEqual(['d']);
    expect(found('EVAL', 's', '2', 'a', 'b', 'c')).toEqual(['a', 'b']);
    expect(found('EVAL', 's', '0', 'c')).toEqual([]);
    expect(found('MSET', ...Array.from({ length: 200 }, (_, i) => String(i)))).toHaveLength(100);
    expect(found('EXHSET', 'a', 'b', 'c')).toBe('not found');
    expect(found('CLUSTER', 'SLOTS')).toEqual([]);
    expect(found('FUNCTION', 'DUMP')).toEqual([]);
  });

  it('tells where the database is not that of the command', () => {
    for (const [name, any] of [
      ['MOVE', true],
      ['COPY', true],
      ['RENAME', false],
    ] as const) {
      found(name, 'a', '1');
      expect([name, keys.anyDatabase]).toEqual([name, any]);
    }
  });

  it('tells what changes keys without naming them', () => {
    for (const args of [['FLUSHALL'], ['flushdb', 'ASYNC'], ['SWAPDB', '0', '1']])
      expect(keys.changesUnnamed(viewOf(...args))).toBe(true);
    for (const args of [
      ['FUNCTION', 'FLUSH'],
      ['EVAL', 's', '0'],
      ['SORT', 'l'],
      ['DEL', 'a'],
    ])
      expect(keys.changesUnnamed(viewOf(...args))).toBe(false);
  });
});

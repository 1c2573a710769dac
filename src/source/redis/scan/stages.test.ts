import { describe, expect, it } from 'vitest';
import { plainWalk, type ScanWalk } from './cursors.ts';
import { stagesOf } from './stages.ts';

const walk = (name: string): ScanWalk => ({ ...plainWalk, name });
const WALKS = ['a', 'b', 'c'].map(walk);

const texts = (...args: Parameters<typeof stagesOf>): string =>
  stagesOf(...args)
    .map(({ db, walk: { name }, cursor }) => `${db}${name}${cursor}`)
    .join(' ');

describe('stagesOf', () => {
  it.each([
    ['all, one database after the other', undefined, '0a0 0b0 0c0 2a0 2b0 2c0'],
    ['from the middle of a walk', { db: 0, walk: 'b', cursor: '77' }, '0b77 0c0 2a0 2b0 2c0'],
    ['from the end of a walk', { db: 0, walk: 'b', cursor: '' }, '0c0 2a0 2b0 2c0'],
    ['from the end of a database', { db: 0, walk: 'c', cursor: '' }, '2a0 2b0 2c0'],
    ['nothing, at the end of the last one', { db: 2, walk: 'c', cursor: '' }, ''],
    ['a database that is gone', { db: 1, walk: 'b', cursor: '5' }, '2a0 2b0 2c0'],
    ['a database anew whose walk is not known', { db: 2, walk: 'x', cursor: '5' }, '2a0 2b0 2c0'],
    ['a database anew whose unknown walk was at its end', { db: 2, walk: 'x', cursor: '' }, '2a0 2b0 2c0'],
  ])('tells %s', (_, from, expected) => {
    expect(texts([0, 2], WALKS, from)).toBe(expected);
  });
});

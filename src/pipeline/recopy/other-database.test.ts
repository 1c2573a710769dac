import { describe, expect, it } from 'vitest';
import { viewOf } from '../../../test/support/command-view.ts';
import { otherDatabase } from './other-database.ts';

describe('the other database of a command', () => {
  it.each([
    ['MOVE k 3', 3],
    ['move k 0', 0],
    ['COPY a b DB 5', 5],
    ['copy a b replace db 5', 5],
    ['COPY a b', undefined],
    ['COPY db 5', undefined],
    ['COPY a b DB', undefined],
    ['MOVE k', undefined],
    ['SORT a DB 5', undefined],
    ['INCR k', undefined],
  ])('%s: %s', (text, expected) => {
    expect(otherDatabase(viewOf(...text.split(' ')))).toBe(expected);
  });
});

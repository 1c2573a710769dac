import { describe, expect, it } from 'vitest';
import { BUILT_IN } from './built-in.ts';
import { readNotation, writeNotation } from './notation.ts';

describe('the notation', () => {
  it('reads what it writes', () => {
    const own = 'A -1 wo R1 W2..3 RW3..-1/2 R:KEYS@-2..-1%2 W4# RW5#1,3/2\nB|C 2 - ?\nB|D 3 r R2';
    for (const text of [own, BUILT_IN.trim()]) {
      const lines = readNotation(text).flatMap(writeNotation);
      expect(lines.sort()).toEqual(text.split('\n').sort());
    }
  });

  it('says that a line is wrong', () => {
    for (const line of [
      'A',
      'A x w',
      'A 1 q',
      'A 1 w 1',
      'A 1 w R',
      'A 1 w R1..',
      'A 1 w R:@1',
      'A 1 w R1 ?',
    ])
      expect(() => readNotation(line), line).toThrow(/^not a (command|key)/);
  });
});

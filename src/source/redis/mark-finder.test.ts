import { describe, expect, it } from 'vitest';
import { MarkFinder } from './mark-finder.ts';

const mark = Buffer.from('0123456789abcdefghij0123456789abcdefghij');
const input = Buffer.concat([
  Buffer.from('REDIS0011 0123456789abcdefghij0123456789abcdefghi? 0123'),
  mark,
  Buffer.from('*1\r\n'),
]);
const behind = input.length - 4;

function find(splits: number[]): number {
  const finder = new MarkFinder(mark);
  let from = 0;
  for (const to of [...splits, input.length]) {
    const at = finder.find(input, from, to);
    if (at !== -1) return at;
    from = to;
  }
  return -1;
}

describe('MarkFinder', () => {
  it('finds the mark whole, split at every position, by two splits, and byte by byte', () => {
    expect(find([])).toBe(behind);
    for (let a = 0; a <= input.length; a++) {
      expect(find([a])).toBe(behind);
      for (let b = a; b <= input.length; b++) expect(find([a, b])).toBe(behind);
    }
    expect(find(Array.from(input.keys()))).toBe(behind);
  });

  it('finds nothing where there is none', () => {
    const finder = new MarkFinder(mark);
    expect(finder.find(input, 0, behind - 1)).toBe(-1);
  });
});

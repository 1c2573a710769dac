import { describe, expect, it } from 'vitest';
import { TopCounts } from './top-counts.ts';

describe('TopCounts', () => {
  it('gives the largest by bytes, and all others as one', () => {
    const counts = new TopCounts();
    for (const [name, bytes] of [
      ['a', 1],
      ['b', 5],
      ['a', 7],
      ['c', 2],
    ] as const)
      counts.add(name, bytes, 1);
    expect(counts.top(1)).toEqual({
      names: [{ name: 'a', count: 2, bytes: 8, elements: 2 }],
      rest: { count: 2, bytes: 7, elements: 2 },
    });
  });

  it('loses no count where there are more names than it keeps', () => {
    const counts = new TopCounts();
    for (let i = 0; i < 50_000; i++) {
      counts.add(`name ${i}`, 1, 1);
      counts.add('large', 100, 1);
    }
    const { names, rest } = counts.top(1);
    expect(names[0]).toEqual({ name: 'large', count: 50_000, bytes: 5_000_000, elements: 50_000 });
    expect(rest).toEqual({ count: 50_000, bytes: 50_000, elements: 50_000 });
    expect(counts.rest.count).toBeGreaterThan(0);
  });
});

import { describe, expect, it } from 'vitest';
import { Marks } from './marks.ts';

describe('Marks', () => {
  const answered =
    (...counts: number[]) =>
    (lane: number) =>
      counts[lane] ?? 0;

  it('count when each lane has answered what was written by then', () => {
    const marks = new Marks();
    marks.add(100, 0, [3, 1]);
    marks.add(200, 5, [4, 6]);
    expect(marks.last).toBe(200);
    expect(marks.take(answered(9, 0))).toBeUndefined();
    expect(marks.take(answered(9, 5))).toEqual({ offset: 100, db: 0, written: [3, 1] });
    expect(marks.take(answered(9, 5))).toBeUndefined();
    expect(marks.take(answered(4, 6))).toMatchObject({ offset: 200, db: 5 });
  });

  it('are left out where a later one counts', () => {
    const marks = new Marks();
    marks.add(100, 0, [1]);
    marks.add(200, 0, [2]);
    expect(marks.take(answered(2))?.offset).toBe(200);
    expect(marks.take(answered(2))).toBeUndefined();
  });

  it('lack what was written since at the same place, whether they count by now or are gone', () => {
    const marks = new Marks();
    marks.add(100, 0, [3]);
    expect([marks.lack([3]), marks.lack([4]), marks.waiting]).toEqual([false, true, true]);
    marks.take(answered(3));
    expect([marks.lack([3]), marks.lack([3, 1]), marks.waiting]).toEqual([false, true, false]);
    marks.clear([5]);
    expect([marks.lack([5]), marks.lack([6])]).toEqual([false, true]);
  });

  it('are gone once cleared', () => {
    const marks = new Marks();
    marks.add(100, 0, [0]);
    marks.clear([]);
    expect(marks.take(answered(1))).toBeUndefined();
    expect(marks.last).toBe(-1);
  });
});

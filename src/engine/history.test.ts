import { describe, expect, it } from 'vitest';
import { History } from './history.ts';

const counters = (commands: number) => ({ keys: 0, skipped: 0, commands, recopied: 0, split: 0 });

/** Checkpoints at 10, 20 ... */
function known(count: number): History {
  const history = new History();
  for (let n = 1; n <= count; n++) history.add({ offset: 10 * n, db: n % 3 }, counters(n));
  return history;
}

describe('History', () => {
  it('knows where the target was, with what was counted by then, and forgets what came behind', () => {
    const history = known(5);
    expect(history.backTo(30)).toEqual({ offset: 30, db: 0, named: 30, counters: counters(3) });
    expect([history.backTo(40), history.backTo(25)]).toEqual([undefined, undefined]);
    history.add({ offset: 20, db: 2 }, counters(9));
    expect(history.backTo(20)?.counters.commands).toBe(2);
  });

  it('forgets what is too old, and says from where on the rest is needed', () => {
    const history = known(5);
    // A target that has what stands before 31 shows 30.
    expect([history.forget(5, 0), history.forget(31, 0), history.backTo(20)]).toEqual([10, 30, undefined]);
    expect(history.backTo(30)?.offset).toBe(30);
    expect(known(5).forget(30, 0)).toBe(20);
    expect(known(5).forget(99, 0)).toBe(50);
  });

  it('keeps nothing that lies so far back that the spool could not', () => {
    expect([known(5).forget(31, 31), known(5).forget(99, 51)]).toEqual([40, Number.POSITIVE_INFINITY]);
  });

  it('goes on behind what had no effect', () => {
    const history = known(3);
    history.passed({ offset: 99, db: 5 });
    expect(history.forget(99, 90)).toBe(99);
    history.add({ offset: 120, db: 0 }, counters(4));
    expect(history.forget(99, 90)).toBe(99);
    expect(history.backTo(30)).toEqual({ offset: 99, db: 5, named: 30, counters: counters(3) });
    const empty = new History();
    empty.passed({ offset: 9, db: 0 });
    expect(empty.backTo(9)).toBe(undefined);
  });

  it('keeps the last checkpoint of the snapshot as the stream’s beginning', () => {
    const history = known(3);
    history.beginStream(37);
    history.add({ offset: 50, db: 4 }, counters(4));
    expect([history.forget(0, 0), history.backTo(20)]).toEqual([37, undefined]);
    expect(history.backTo(30)).toMatchObject({ offset: 37, db: 0, counters: { commands: 3 } });
  });

  it('is bounded', () => {
    const history = known(100_000);
    expect([history.forget(0, 0), history.backTo(10)]).toEqual([10 * (100_000 - 16_384 + 1), undefined]);
    expect(history.backTo(999_990)?.counters.commands).toBe(99_999);
  });
});

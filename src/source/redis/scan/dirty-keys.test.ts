import { describe, expect, it, vi } from 'vitest';
import { Batch } from './batch.ts';
import { DirtyKeys } from './dirty-keys.ts';

function add(dirty: DirtyKeys, db: number | undefined, ...keys: string[]): boolean[] {
  return keys.map((key) => dirty.add(db, Buffer.from(key), 0, key.length));
}

function take(dirty: DirtyKeys, db: number, count: number): [Batch, string[]] {
  const batch = new Batch();
  dirty.take(db, batch, count);
  return [batch, Array.from({ length: batch.count }, (_, i) => batch.key(i).toString())];
}

describe('DirtyKeys', () => {
  it('gives each key once until it is told again, in the order of the telling', () => {
    const dirty = new DirtyKeys(10);
    add(dirty, 2, 'a', 'b', 'a', 'c');
    expect(take(dirty, 2, 2)[1]).toEqual(['a', 'b']);
    add(dirty, 2, 'a');
    expect([dirty.size, dirty.waiting(2), dirty.databases]).toEqual([2, 2, [2]]);
    expect(take(dirty, 2, 9)[1]).toEqual(['c', 'a']);
  });

  it('puts what was told without a database into those that are there afterwards', async () => {
    const dirty = new DirtyKeys(10);
    add(dirty, undefined, 'a');
    const placed = dirty.place(async () => {
      add(dirty, undefined, 'later');
      return [0, 5];
    });
    expect(await placed).toBe(true);
    expect([take(dirty, 0, 9)[1], take(dirty, 5, 9)[1], dirty.size]).toEqual([['a'], ['a'], 1]);
  });

  it('drops all where there are too many', async () => {
    const dirty = new DirtyKeys(2);
    expect(add(dirty, 0, 'a', 'b', 'c')).toEqual([true, true, false]);
    add(dirty, undefined, 'a');
    expect(await dirty.place(async () => [0, 1, 2])).toBe(false);
    expect([dirty.size, dirty.sinceMs]).toEqual([0, undefined]);
  });

  it('tells since when, until it is acknowledged', async () => {
    vi.useFakeTimers({ now: 100 });
    try {
      const dirty = new DirtyKeys(10);
      add(dirty, undefined, 'old');
      vi.setSystemTime(200);
      add(dirty, 0, 'new');
      await dirty.place(async () => [0]);
      expect(dirty.sinceMs).toBe(100);
      const [first] = take(dirty, 0, 1);
      expect(dirty.sinceMs).toBe(100);
      const [second] = take(dirty, 0, 1);
      dirty.read(first, 10);
      dirty.read(second, 20);
      dirty.acked(19);
      expect(dirty.sinceMs).toBe(100);
      dirty.acked(20);
      expect(dirty.sinceMs).toBeUndefined();
    } finally {
      vi.useRealTimers();
    }
  });
});

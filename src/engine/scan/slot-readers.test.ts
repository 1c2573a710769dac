import { describe, expect, it, vi } from 'vitest';
import { keySlot } from '../../net/topology/slot.ts';
import type { Topology } from '../../net/topology/topology.ts';
import { Batch } from '../../source/redis/scan/batch.ts';
import { type SlotReader, SlotReaders } from './slot-readers.ts';

const KEY = Buffer.from('key');
const SLOT = keySlot(KEY, 0, KEY.length);

/** Owner of all slots is node 0, but of the key's slot. */
function topologyOf(owner: number, moving = false): Topology {
  const owners = new Int16Array(16_384);
  owners[SLOT] = owner;
  const moves = moving ? [{ slot: SLOT, ownerId: 'a', importerId: 'b' }] : [];
  return { kind: 'cluster', nodes: [{ id: 'a' }, { id: 'b' }], owners, moves } as unknown as Topology;
}

function readerOf(masterId: string, settled: () => Promise<void>, told: string[]): SlotReader {
  return {
    masterId,
    settled,
    readAgain: (db, keys) => {
      for (const [key, ms] of keys) told.push(`${masterId} ${db} ${key} ${ms}`);
      return true;
    },
    gained: () => told.push(`${masterId} gained`),
  };
}

function strays(readers: SlotReaders, reader: SlotReader): string[] {
  const batch = new Batch();
  batch.add(Buffer.from('other'), 0, 5);
  batch.add(KEY, 0, KEY.length);
  readers.sift(reader, batch);
  return batch.strays.map(String);
}

describe('SlotReaders', () => {
  it('gives a slot that has moved to its next reader when the one before has settled, and the keys that waited', async () => {
    const told: string[] = [];
    let settle = (): void => {};
    const settled = vi.fn(
      () =>
        new Promise<void>((resolve) => {
          settle = resolve;
        }),
    );
    const a = readerOf('a', settled, told);
    const b = readerOf('b', async () => {}, told);
    let now = topologyOf(0, true);
    const failures: unknown[] = [];
    const { signal } = new AbortController();
    const readers = new SlotReaders(
      [a, b],
      topologyOf(0),
      async () => now,
      signal,
      (error) => failures.push(error),
    );
    expect([strays(readers, a), strays(readers, b)]).toEqual([[], ['other', 'key']]);

    // While it moves its owner is still asked.
    readers.put(0, KEY, 5);
    await vi.waitUntil(() => told.length === 1);
    expect(told).toEqual(['a 0 key 5']);

    expect(await readers.areAtRest()).toBe(false);
    now = topologyOf(1);
    readers.put(0, KEY, 7);
    readers.put(0, KEY, 6);
    expect(readers.sinceMs).toBe(6);
    await vi.waitUntil(() => settled.mock.calls.length === 1);
    expect([strays(readers, a), strays(readers, b)]).toEqual([['key'], ['other', 'key']]);
    expect(told).toHaveLength(1);
    settle();
    await vi.waitUntil(() => told.length === 3);
    expect(told.slice(1)).toEqual(['b gained', 'b 0 key 6']);
    expect(await readers.areAtRest()).toBe(true);
    expect([strays(readers, a), strays(readers, b)]).toEqual([['key'], ['other']]);
    expect([readers.sinceMs, failures]).toEqual([undefined, []]);
  });

  it('gives a key to whoever reads its slot now', () => {
    const told: string[] = [];
    const [a, b] = ['a', 'b'].map((id) => readerOf(id, async () => {}, told)) as [SlotReader, SlotReader];
    const { signal } = new AbortController();
    const readers = new SlotReaders(
      [a, b],
      topologyOf(1),
      async () => topologyOf(1),
      signal,
      () => {},
    );
    readers.give(undefined, KEY, 3);
    expect(told).toEqual(['b undefined key 3']);
  });
});

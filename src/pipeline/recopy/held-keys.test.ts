import { describe, expect, it } from 'vitest';
import { type HeldKey, HeldKeys, type KeyValue } from './held-keys.ts';

const key = Buffer.from('k');
const value: KeyValue = { payload: Buffer.alloc(7), expireAtMs: -1 };

/** One key, held by the command at 10 and read at 50. */
function heldTo50(): HeldKeys {
  const keys = new HeldKeys();
  keys.hold(0, key, 10);
  keys.read(keys.toRead(9)[0] as HeldKey, value, 50);
  return keys;
}

function written(keys: HeldKeys, offset: number, again = false): number[] {
  const untils: number[] = [];
  keys.release(offset, again, ({ until }) => untils.push(until));
  return untils;
}

describe('keys that are held', () => {
  it('are written when the stream has come to their position, and not before', () => {
    const keys = heldTo50();
    expect([keys.has(0, key), keys.has(1, key), keys.since]).toEqual([true, false, 10]);
    expect(written(keys, 49)).toEqual([]);
    expect(written(keys, 50)).toEqual([50]);
    expect([keys.size, keys.since]).toEqual([0, 10]);
    keys.acked(51, false, 51);
    expect([keys.since, keys.sinceMs]).toEqual([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]);
  });

  it('are held again when the target goes back to before them', () => {
    const keys = heldTo50();
    written(keys, 50);
    keys.restart(40);
    expect([keys.has(0, key), keys.since]).toEqual([true, 10]);
    expect(written(keys, 50)).toEqual([50]);
    keys.restart(51);
    expect([keys.size, keys.since, keys.bytes]).toEqual([0, Number.POSITIVE_INFINITY, 0]);
  });

  it('are held again where the target may have acknowledged their position without them', () => {
    const keys = heldTo50();
    written(keys, 50, true);
    keys.acked(50, false, 50);
    keys.restart(50);
    expect(keys.size).toBe(1);
  });

  it('are not right before the target has acknowledged them, which the same offset does not say', () => {
    const keys = heldTo50();
    written(keys, 50, true);
    keys.acked(50, false, 50);
    expect([keys.since, keys.sinceMs <= Date.now()]).toEqual([10, true]);
    keys.acked(50, true, 50);
    expect([keys.since, keys.bytes]).toEqual([Number.POSITIVE_INFINITY, 0]);
    // Nor does the checkpoint of a target that comes back at 50.
    keys.restart(50);
    expect([keys.size, keys.unread]).toEqual([1, 1]);
  });

  it('are read anew where the target comes back without what it had acknowledged', () => {
    const keys = heldTo50();
    written(keys, 50);
    keys.acked(60, false, 30);
    expect([keys.since, keys.bytes]).toEqual([Number.POSITIVE_INFINITY, 0]);
    keys.restart(50);
    expect(keys.size).toBe(0);
    keys.restart(40);
    expect([keys.has(0, key), keys.unread, keys.since]).toEqual([true, 1, 10]);
  });

  it('take memory until they are acknowledged', () => {
    const keys = heldTo50();
    written(keys, 50);
    expect(keys.bytes).toBe(7);
    keys.acked(50, false, 50);
    expect(keys.bytes).toBe(0);
    keys.restart(40);
    expect(keys.size).toBe(0);
  });

  /** Held by the command at 10, written at 50, held again by the one at 60, written at 70 with another value. */
  function writtenTwice(): HeldKeys {
    const keys = heldTo50();
    written(keys, 50);
    keys.hold(0, key, 60);
    keys.read(keys.toRead(9)[0] as HeldKey, { payload: Buffer.alloc(9), expireAtMs: -1 }, 70);
    written(keys, 70);
    return keys;
  }

  it('go on with the newest of two values that were written, from the first command that they were held for', () => {
    const keys = writtenTwice();
    expect(keys.bytes).toBe(16);
    keys.restart(40);
    expect([keys.size, keys.bytes, keys.since, keys.last]).toEqual([1, 9, 10, 70]);
    expect(written(keys, 69)).toEqual([]);
    expect(written(keys, 70)).toEqual([70]);
    keys.acked(71, false, 71);
    expect([keys.bytes, keys.since]).toEqual([0, Number.POSITIVE_INFINITY]);
    const behind = writtenTwice();
    behind.restart(55);
    expect([behind.size, behind.bytes, behind.since]).toEqual([1, 9, 55]);
  });

  it('that wait for a newer value are right only up to the first command that they were held for', () => {
    const keys = heldTo50();
    written(keys, 50);
    keys.hold(0, key, 60);
    expect(keys.since).toBe(10);
    keys.restart(40);
    expect([keys.size, keys.unread, keys.bytes, keys.since]).toEqual([1, 1, 0, 10]);
    keys.hold(0, key, 5);
    keys.hold(0, key, 8);
    expect(keys.since).toBe(5);
  });

  it('are not right from where the stream goes on: what comes before their command is not applied either', () => {
    const keys = heldTo50();
    keys.restart(5);
    expect(keys.since).toBe(5);
    keys.restart(20);
    expect(keys.since).toBe(5);
  });

  it('are held in the other database too when the two are swapped', () => {
    const keys = heldTo50();
    keys.mirror(0, 3);
    expect([keys.has(3, key), keys.unread]).toEqual([true, 1]);
  });
});

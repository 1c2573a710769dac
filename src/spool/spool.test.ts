import { existsSync, readdirSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { countReads, holdWrites } from '../../test/support/spool-faults.ts';
import {
  bytesAt,
  dir,
  expectBytes,
  KIB,
  MIB,
  onDisk,
  put,
  putAll,
  readTo,
  small,
  track,
  useTempFolder,
} from '../../test/support/spool-kit.ts';
import { SLAB_BYTES } from './slabs.ts';
import { Spool } from './spool.ts';

useTempFolder();

describe('in memory', () => {
  it('gives back what came, synchronously', async () => {
    const spool = await small();
    expect(spool.read(10)).toBeUndefined();
    spool.space().write('hello');
    spool.commit(5);
    expect(spool.end).toBe(5);
    expect(spool.read(2)?.toString()).toBe('he');
    expect(spool.read(100)?.toString()).toBe('llo');
    expect(spool.read(100)).toBeUndefined();
    expect(spool.position).toBe(5);
  });

  it('begins at any offset', async () => {
    const spool = await small({ start: 1_000 });
    put(spool, 2_000);
    expect([spool.released, spool.position, spool.end]).toEqual([1_000, 1_000, 3_000]);
    await readTo(spool, 3_000);
    expect(readdirSync(dir)).toEqual(['naru-spool-0000000000001000']);
  });

  it('wakes a reader with the next commit', async () => {
    const spool = await small();
    const readable = spool.whenReadable();
    put(spool, 1);
    await readable;
    expect(spool.read(9)?.length).toBe(1);
  });

  it('writes nothing and takes two slabs while the reader keeps up', async () => {
    const hold = holdWrites();
    const spool = await small({ files: hold.files });
    for (let i = 0; i < 1_000; i++) {
      put(spool, 700);
      await readTo(spool, spool.end);
      spool.release(spool.position - 200);
    }
    expect(hold.writes).toBe(0);
    expect(spool.memoryBytes).toBe(2 * KIB);
    expect(onDisk()).toBe(0);
    hold.letGo();
  });

  it('keeps a space() good until its commit, also when all else was released', async () => {
    const spool = await small();
    put(spool, 1_000);
    const space = spool.space();
    await readTo(spool, spool.end);
    spool.release(spool.end);
    bytesAt(1_000, 24).copy(space);
    spool.commit(24);
    await readTo(spool, 1_024);
  });
});

describe('behind memory', () => {
  it('is byte-exact over 300 MiB with a reader that stops for the first 200', async () => {
    const spool = await Spool.open({ dir, diskBytesMax: 1024 * MIB, writeBehindBytes: Infinity });
    track(spool);
    await putAll(spool, 200 * MIB);
    expect(spool.diskBytes).toBeGreaterThan(180 * MIB);
    const rest = putAll(spool, 100 * MIB);
    await readTo(spool, 300 * MIB, () => spool.release(Math.max(0, spool.position - 3 * MIB)));
    await rest;
    expect(spool.memoryBytes).toBeLessThanOrEqual(16 * MIB + 3 * SLAB_BYTES);
    expect(readdirSync(dir).length).toBeLessThanOrEqual(2);
  });

  it('is byte-exact in write-through, back and forth', async () => {
    const spool = await small({ writeBehindBytes: 0 });
    await putAll(spool, 50 * KIB);
    await readTo(spool, 50 * KIB);
    for (const offset of [0, 49 * KIB, 20_000, 4_095, 4_096, 4_097]) {
      spool.seek(offset);
      await readTo(spool, Math.min(offset + 9_000, spool.end));
    }
  });

  it('writes everything soon in write-through, without being asked', async () => {
    const spool = await small();
    put(spool, 2_500);
    expect(spool.diskBytes).toBe(0);
    spool.writeBehindBytes = 0;
    while (spool.diskBytes < 2_500) await turn();
    expect(onDisk()).toBe(2_500);
  });

  it('keeps a view from memory while its slab is given up', async () => {
    const spool = await small();
    put(spool, 100);
    const view = spool.read(100) as Buffer;
    await putAll(spool, 20 * KIB);
    expectBytes(view, 0);
    spool.seek(0);
    expect(spool.read(100)).toBeUndefined();
  });

  it('keeps a view of read-back bytes while the next ones are fetched', async () => {
    const spool = await small();
    await putAll(spool, 20 * KIB);
    await spool.whenReadable();
    const view = spool.read(4 * KIB) as Buffer;
    expect(view.length).toBe(KIB);
    for (let i = 0; i < 50; i++) await turn();
    expectBytes(view, 0);
    await readTo(spool, 20 * KIB);
  });
});

describe('reading ahead', () => {
  it('fetches two buffers and then waits for the reader', async () => {
    const counted = countReads();
    const spool = await small({ files: counted.files });
    await putAll(spool, 40 * KIB);
    await spool.whenReadable();
    for (let i = 0; i < 50; i++) await turn();
    expect(counted.reads).toBe(2);
    await readTo(spool, 1);
    for (let i = 0; i < 50; i++) await turn();
    expect(counted.reads).toBe(2);
    await readTo(spool, 40 * KIB);
    // 36 KiB were not in memory any more.
    expect(counted.reads).toBe(36);
  });
});

describe('waiting for the disk', () => {
  it('is writable again once the disk has taken some, and the reader does not matter', async () => {
    const hold = holdWrites();
    const spool = await small({ files: hold.files });
    expect(put(spool, 10 * KIB)).toBe(4 * KIB);
    expect(spool.writable).toBe(false);
    expect(hold.held).toBe(1);
    expect(() => spool.space()).toThrow('not writable');
    const writable = spool.whenWritable();
    hold.letGo();
    await writable;
    await putAll(spool, 6 * KIB);
    await readTo(spool, 10 * KIB);
  });

  it('is writable again with a release, also during a write', async () => {
    const hold = holdWrites();
    const spool = await small({ files: hold.files });
    put(spool, 4 * KIB);
    expect(hold.held).toBe(1);
    const writable = spool.whenWritable();
    await readTo(spool, 4 * KIB);
    spool.release(2 * KIB + 1);
    await writable;
    expect(put(spool, 10 * KIB)).toBe(2 * KIB);
    hold.letGo();
    await readTo(spool, 6 * KIB);
    spool.seek(2 * KIB + 1);
    await putAll(spool, 10 * KIB);
    await readTo(spool, 16 * KIB);
  });
});

describe('release', () => {
  it('removes the segment files that it passes', async () => {
    const spool = await small({ writeBehindBytes: 0 });
    await putAll(spool, 20 * KIB);
    while (spool.diskBytes < 20 * KIB) await turn();
    expect(readdirSync(dir)).toHaveLength(5);
    await readTo(spool, 20 * KIB);
    spool.release(12 * KIB - 1);
    while (readdirSync(dir).length > 3) await turn();
    expect(spool.diskBytes).toBe(8 * KIB + 1);
    spool.release(12 * KIB);
    while (readdirSync(dir).length > 2) await turn();
    expect(readdirSync(dir).sort()[0]).toBe('naru-spool-0000000000012288');
  });

  it('never goes back, and never past the reader', async () => {
    const spool = await small();
    put(spool, 100);
    spool.read(50);
    spool.release(40);
    spool.release(30);
    expect(spool.released).toBe(40);
    expect(() => spool.release(51)).toThrow('past the position');
    expect(() => spool.seek(39)).toThrow('outside of 40 to 100');
    expect(() => spool.seek(101)).toThrow('outside of 40 to 100');
    expect(() => spool.seek(Number.NaN)).toThrow('outside');
    spool.seek(40);
    await readTo(spool, 100);
  });
});

describe('close', () => {
  it('waits for a write under way, wakes who waits, and leaves nothing behind', async () => {
    const hold = holdWrites();
    const spool = await small({ files: hold.files });
    put(spool, 4 * KIB);
    const writable = spool.whenWritable();
    spool.read(4 * KIB);
    const view = spool.read(10) as Buffer;
    let closed = false;
    const closing = spool.close().then(() => {
      closed = true;
    });
    await writable;
    for (let i = 0; i < 10; i++) await turn();
    expect(closed).toBe(false);
    expect(existsSync(dir)).toBe(true);
    hold.letGo();
    await closing;
    expect(existsSync(dir)).toBe(false);
    expectBytes(view, KIB);
    expect(spool.closed).toBe(true);
    expect(spool.writable).toBe(false);
    expect(spool.read(10)).toBeUndefined();
    spool.commit(1);
    expect(spool.end).toBe(4 * KIB);
    await Promise.all([spool.whenReadable(), spool.whenWritable(), spool.close()]);
  });

  it('wakes a reader at the end', async () => {
    const spool = await small();
    const readable = spool.whenReadable();
    await spool.close();
    await readable;
  });
});

describe('arrivalMs', () => {
  it('is the time of the commit', async () => {
    let ms = 1_000;
    const spool = await small({ now: () => ms });
    expect(spool.arrivalMs(0)).toBe(1_000);
    const times: number[] = [];
    for (let i = 0; i < 300; i++) {
      ms += i % 50;
      for (let n = 0; n < 10; n++) times.push(ms);
      put(spool, 10);
    }
    for (const [offset, time] of times.entries()) {
      expect(Math.abs(spool.arrivalMs(offset) - time)).toBeLessThan(10);
    }
    await readTo(spool, 2_000);
    spool.release(2_000);
    expect(Math.abs(spool.arrivalMs(2_000) - (times[2_000] as number))).toBeLessThan(10);
  });
});

import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Random } from '../../test/support/random.ts';
import { countReads, failAfterWrite, failRead, holdWrites } from '../../test/support/spool-faults.ts';
import { isNaruError, type NaruError } from '../errors/errors.ts';
import { SLAB_BYTES } from './slabs.ts';
import { Spool, type SpoolOptions } from './spool.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

let top: string;
let dir: string;
let opened: Spool[] = [];

beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'naru-spool-'));
  dir = join(top, 'spool');
});

afterEach(async () => {
  for (const spool of opened) await spool.close();
  opened = [];
  rmSync(top, { recursive: true, force: true });
});

/** Four slabs of 1 KiB, segments of 4 KiB. */
async function small(options: Partial<SpoolOptions> = {}): Promise<Spool> {
  const spool = await Spool.open({
    dir,
    memoryBytes: 4 * KIB,
    slabBytes: KIB,
    segmentBytes: 4 * KIB,
    diskBytesMax: 100 * MIB,
    writeBehindBytes: Infinity,
    ...options,
  });
  opened.push(spool);
  return spool;
}

// A block of prime length, repeated: no two slabs or segments begin alike, so bytes from a wrong place show.
const block = new Random(7).bytes(1_000_003);
const source = Buffer.concat([block, block]);

function bytesAt(offset: number, n: number): Buffer {
  const from = offset % block.length;
  return source.subarray(from, from + n);
}

/** Commits up to `n` bytes of the source's data while there is room; returns how many. */
function put(spool: Spool, n: number): number {
  let done = 0;
  while (done < n && spool.writable) {
    const space = spool.space();
    const take = Math.min(space.length, n - done, 64 * KIB);
    bytesAt(spool.end, take).copy(space);
    spool.commit(take);
    done += take;
  }
  return done;
}

async function putAll(spool: Spool, n: number): Promise<void> {
  for (let left = n; left > 0; ) {
    await spool.whenWritable();
    left -= put(spool, left);
  }
}

function expectBytes(view: Buffer, offset: number): void {
  if (!view.equals(bytesAt(offset, view.length))) throw new Error(`wrong bytes at ${offset}`);
}

async function readTo(spool: Spool, offset: number, each: (spool: Spool) => void = () => {}): Promise<void> {
  while (spool.position < offset) {
    const at = spool.position;
    const view = spool.read(Math.min(64 * KIB, offset - at));
    if (view === undefined) await spool.whenReadable();
    else expectBytes(view, at);
    each(spool);
  }
}

async function failureOf(promise: Promise<unknown>): Promise<NaruError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isNaruError(error)) throw new Error(`not a NaruError: ${error}`);
  return error;
}

const onDisk = (): number => readdirSync(dir).reduce((sum, name) => sum + statSync(join(dir, name)).size, 0);

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
    opened.push(spool);
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

describe('failures', () => {
  it('ENOSPC: says where, how much, and which knob', async () => {
    const spool = await small({ files: failAfterWrite(5 * KIB + 7, 'ENOSPC') });
    const error = await failureOf(putAll(spool, 50 * KIB));
    expect(error.code).toBe('SPOOL_DISK_FULL');
    expect(error.place.side).toBe('spool');
    expect(error.message).toBe(
      `no space left on the device: the spool in ${dir} holds 5.0 KiB and may need 100.0 MiB more ` +
        '(--spool-max); free that much, or name another directory with --dir',
    );
    expect(spool.failure).toBe(error);
    expect(spool.writable).toBe(false);
    expect(await failureOf(spool.whenReadable())).toBe(error);
  });

  it('EDQUOT is a full disk, EIO is not', async () => {
    const quota = await small({ files: failAfterWrite(0, 'EDQUOT') });
    expect((await failureOf(putAll(quota, 50 * KIB))).code).toBe('SPOOL_DISK_FULL');
    const broken = await small({ files: failAfterWrite(0, 'EIO') });
    const error = await failureOf(putAll(broken, 50 * KIB));
    expect(error.code).toBe('SPOOL_FAILED');
    expect(error.message).toContain(`${dir} can not be used: EIO`);
  });

  it('a read that fails reaches the reader', async () => {
    const spool = await small({ files: failRead('EIO') });
    await putAll(spool, 20 * KIB);
    expect((await failureOf(spool.whenReadable())).code).toBe('SPOOL_FAILED');
  });

  it('SPOOL_FULL at exactly diskBytesMax', async () => {
    const spool = await small({ diskBytesMax: 10 * KIB });
    await putAll(spool, 13 * KIB);
    expect(spool.failure).toBeUndefined();
    const error = await failureOf(putAll(spool, 10 * KIB));
    expect(error.code).toBe('SPOOL_FULL');
    expect(spool.diskBytes).toBe(10 * KIB);
    expect(error.message).toMatch(
      /holds the 10 KiB that it may \(--spool-max\): 1[34](\.\d)? KiB from the source wait/,
    );
  });

  it('takes a commit of space() that was given out before the failure', async () => {
    const spool = await small({ writeBehindBytes: 0, files: failAfterWrite(0, 'ENOSPC') });
    put(spool, 10);
    const space = spool.space();
    while (spool.failure === undefined) await turn();
    bytesAt(10, 5).copy(space);
    spool.commit(5);
    expect(spool.end).toBe(15);
  });

  it('refuses a directory that is a file', async () => {
    writeFileSync(dir, '');
    const error = await failureOf(small());
    expect(error.code).toBe('SPOOL_FAILED');
    expect(error.message).toContain(dir);
  });

  it.skipIf(process.getuid?.() === 0)('refuses a directory that it may not write to', async () => {
    mkdirSync(dir);
    chmodSync(dir, 0o500);
    expect((await failureOf(small())).code).toBe('SPOOL_FAILED');
  });

  it('refuses more bytes than space() gave', async () => {
    const spool = await small();
    const n = spool.space().length;
    expect(() => spool.commit(n + 1)).toThrow('space() gave 1024');
    expect(() => spool.commit(-1)).toThrow('commit of -1');
  });
});

describe('the directory', () => {
  it('is for its owner only', async () => {
    await small();
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    const [name] = readdirSync(dir);
    expect(statSync(join(dir, name as string)).mode & 0o777).toBe(0o600);
  });

  it('stays when it was there before, and loses segments of an earlier run', async () => {
    mkdirSync(dir);
    writeFileSync(join(dir, 'naru-spool-0000000000000000'), 'old');
    writeFileSync(join(dir, 'naru-spool-0000000000004096'), 'old');
    writeFileSync(join(dir, 'notes'), 'mine');
    const spool = await small({ writeBehindBytes: 0 });
    expect(readdirSync(dir).sort()).toEqual(['naru-spool-0000000000000000', 'notes']);
    expect(onDisk()).toBe(4);
    await spool.close();
    expect(readdirSync(dir)).toEqual(['notes']);
  });

  it('stays when somebody else put something there', async () => {
    const spool = await small();
    writeFileSync(join(dir, 'notes'), 'mine');
    await spool.close();
    expect(readdirSync(dir)).toEqual(['notes']);
  });

  it('may be shared by mistake: nobody reads the bytes of another', async () => {
    const one = await small({ writeBehindBytes: 0 });
    await putAll(one, 10 * KIB);
    const two = await small({ writeBehindBytes: 0 });
    for (let round = 0; round < 100; round++) {
      await two.whenWritable();
      const n = Math.min(two.space().length, 200);
      two.space().fill(1, 0, n);
      two.commit(n);
      await putAll(one, 100);
    }
    await readTo(one, one.end);
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

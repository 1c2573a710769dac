/** What the tests of the spool share: small spools in a temp folder, and data that shows when it comes from a wrong place. */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { isNaruError, type NaruError } from '../../src/errors/errors.ts';
import { Spool, type SpoolOptions } from '../../src/spool/spool.ts';
import { Random } from './random.ts';

export const KIB = 1024;
export const MIB: number = 1024 * KIB;

let top = '';
/** The directory of this test's spools; the spool makes it. */
export let dir = '';
let opened: Spool[] = [];

/** Each test of the file gets a temp folder of its own; its spools are closed behind it. */
export function useTempFolder(): void {
  beforeEach(() => {
    top = mkdtempSync(join(tmpdir(), 'naru-spool-'));
    dir = join(top, 'spool');
  });

  afterEach(async () => {
    for (const spool of opened) await spool.close();
    opened = [];
    rmSync(top, { recursive: true, force: true });
  });
}

/** To be closed at the end of the test. */
export function track(spool: Spool): Spool {
  opened.push(spool);
  return spool;
}

/** Four slabs of 1 KiB, segments of 4 KiB. */
export async function small(options: Partial<SpoolOptions> = {}): Promise<Spool> {
  const spool = await Spool.open({
    dir,
    memoryBytes: 4 * KIB,
    slabBytes: KIB,
    segmentBytes: 4 * KIB,
    diskBytesMax: 100 * MIB,
    writeBehindBytes: Infinity,
    ...options,
  });
  return track(spool);
}

// A block of prime length, repeated: no two slabs or segments begin alike, so bytes from a wrong place show.
const block = new Random(7).bytes(1_000_003);
const source = Buffer.concat([block, block]);

export function bytesAt(offset: number, n: number): Buffer {
  const from = offset % block.length;
  return source.subarray(from, from + n);
}

/** Commits up to `n` bytes of the source's data while there is room; returns how many. */
export function put(spool: Spool, n: number): number {
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

export async function putAll(spool: Spool, n: number): Promise<void> {
  for (let left = n; left > 0; ) {
    await spool.whenWritable();
    left -= put(spool, left);
  }
}

export function expectBytes(view: Buffer, offset: number): void {
  if (!view.equals(bytesAt(offset, view.length))) throw new Error(`wrong bytes at ${offset}`);
}

export async function readTo(
  spool: Spool,
  offset: number,
  each: (spool: Spool) => void = () => {},
): Promise<void> {
  while (spool.position < offset) {
    const at = spool.position;
    const view = spool.read(Math.min(64 * KIB, offset - at));
    if (view === undefined) await spool.whenReadable();
    else expectBytes(view, at);
    each(spool);
  }
}

export async function failureOf(promise: Promise<unknown>): Promise<NaruError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isNaruError(error)) throw new Error(`not a NaruError: ${error}`);
  return error;
}

/** Bytes of all files in `dir`. */
export const onDisk = (): number =>
  readdirSync(dir).reduce((sum, name) => sum + statSync(join(dir, name)).size, 0);

import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as zlib from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeTempDir, type TempDir } from '../../../test/support/cleanup.ts';
import { isNaruError } from '../../errors/errors.ts';
import type { ErrorCode } from '../../errors/table.ts';
import { type FileConsumer, type FilePart, openFileSource, SLICE_BYTES, type Wish } from './file-source.ts';

const fixtures: string = fileURLToPath(new URL('../../../test/fixtures/', import.meta.url));
const rdb: string = join(fixtures, 'rdb/redis-7.0.15.rdb');
const plain: string = join(fixtures, 'aof/plain.aof');

let temp: TempDir;

beforeAll(() => {
  temp = makeTempDir('naru-file-');
});

afterAll(() => temp.remove());

function file(name: string, content: Buffer | string): string {
  const path = join(temp.path, name);
  writeFileSync(path, content);
  return path;
}

/** Takes everything: bytes by part, slices' sizes. */
class Taker implements FileConsumer {
  readonly parts: [string, Buffer][] = [];
  readonly ended: string[] = [];
  largest = 0;
  #slices: Buffer[] = [];

  partBegins(_part: FilePart): void {
    this.#slices = [];
  }

  write(slice: Buffer): Wish | Promise<Wish> {
    this.largest = Math.max(this.largest, slice.length);
    this.#slices.push(Buffer.from(slice));
    return 'more';
  }

  partEnds(part: FilePart): Wish {
    this.parts.push([part.name, Buffer.concat(this.#slices)]);
    return 'more';
  }
}

async function take(
  path: string,
): Promise<{ taker: Taker; source: Awaited<ReturnType<typeof openFileSource>> }> {
  const source = await openFileSource(path);
  const taker = new Taker();
  await source.read(taker);
  return { taker, source };
}

async function fails(path: string, code: ErrorCode, message: RegExp): Promise<void> {
  let error: unknown;
  try {
    await take(path);
  } catch (e) {
    error = e;
  }
  expect(isNaruError(error) && [error.code, error.place.side, error.place.node]).toEqual([
    code,
    'source',
    expect.any(String),
  ]);
  expect((error as Error).message).toMatch(message);
}

describe('openFileSource', () => {
  it.each([
    ['rdb', rdb],
    ['rdb', join(fixtures, 'rdb/redis-2.8.24.rdb')],
    ['aof', plain],
    ['aof', join(fixtures, 'aof/preamble.aof')],
    ['aof', join(fixtures, 'aof/timestamps.aof')],
    ['aof', join(fixtures, 'aof/preamble/appendonly.aof.2.base.rdb')],
  ])('tells %s by the first bytes of %s, and gives its bytes', async (kind, path) => {
    const { source, taker } = await take(path);
    const bytes = readFileSync(path);
    expect(source.kind).toBe(kind);
    expect(source.compression).toBeUndefined();
    expect(taker.parts.map(([, content]) => content.equals(bytes))).toEqual([true]);
    expect([source.bytesRead, source.bytesTotal]).toEqual([bytes.length, bytes.length]);
  });

  it('unpacks gzip, several members too, and counts the packed bytes', async () => {
    const bytes = readFileSync(plain);
    const packed = Buffer.concat([zlib.gzipSync(bytes.subarray(0, 100)), zlib.gzipSync(bytes.subarray(100))]);
    const { source, taker } = await take(file('dump.gz', packed));
    expect([source.kind, source.compression]).toEqual(['aof', 'gzip']);
    expect(taker.parts[0]?.[1].equals(bytes)).toBe(true);
    expect([source.bytesRead, source.bytesTotal]).toEqual([packed.length, packed.length]);
  });

  it('unpacks zstd, or says which Node can', async () => {
    const bytes = readFileSync(rdb);
    const node = zlib as typeof zlib & { zstdCompressSync?: (bytes: Buffer) => Buffer };
    if (node.zstdCompressSync === undefined) {
      await fails(file('dump.zst', Buffer.from('28b52ffd2400', 'hex')), 'FILE_UNKNOWN', /zstd.*Node 22\.15/);
      return;
    }
    const { source, taker } = await take(file('dump.zst', node.zstdCompressSync(bytes)));
    expect([source.kind, source.compression]).toEqual(['rdb', 'zstd']);
    expect(taker.parts[0]?.[1].equals(bytes)).toBe(true);
  });

  it.each([
    'preamble',
    'preamble/appendonly.aof.manifest',
  ])('reads the files that a manifest names: %s', async (name) => {
    const { source, taker } = await take(join(fixtures, 'aof', name));
    expect(source.kind).toBe('aof-dir');
    expect(taker.parts.map(([part]) => part)).toEqual([
      'appendonly.aof.2.base.rdb',
      'appendonly.aof.2.incr.aof',
    ]);
    const whole = readFileSync(join(fixtures, 'aof/preamble.aof'));
    expect(Buffer.concat(taker.parts.map(([, content]) => content)).equals(whole)).toBe(true);
    expect([source.bytesRead, source.bytesTotal]).toEqual([whole.length, whole.length]);
  });

  it("finds the manifest in Redis's folder within the folder of its data", async () => {
    mkdirSync(join(temp.path, 'data/appendonlydir'), { recursive: true });
    file('data/dump.rdb', readFileSync(rdb));
    file('data/appendonlydir/a.manifest', 'file "a b" seq 1 type i\nfile c seq 2 type i\n');
    file('data/appendonlydir/a b', '');
    file('data/appendonlydir/c', readFileSync(plain));
    const { taker } = await take(join(temp.path, 'data'));
    expect(taker.parts.map(([name, bytes]) => [name, bytes.length])).toEqual([
      ['a b', 0],
      ['c', readFileSync(plain).length],
    ]);
  });

  it('refuses with a reason what it can not read', async () => {
    mkdirSync(join(temp.path, 'none'));
    mkdirSync(join(temp.path, 'two'));
    file('two/a.manifest', '');
    file('two/b.manifest', '');
    await fails(
      join(temp.path, 'nothing'),
      'FILE_UNREADABLE',
      /nothing can not be read: there is no such file/,
    );
    await fails(join(temp.path, 'none'), 'FILE_UNKNOWN', /none holds no file \*\.manifest/);
    await fails(join(temp.path, 'two'), 'FILE_UNKNOWN', /several manifests \(a\.manifest, b\.manifest\)/);
    await fails(join(temp.path, 'two/a.manifest'), 'BAD_FORMAT', /two\/a\.manifest: The manifest is empty/);
    await fails(file('m.manifest', 'file x seq 1 type i\n'), 'FILE_UNREADABLE', /\/x can not be read/);
    await fails(file('h.manifest', 'file x seq 1 type h\n'), 'FILE_UNKNOWN', /names no file with data/);
    await fails(file('empty', ''), 'FILE_UNKNOWN', /empty is empty/);
    await fails(file('text', 'hello, world'), 'FILE_UNKNOWN', /it begins with "hello, world"/);
    await fails(file('text.gz', zlib.gzipSync('hello')), 'FILE_UNKNOWN', /it begins with "hello"/);
  });

  it('says where packed data is damaged or breaks off', async () => {
    const packed = zlib.gzipSync(readFileSync(rdb));
    await fails(
      file('cut.gz', packed.subarray(0, packed.length - 100)),
      'FILE_TRUNCATED',
      /cut\.gz breaks off/,
    );
    packed.fill(0xff, 2000, 2100);
    await fails(file('damaged.gz', packed), 'BAD_FORMAT', /compressed data of .*damaged\.gz/);
  });
});

describe('FileSource.read', () => {
  it('gives slices of at most 64 KiB, and the next when the last one is done with', async () => {
    const path = file('large', Buffer.concat([Buffer.from('*'), Buffer.alloc(5 * SLICE_BYTES)]));
    const source = await openFileSource(path);
    let busy = 0;
    let total = 0;
    await source.read({
      partBegins() {},
      async write(slice): Promise<Wish> {
        expect(++busy).toBe(1);
        expect(slice.length).toBeLessThanOrEqual(SLICE_BYTES);
        const before = slice[slice.length - 1];
        await new Promise((resolve) => setImmediate(resolve));
        expect(slice[slice.length - 1]).toBe(before);
        total += slice.length;
        expect(source.bytesRead).toBeGreaterThanOrEqual(total);
        busy--;
        return 'more';
      },
      partEnds: () => 'more',
    });
    expect(total).toBe(5 * SLICE_BYTES + 1);
  });

  it('reads no further than the consumer wants, within a file and behind one', async () => {
    let slices = 0;
    const source = await openFileSource(file('large', Buffer.alloc(64 * SLICE_BYTES, '*')));
    const none = { partBegins() {}, partEnds: (): Wish => 'more' };
    await source.read({ ...none, write: () => (++slices === 3 ? 'enough' : 'more') });
    expect(slices).toBe(3);
    expect(source.bytesRead).toBeLessThan(32 * SLICE_BYTES);
    const begun: string[] = [];
    const parts = await openFileSource(join(fixtures, 'aof/preamble'));
    await parts.read({
      partBegins: (part) => void begun.push(part.name),
      write: () => 'more',
      partEnds: () => 'enough',
    });
    expect(begun).toEqual(['appendonly.aof.2.base.rdb']);
  });

  it('passes on what the consumer throws', async () => {
    const source = await openFileSource(plain);
    const mine = new Error('mine');
    const write = (): Wish => {
      throw mine;
    };
    await expect(source.read({ partBegins() {}, write, partEnds: () => 'more' })).rejects.toBe(mine);
  });

  it('keeps memory small for a large packed file', async () => {
    const packed = zlib.gzipSync(Buffer.alloc(256 * 1024 * 1024, '*'), { level: 1 });
    const source = await openFileSource(file('large.gz', packed));
    const before = process.memoryUsage().rss;
    let total = 0;
    let peak = 0;
    const write = (slice: Buffer): Wish => {
      total += slice.length;
      peak = Math.max(peak, process.memoryUsage.rss());
      return 'more';
    };
    await source.read({ partBegins() {}, write, partEnds: () => 'more' });
    expect(total).toBe(256 * 1024 * 1024);
    expect(peak - before).toBeLessThan(64 * 1024 * 1024);
  });
});

/** Opens `-` in a process of its own and prints kind, total and the number of bytes. */
const PROGRAM = `
  import { openFileSource } from './src/source/file/file-source.ts';
  const source = await openFileSource('-');
  let bytes = 0;
  await source.read({ partBegins() {}, write: (s) => { bytes += s.length; return 'more'; }, partEnds: () => 'more' });
  console.log(source.kind, source.bytesTotal, source.bytesRead, bytes);
`;

describe('standard input', () => {
  it.each(['rdb', 'gzip'])('is read from a pipe: %s', async (form) => {
    const bytes = form === 'gzip' ? zlib.gzipSync(readFileSync(rdb)) : readFileSync(rdb);
    const root = fileURLToPath(new URL('../../..', import.meta.url));
    const args = ['--import', 'tsx', '--input-type=module', '-e', PROGRAM];
    const child = spawn(process.execPath, args, { cwd: root, stdio: ['pipe', 'pipe', 'inherit'] });
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
    });
    // The first bytes come alone.
    child.stdin.write(bytes.subarray(0, 3));
    child.stdin.end(bytes.subarray(3));
    await new Promise((resolve) => child.once('close', resolve));
    expect(out).toBe(`rdb undefined ${bytes.length} ${readFileSync(rdb).length}\n`);
  });
});

/** RDB files that are damaged, lie or are of a form that nobody knows: named with their place, quickly, and never half believed. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resolveDecodeOptions, resolveRestoreOptions } from '../../src/config/file-options.ts';
import { decode } from '../../src/engine/file-jobs/decode.ts';
import { restore } from '../../src/engine/file-jobs/restore-job.ts';
import { NaruError } from '../../src/errors/errors.ts';
import * as b from '../fuzz/rdb-build.ts';
import { makeTempDir } from '../support/cleanup.ts';
import { Naru } from '../support/naru.ts';
import { RedisServer } from '../support/redis-server.ts';
import { fixture } from './run.ts';

const MIB = 1024 * 1024;
const temp = makeTempDir();
let target: RedisServer;
beforeAll(async () => {
  target = await RedisServer.start();
});
afterAll(async () => {
  await target.stop();
  temp.remove();
});

function file(bytes: Buffer): string {
  const path = join(temp.path, 'bad');
  writeFileSync(path, bytes);
  return path;
}

/** The error of a run, or undefined where it went well. */
async function errorOf(run: Promise<unknown>): Promise<NaruError | undefined> {
  try {
    await run;
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(NaruError);
    return error as NaruError;
  }
}

async function decodes(path: string, options: Record<string, unknown> = {}): Promise<NaruError | undefined> {
  const out = new Writable({ write: (_chunk, _encoding, done) => done() });
  return errorOf(decode(path, resolveDecodeOptions(options), out as NodeJS.WriteStream));
}

async function restores(path: string, options: Record<string, unknown> = {}): Promise<NaruError | undefined> {
  await target.call('FLUSHALL');
  const resolved = resolveRestoreOptions({ from: path, to: target.url, ...options });
  const error = await errorOf(restore(resolved).result);
  expect(await target.call('KEYS', 'naru:*')).toEqual([]);
  return error;
}

const { entry, len, str } = b;
const rdb = (...body: b.Bytes[]): Buffer => b.rdb(body, 'REDIS0010');
/** An RDB of one key `k`; its value begins at byte 12, behind magic, type and key. */
const key = (type: number, ...value: b.Bytes[]): Buffer => rdb(entry(type, 'k', ...value));
const VALUE_AT = 12;
const whole = key(0, str('v'));
const listpack = b.listpack(b.lp('f'), b.lp('v'));
const real = readFileSync(fixture('rdb/redis-7.0.15.rdb'));
const length64 = (hex: string): Buffer => b.bytes(0x81, Buffer.from(hex, 'hex'));

/** name, file, code, offset (of the packed bytes where they are packed) */
type Case = [string, Buffer, string, number];

describe('an RDB that both refuse', () => {
  const flipped = Buffer.from(whole);
  flipped[flipped.length - 1] = (flipped.at(-1) as number) ^ 1;
  const packed = gzipSync(real);
  const cases: Case[] = [
    ['is empty', Buffer.alloc(0), 'FILE_UNKNOWN', 0],
    ['is another file', Buffer.from('hello'), 'FILE_UNKNOWN', 0],
    ['goes on behind its end with bytes', b.bytes(whole, 'more'), 'BAD_FORMAT', whole.length],
    ['goes on behind its end with zeros', b.bytes(whole, Buffer.alloc(9)), 'BAD_FORMAT', whole.length],
    ['goes on with the mark of a diskless copy', b.bytes(whole, 'e'.repeat(40)), 'BAD_FORMAT', whole.length],
    ['goes on with a command', b.bytes(whole, '*1\r\n$4\r\nPING\r\n'), 'BAD_FORMAT', whole.length],
    ['goes on with an annotation', b.bytes(whole, '#TS:1\r\n'), 'BAD_FORMAT', whole.length],
    ['goes on with another one', b.bytes(whole, whole), 'BAD_FORMAT', whole.length],
    ['does not have its checksum', flipped, 'CHECKSUM_MISMATCH', whole.length - 8],
    ['promises a string of 4 GiB', key(0, 0x80, Buffer.alloc(4, 255), 'abc'), 'FILE_TRUNCATED', 29],
    ['promises a string of 2^53 - 1 bytes', key(0, length64('001fffffffffffff')), 'FILE_TRUNCATED', 30],
    ['promises a string of 2^63 bytes', key(0, length64('8000000000000000')), 'BAD_FORMAT', VALUE_AT],
    ['promises a key of 4 GiB', rdb(0, 0x80, Buffer.alloc(4, 255)), 'BAD_FORMAT', 10],
    ['promises a field of information of 1 GiB', rdb(250, str('x'), len(1 << 30)), 'BAD_FORMAT', 9],
    [
      'promises a list of 2^32 - 1',
      key(1, 0x80, Buffer.alloc(4, 255), Buffer.alloc(5000)),
      'BAD_FORMAT',
      5017,
    ],
    [
      'promises a stream of 2^60 nodes',
      key(15, length64('1000000000000000'), Buffer.alloc(40)),
      'BAD_FORMAT',
      VALUE_AT,
    ],
    ['promises a quicklist of 2^53', key(18, length64('0020000000000000')), 'BAD_FORMAT', VALUE_AT],
    ['promises that 3 bytes become 1 GiB', key(0, 0xc3, 3, len(1 << 30), 0, 65, 0), 'BAD_FORMAT', VALUE_AT],
    ['has a byte that begins no length', key(1, 0xc9), 'BAD_FORMAT', VALUE_AT],
    ['has a module value of an unknown form', key(7, len(1n << 60n), 9), 'BAD_FORMAT', 21],
    ['is cut in its magic', Buffer.from('REDIS00'), 'FILE_TRUNCATED', 7],
    ['has no number in its magic', Buffer.from('REDISabcd'), 'BAD_FORMAT', 0],
    ['is of version 0', b.rdb([], 'REDIS0000'), 'BAD_FORMAT', 0],
    ['is of the next version', b.rdb([], 'REDIS0014'), 'BAD_FORMAT', 0],
    ['is of the last version there can be', b.rdb([], 'REDIS9999'), 'BAD_FORMAT', 0],
    ["is of Valkey's next version", b.rdb([], 'VALKEY081'), 'BAD_FORMAT', 0],
    ['is packed and cut in the first bytes', packed.subarray(0, 5), 'FILE_TRUNCATED', 5],
    ['is packed and cut', packed.subarray(0, 20_000), 'FILE_TRUNCATED', 20_000],
    ['is packed twice', gzipSync(packed), 'FILE_UNKNOWN', 0],
    ['is packed, and its plain bytes are cut', gzipSync(real.subarray(0, 999)), 'FILE_TRUNCATED', 999],
    ...[6, 8, 27, 31, 32, 99, 132, 242].map(
      (type): Case => [`has type ${type}`, key(type, str('v')), 'BAD_FORMAT', 9],
    ),
  ];

  it.each(cases)('it %s', async (_name, bytes, code, offset) => {
    const path = file(bytes);
    const started = process.cpuUsage();
    for (const error of [await decodes(path), await restores(path)]) {
      expect(error).toMatchObject({ code, place: { side: 'source', node: path, offset } });
      expect(error?.message).toContain(path);
    }
    expect(process.cpuUsage(started).user / 1000).toBeLessThan(5000);
  });

  it('it is cut, wherever that is', async () => {
    const small = rdb(
      ...[0xfa, str('redis-ver'), str('7.0.15'), 0xfe, 0, 0xfb, 2, 1],
      ...[
        0xfc,
        b.u64(4e12),
        entry(0, 'a', b.lzf('compressed')),
        entry(16, 'h', str(listpack)),
        0xf8,
        len(70),
      ],
      ...[entry(1, 'l', len(2), str('a'), b.int(4, 70_000))],
    );
    expect(await decodes(file(small))).toBeUndefined();
    for (let cut = 1; cut < small.length; cut++) {
      const path = file(small.subarray(0, cut));
      const unknown = cut < 5;
      const expected = unknown
        ? { code: 'FILE_UNKNOWN' }
        : { code: 'FILE_TRUNCATED', place: { offset: cut } };
      expect(await decodes(path), `${cut}`).toMatchObject(expected);
      expect(await restores(path), `${cut}`).toMatchObject(expected);
    }
  });

  it('unless its checksum alone is wrong, and nobody is to look', async () => {
    const path = file(flipped);
    expect(await decodes(path, { verifyChecksum: false })).toBeUndefined();
    expect(await decodes(path, { verifyChecksum: true })).toMatchObject({ code: 'CHECKSUM_MISMATCH' });
    expect(await restores(path, { verifyChecksum: false })).toBeUndefined();
    expect(String(await target.call('GET', 'k'))).toBe('v');
  });
});

describe('an RDB whose values are broken within', () => {
  const total = (bytes: number): Buffer => b.bytes(b.u32(bytes), listpack.subarray(4));
  const cases: [string, number, b.Bytes[]][] = [
    ['a listpack that says it is larger', 16, [str(total(listpack.length + 1))]],
    ['a listpack that says it has 4 GiB', 16, [str(total(2 ** 32 - 1))]],
    ['a listpack that says it has 3 bytes', 16, [str(total(3))]],
    ['a listpack without an end', 16, [str(listpack.subarray(0, -1))]],
    ['a listpack with a field and no value', 16, [str(b.listpack(b.lp('f')))]],
    ['a ziplist of 3 bytes', 10, [str('abc')]],
    ['an intset of integers of 3 bytes', 11, [str(b.intset(3, Buffer.alloc(3)))]],
    ['an intset that says it has 2^32 - 1', 11, [str(b.bytes(b.u32(2), Buffer.alloc(4, 255), 1, 0))]],
    ['a score that is no number', 3, [len(1), str('m'), 3, 'abc']],
    ['compressed bytes that reach before their beginning', 0, [0xc3, 3, 4, 0x20, 255, 255]],
    ['compressed bytes that become less than they say', 0, [0xc3, 2, 5, 0, 65]],
  ];

  it.each(cases)('%s: refused by decode, and not in the target', async (_name, type, value) => {
    const path = file(rdb(entry(0, 'before', str('v')), entry(type, 'k', ...value)));
    const error = await decodes(path);
    // Where the entry begins: behind the magic and the one before it.
    const place = { side: 'source', node: path, offset: 9 + 1 + 7 + 2, key: 'k' };
    expect(error).toMatchObject({ code: 'BAD_FORMAT', place });
    expect(error?.message).toMatch(new RegExp(`\\(type ${type}\\)`));
    // A value goes to the target as it is, which looks into it.
    expect((await restores(path))?.code).toMatch(/^(TARGET_REJECTED|TARGET_TOO_OLD|BAD_FORMAT)$/);
    expect(await target.call('EXISTS', 'k')).toBe(0);
  });
});

describe('an RDB that promises what it does not hold', () => {
  it.each([
    ['a string of 500 MiB', key(0, len(500 * MIB), 'abc')],
    ['a list of strings of 4 GiB', key(1, len(2 ** 31), 0x80, Buffer.alloc(4, 255), 'abc')],
    ['a field of information of 500 MiB', rdb(250, str('x'), len(500 * MIB))],
    ['a key of 500 MiB', rdb(0, len(500 * MIB))],
  ])('%s: takes neither memory nor time', async (_name, bytes) => {
    const path = file(bytes);
    for (const args of [
      ['decode', path],
      ['restore', '--from', path, '--to', target.url, '--on-conflict', 'overwrite'],
    ]) {
      const naru = await Naru.run(args);
      expect(naru.exit?.code).toBe(1);
      expect(naru.stderr).toMatch(/^error FILE_TRUNCATED: .* at offset \d+/);
      expect(naru.cpuMs).toBeLessThan(5000);
      expect(naru.peakRssBytes).toBeLessThan(128 * MIB);
    }
  });
});

/** What is read by types, through the spool and into another server: it has to be what the source has. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CommandCollector } from '../../../../../test/fuzz/rdb-commands.ts';
import { compare } from '../../../../../test/support/compare.ts';
import { type FillType, fill } from '../../../../../test/support/fill.ts';
import { RedisServer } from '../../../../../test/support/redis-server.ts';
import { ReplyError } from '../../../../../test/support/reply-parser.ts';
import { cachedServers } from '../../../../../test/support/servers.ts';
import { EXTREME_SCORES } from '../../../../../test/support/write-values.ts';
import { openClient, type RespClient } from '../../../../net/client.ts';
import { parseEndpoint } from '../../../../net/url.ts';
import { SnapshotApplier } from '../../../../pipeline/snapshot-applier.ts';
import { Crc64 } from '../../../../protocol/checksum/crc64.ts';
import { Rebuild } from '../../../../protocol/rdb/rebuild.ts';
import type { EntryView } from '../../../../protocol/rdb/sink.ts';
import { RdbWalker } from '../../../../protocol/rdb/walker.ts';
import { Spool } from '../../../../spool/spool.ts';
import type { Target } from '../../../../target/target.ts';
import { RecordWriter } from '../records.ts';
import { TypedReader } from './typed-reader.ts';

/** The oldest server, and those whose hashes have fields that expire, as far as they are there; with the RDB version that each writes. */
const OTHERS = Object.entries({
  'redis-6.0': 9,
  'valkey-9': 80,
  'redis-8.0': 12,
  'redis-8-newest': 13,
}).flatMap(([name, version]) => {
  const found = cachedServers().find((each) => each.name === name);
  return found === undefined ? [] : [{ ...found, version }];
});

const FILLED: FillType[] = ['string', 'expiring', 'list', 'intset', 'set', 'hash', 'zset', 'stream'];

let dir: string;
let spool: Spool;
let records: RecordWriter;
let source: RedisServer;
let target: RedisServer;
let client: RespClient;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'typed-'));
  [source, target] = await Promise.all([RedisServer.start(), RedisServer.start()]);
  client = await connect(source);
});

afterAll(async () => {
  client?.connection.destroy();
  await Promise.all([source?.stop(), target?.stop()]);
  rmSync(dir, { recursive: true, force: true });
});

beforeEach(async () => {
  await openSpool();
  await Promise.all([source.call('FLUSHALL'), target.call('FLUSHALL')]);
});

afterEach(() => spool.close());

async function openSpool(): Promise<void> {
  spool = await Spool.open({
    dir: mkdtempSync(join(dir, 'spool-')),
    memoryBytes: 64 * 1024 * 1024,
    diskBytesMax: 1e9,
    writeBehindBytes: Number.POSITIVE_INFINITY,
  });
  records = new RecordWriter(spool, 1e9);
}

function connect(server: RedisServer): Promise<RespClient> {
  return openClient(parseEndpoint(server.url), {
    side: 'source',
    tls: {},
    timeoutMs: 30_000,
    signal: new AbortController().signal,
  });
}

/** What a Redis 6.0 does not know. */
const OLD = { streamCounters: false, createConsumer: false };

/** Whole entries by RESTORE, large ones and parts by commands. */
class Applied {
  readonly commands: (string | number | Buffer)[][] = [];
  version = 0;
  parts = 0;
  abandoned = 0;
  unjoined: string[] = [];
  readonly applier: SnapshotApplier;

  constructor() {
    const target = {
      rdbVersion: (version: number) => {
        this.version = version;
      },
      entry: (entry: EntryView) => this.#restore(entry),
      bigEntry: (entry: EntryView) => {
        this.parts++;
        const key = Buffer.from(entry.keyBuf.subarray(entry.keyStart, entry.keyEnd));
        const collector = new CommandCollector();
        const rebuild = new Rebuild(collector, Buffer.from('naru:part:'), this.version < 10 ? OLD : {});
        const end = rebuild.end.bind(rebuild);
        const { db, expireAtMs } = entry;
        rebuild.end = () => {
          end();
          this.commands.push(['SELECT', db], ...collector.commands);
          if (expireAtMs >= 0) this.commands.push(['PEXPIREAT', 'naru:part:', expireAtMs]);
          this.commands.push(['RENAME', 'naru:part:', key]);
        };
        return Object.assign(rebuild, { abandon: () => this.abandoned++ });
      },
    } as unknown as Target;
    const onUnjoined = (_: number, key: Buffer): unknown => this.unjoined.push(String(key));
    this.applier = new SnapshotApplier(target, { functions: false, onUnjoined });
  }

  #restore({
    db,
    keyBuf,
    keyStart,
    keyEnd,
    type,
    valueBuf,
    valueStart,
    valueEnd,
    expireAtMs,
  }: EntryView): void {
    const version = Buffer.from([this.version, 0]);
    const payload = Buffer.concat([
      Buffer.from([type]),
      valueBuf.subarray(valueStart, valueEnd),
      version,
      Buffer.alloc(8),
    ]);
    const crc = new Crc64();
    crc.update(payload, 0, payload.length - 8);
    crc.writeTo(payload, payload.length - 8);
    const key = Buffer.from(keyBuf.subarray(keyStart, keyEnd));
    const expires = expireAtMs < 0 ? [0] : [expireAtMs, 'ABSTTL'];
    this.commands.push(
      ['SELECT', db],
      ['RESTORE', key, expires[0] as number, payload, 'REPLACE', ...expires.slice(1)],
    );
  }
}

/** Takes what is in the spool, and gives it to the target. */
async function apply(to: RedisServer, step = 64 * 1024): Promise<Applied> {
  const applied = new Applied();
  records.end();
  const walker = new RdbWalker(applied.applier, { bigEntryBytes: 200_000 });
  applied.applier.walk = walker;
  while (!walker.finished) {
    const view = spool.read(step);
    if (view === undefined) throw new Error('the RDB does not end');
    const used = walker.write(view, 0, view.length);
    if (used < view.length) spool.seek(spool.position - view.length + used);
    records.taken();
  }
  const replies = await to.pipeline(applied.commands);
  const refused = replies.findIndex((reply) => reply instanceof ReplyError);
  if (refused >= 0) {
    const command = applied.commands[refused] ?? [];
    throw new Error(`${String(command[0])} ${String(command[1])}: ${String(replies[refused])}`);
  }
  await to.call('SELECT', 0);
  return applied;
}

/** Each key of each database, one by one or many at once. */
async function readAll(
  reader: TypedReader,
  from: RedisServer,
  by: RespClient,
  many: boolean,
): Promise<number> {
  let read = 0;
  for (let db = 0; db < 4; db++) {
    const own = await from.connect();
    await own.call('SELECT', db);
    const keys = (await own.call('KEYS', '*')) as Buffer[];
    const ttls = await expiriesOf(own, keys);
    own.close();
    await by.call('SELECT', db);
    records.selectDb(db);
    if (many) await reader.readMany(by, keys, ttls, (_, there) => void (there && read++));
    else for (const [i, key] of keys.entries()) if (await reader.read(by, key, ttls[i] as number)) read++;
  }
  await by.call('SELECT', 0);
  return read;
}

/** Exact only since Redis 7. */
async function expiriesOf(
  own: Awaited<ReturnType<RedisServer['connect']>>,
  keys: Buffer[],
): Promise<number[]> {
  const exact = await own.pipeline(keys.map((key) => ['PEXPIRETIME', key]));
  if (typeof exact[0] === 'number') return exact as number[];
  const left = (await own.pipeline(keys.map((key) => ['PTTL', key]))) as number[];
  return left.map((ms) => (ms < 0 ? -1 : Date.now() + ms));
}

async function fillExtremes(): Promise<void> {
  const scores = [...EXTREME_SCORES, '-0.0', '0.30000000000000004'].flatMap((score, i) => [score, `m${i}`]);
  await source.pipeline([
    ['ZADD', 'extremes', ...scores],
    ['XGROUP', 'CREATE', 'empty stream', 'g', '0', 'MKSTREAM'],
    ['XADD', 'deleted', '18446744073709551615-18446744073709551614', 'a', '1'],
    ['XADD', 'deleted', '18446744073709551615-18446744073709551615', 'a', '2', 'b', Buffer.alloc(5000, 'x')],
    ['XDEL', 'deleted', '18446744073709551615-18446744073709551614'],
    ['XGROUP', 'CREATE', 'deleted', 'g', '0'],
    ['XGROUP', 'CREATECONSUMER', 'deleted', 'g', 'idle'],
    ['SET', 'empty', ''],
    ...Array.from({ length: 1500 }, (_, i) => ['XADD', 'pending', `${i + 1}-1`, 'field', `value ${i}`]),
    ['XGROUP', 'CREATE', 'pending', 'g', '0'],
    ['XGROUP', 'CREATE', 'pending', 'h', '0'],
    ['XGROUP', 'CREATECONSUMER', 'pending', 'h', 'idle'],
    ...['a', 'b', 'a'].map((name) => [
      'XREADGROUP',
      'GROUP',
      'g',
      name,
      'COUNT',
      400,
      'STREAMS',
      'pending',
      '>',
    ]),
    ['XDEL', 'pending', '1-1', '7-1', '700-1', '900-1'],
    ['XCLAIM', 'pending', 'g', 'b', 0, '20-1', '1100-1'],
  ]);
}

/** Returns how many keys. */
async function fillHashes(server: RedisServer): Promise<number> {
  const fields = Array.from({ length: 600 }, (_, i) => [`f${i}`, 'v'.repeat(i % 50)]).flat();
  const at = Date.now() + 1e8;
  await server.pipeline([
    ['HSET', 'plain', ...fields],
    ['HSET', 'expiring', ...fields],
    ['HPEXPIREAT', 'expiring', at, 'FIELDS', 2, 'f7', 'f577'],
    ['HSET', 'small', 'f6', '1', 'f7', '2'],
    ['HPEXPIREAT', 'small', at, 'FIELDS', 1, 'f7'],
  ]);
  return 3;
}

function fieldExpiries(server: RedisServer): Promise<unknown[]> {
  return server.pipeline(
    ['plain', 'expiring', 'small'].map((key) => ['HPEXPIRETIME', key, 'FIELDS', 3, 'f6', 'f7', 'f577']),
  );
}

describe('TypedReader', () => {
  it.each([
    ['one by one', false, 1024 * 1024],
    ['many at once', true, 1024 * 1024],
    // The first part of a sorted set has to be more than a listpack holds, or the target makes 0 of -0.
    ['in parts of 4 KiB', false, 4096],
  ])('reads what DUMP gives: all types, %s', async (_, many, partBytes) => {
    await fill(source, 700, { largeElements: 1500 });
    await fillExtremes();
    await source.call('FUNCTION', 'FLUSH');
    const reader = new TypedReader({ records, version: 10, partBytes });
    expect(await readAll(reader, source, client, many)).toBe(700 + 5);
    const applied = await apply(target);
    expect(applied.parts > 5).toBe(partBytes < 1e6);
    expect(applied.unjoined).toEqual([]);
    expect(await compare(source, target, { groupCounters: true })).toEqual([]);
  });

  it.each(OTHERS)('reads $name, with the expiries of fields where it has them', async ({
    binary,
    version,
  }) => {
    const servers = await Promise.all([1, 2].map(() => RedisServer.start({ binary })));
    const [from, to] = servers as [RedisServer, RedisServer];
    const by = await connect(from);
    try {
      await fill(from, 300, { largeElements: 700, databases: 1, types: FILLED });
      const keys = await fillHashes(from);
      await from.call('FUNCTION', 'FLUSH').catch(() => {});
      for (const [many, partBytes] of [
        [true, 1e6],
        [false, 1e6],
        [false, 3000],
      ] as const) {
        const reader = new TypedReader({ records, version, partBytes });
        expect(await readAll(reader, from, by, many)).toBe(300 + keys);
        await to.call('FLUSHALL');
        await apply(to);
        expect(await compare(from, to, { groupCounters: true })).toEqual([]);
        if (version > 11) expect(await fieldExpiries(to)).toEqual(await fieldExpiries(from));
        await spool.close();
        await openSpool();
      }
    } finally {
      by.connection.destroy();
      await Promise.all(servers.map((server) => server.stop()));
    }
  });

  it('never mixes types or crashes while keys change, and ends with what is there', async () => {
    const writer = await source.connect();
    const makers: ((i: number) => (string | number)[][])[] = [
      (i) => [['SET', 'k', 'x'.repeat(3000 + i)]],
      (i) => [['RPUSH', 'k', ...Array.from({ length: 300 }, (_, n) => `${i}:${n}`)]],
      (i) => [['SADD', 'k', ...Array.from({ length: 300 }, (_, n) => `${i}:${n}`)]],
      (i) => [['ZADD', 'k', ...Array.from({ length: 300 }, (_, n) => [n, `${i}:${n}`]).flat()]],
      (i) => [['HSET', 'k', ...Array.from({ length: 300 }, (_, n) => [`${n}`, `${i}`]).flat()]],
      (i) => Array.from({ length: 100 }, (_, n) => ['XADD', 'k', '*', `f${i}`, `${n}`]),
      () => [],
    ];
    let stopped = false;
    const writing = (async () => {
      for (let i = 0; !stopped; i++) {
        await writer.pipeline([['DEL', 'k'], ...(makers[i % makers.length]?.(i) ?? [])]);
        await writer.pipeline([...(makers[i % makers.length]?.(i + 1) ?? [])]);
      }
    })();
    const reader = new TypedReader({ records, version: 10, partBytes: 1024 });
    const key = Buffer.from('k');
    let gone = 0;
    for (let i = 0; i < 150; i++) {
      if (!(await reader.read(client, key, -1))) gone++;
      await reader.readMany(client, [key, key], [-1, -1], () => {});
    }
    stopped = true;
    await writing;
    await writer.pipeline([['DEL', 'k'], ...(makers[3]?.(7) ?? [])]);
    writer.close();
    expect(await reader.read(client, key, -1)).toBe(true);
    const { low, high } = reader.digest;
    expect(await reader.read(client, key, -1)).toBe(true);
    expect([reader.digest.low, reader.digest.high]).toEqual([low, high]);
    const applied = await apply(target);
    expect(applied.parts).toBeGreaterThan(0);
    expect(applied.abandoned + gone).toBeGreaterThan(0);
    expect(await compare(source, target)).toEqual([]);
  });

  it('tells of parts whose beginning is lost', async () => {
    await source.pipeline(
      Array.from({ length: 20 }, (_, i) => ['RPUSH', 'list', ...Array(50).fill(`element ${i}`)]),
    );
    const reader = new TypedReader({ records, version: 10, partBytes: 1024 });
    expect(await reader.read(client, Buffer.from('list'), -1)).toBe(true);
    records.flush();
    const applied = new Applied();
    const walker = new RdbWalker(applied.applier, { bigEntryBytes: 1e6 });
    const bytes: Buffer[] = [];
    for (let view = spool.read(1e6); view !== undefined; view = spool.read(1e6))
      bytes.push(Buffer.from(view));
    const all = Buffer.concat(bytes);
    // Wherever the walker says that one can go back to, no part is taken for the whole.
    for (let cut = 20; cut < all.length; cut += 97) {
      const first = new Applied();
      const before = new RdbWalker(first.applier, { bigEntryBytes: 1e6 });
      before.write(all, 0, cut);
      applied.applier.restart(before.entryOffset, 0);
      walker.restart(before.entryOffset, 0);
      walker.write(all, before.entryOffset, all.length);
    }
    expect(applied.commands.filter(([name]) => name === 'RESTORE')).toEqual([]);
    expect(applied.unjoined.length).toBeGreaterThan(10);
  });
});

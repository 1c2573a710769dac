/** What comes out, restored in real servers of other versions; those of `npm run servers` that this machine has. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Value } from '../../../../test/fuzz/rdb-collect.ts';
import {
  decoded,
  fixtureValues,
  restorePayload,
  type SerializedValue,
} from '../../../../test/support/rdb-entries.ts';
import { RedisServer } from '../../../../test/support/redis-server.ts';
import type { Reply } from '../../../../test/support/reply-parser.ts';
import type { Arg, RespClient } from '../../../../test/support/resp-client.ts';
import { cachedServers } from '../../../../test/support/servers.ts';
import type { Flavour } from '../sink.ts';
import { payloadVersion, type Readable } from './readable.ts';
import { CANNOT_STREAM, LOST_FIELD_EXPIRY, Transcoder } from './transcoder.ts';

const READABLE: Readonly<Record<string, Readable>> = {
  'redis-6.0': { redis: 9, valkey: false },
  'redis-7.0': { redis: 10, valkey: false },
  'redis-8.0': { redis: 12, valkey: false },
  'redis-8-newest': { redis: 13, valkey: false },
  'valkey-8.0': { redis: 11, valkey: false },
  'valkey-8.1': { redis: 11, valkey: false },
  'valkey-9': { redis: 11, valkey: true },
};

/** Servers that values are taken from, with the newest types that their DUMP gives. */
const NEWEST_TYPES: Readonly<Record<string, readonly number[]>> = {
  'redis-7.0': [16, 17, 18, 19],
  'redis-8.0': [20, 21, 24, 25],
  'redis-8-newest': [20, 24, 25, 26],
  'valkey-9': [20, 21, 22],
};
const SOURCES = Object.keys(NEWEST_TYPES);
const FIXTURES = ['redis-2.8.24', 'redis-5.0.14', 'redis-7.0.15', 'redis-7.4.1'];
const LATER = 4_102_444_800_789;

interface Running {
  name: string;
  readable: Readable;
  server: RedisServer;
  client: RespClient;
}

const found = cachedServers().filter(({ name }) => name in READABLE);
const running = new Map<string, Running>();

beforeAll(async () => {
  for (const { name, binary } of found) {
    const server = await RedisServer.start({ binary });
    const client = await server.connect();
    running.set(name, { name, readable: READABLE[name] as Readable, server, client });
  }
});

afterAll(async () => {
  for (const { client, server } of running.values()) {
    client.close();
    await server.stop();
  }
});

const get = (name: string): Running => running.get(name) as Running;
const flavourOf = (name: string): Flavour => (name === 'valkey-9' ? 'valkey' : 'redis');

interface Dumped {
  value: SerializedValue;
  version: number;
}

async function dump({ client, name }: Running, key: string): Promise<Dumped> {
  const payload = (await client.call('DUMP', key)) as Buffer;
  const version = payload.readUInt16LE(payload.length - 10);
  const flavour: Flavour = version >= 80 ? 'valkey' : 'redis';
  const bytes = payload.subarray(1, payload.length - 10);
  return { value: { name: `${name} ${key}`, type: payload[0] as number, flavour, bytes }, version };
}

/** Restores the value, and returns what is lost. */
async function restore(
  to: Running,
  key: string,
  { type, flavour, bytes }: SerializedValue,
  version: number,
): Promise<number> {
  const transcoder = new Transcoder(to.readable);
  const lost = transcoder.transcode(type, flavour, bytes, 0, bytes.length, Date.now());
  const carried = payloadVersion(to.readable, flavour, version);
  const made = transcoder.buf.subarray(transcoder.start, transcoder.end);
  await to.client.call('DEL', key);
  expect(
    String(await to.client.call('RESTORE', key, 0, restorePayload(transcoder.type, made, carried))),
  ).toBe('OK');
  // The version that the transcoder names by itself is taken as well.
  const own = restorePayload(transcoder.type, made, transcoder.version);
  expect(String(await to.client.call('RESTORE', `${key} own`, 0, own))).toBe('OK');
  await to.client.call('DEL', `${key} own`);
  return lost;
}

/** Elements in an order of their own, without what depends on the encoding. */
function comparable(value: Value, withExpiries: boolean): unknown {
  const { items, scores, fieldExpireAt } = value;
  switch (value.kind) {
    case 'set':
      return [...items].sort();
    case 'zset':
      return items.map((item, i) => `${item} ${scores[i]}`).sort();
    case 'hash':
      return fieldExpireAt
        .map((ms, i) => `${items[2 * i]} ${items[2 * i + 1]} ${withExpiries ? ms : -1}`)
        .sort();
    case 'stream': {
      const { length, lastMs, lastSeq } = value.meta ?? {};
      const groups = value.groups.map(({ name, last, consumers, pending }) => {
        return {
          name,
          last,
          pending,
          consumers: consumers.map(({ name: consumer, seen }) => `${consumer} ${seen}`),
        };
      });
      return [value.entries, length, lastMs, lastSeq, groups];
    }
    default:
      return items;
  }
}

/** A reply as text, without those names (and what follows each) that depend on the version. */
function text(reply: Reply, drop: ReadonlySet<string>): unknown {
  if (!Array.isArray(reply)) return String(reply);
  const dropped = (i: number): boolean =>
    drop.has(String(reply[i])) || (i % 2 === 1 && drop.has(String(reply[i - 1])));
  return reply.filter((_, i) => !dropped(i)).map((each) => text(each, drop));
}

/** Of XINFO STREAM FULL what Redis 6 tells too: a server with counters makes those anew. */
const NEWER_THAN_6 = new Set([
  'max-deleted-entry-id',
  'entries-added',
  'recorded-first-entry-id',
  'entries-read',
  'lag',
  'active-time',
]);
const INTERNAL = new Set(['radix-tree-keys', 'radix-tree-nodes']);
const IDEMPOTENCE = [
  ...['idmp-duration', 'idmp-maxsize', 'pids-tracked', 'iids-tracked', 'iids-added', 'iids-duplicates'],
];

/** The names that only one of the two servers tells. */
function unshared({ redis: source }: Readable, { redis: target }: Readable): Set<string> {
  const older = Math.min(source, target);
  return new Set([
    ...INTERNAL,
    ...(older < 13 ? IDEMPOTENCE : []),
    ...(older < 11 ? ['active-time', 'active'] : []),
    ...(older < 10 ? NEWER_THAN_6 : []),
  ]);
}

async function streamInfo({ client }: Running, drop: ReadonlySet<string>): Promise<unknown> {
  return text(await client.call('XINFO', 'STREAM', 'stream', 'FULL', 'COUNT', 0), drop);
}

async function fill({ client, readable }: Running): Promise<void> {
  const send = async (...args: Arg[]): Promise<unknown> => client.call(...args);
  const numbers = Array.from({ length: 700 }, (_, i) => String(i));
  await send('FLUSHALL');
  await send('RPUSH', 'list', 'a', '5', '', 'x'.repeat(9000), ...numbers);
  await send('SADD', 'set', 'a', '12', 'x'.repeat(40));
  await send('SADD', 'large set', 'a', ...numbers);
  await send('SADD', 'intset', '1', '-9223372036854775808', '70000');
  const scores = [
    '0.1',
    '-0',
    '5e-324',
    '1.7976931348623157e308',
    '0.30000000000000004',
    'inf',
    '-inf',
    '9007199254740993',
    '-17',
  ];
  await send('ZADD', 'zset', ...scores.flatMap((score, i) => [score, `m${i}`]));
  await send('ZADD', 'large zset', ...numbers.flatMap((n) => [`${n}.7`, n]));
  await send('HSET', 'hash', 'f', 'v', 'g', '-5', 'h', '');
  await send('HSET', 'large hash', ...numbers.flatMap((n) => [n, n]));
  await fillStream(send, readable.redis >= 13);
  if (readable.redis < 12 && !readable.valkey) return;
  for (const key of ['hash', 'large hash']) {
    await send('COPY', key, `${key}, expiring`);
  }
  await send('HPEXPIREAT', 'hash, expiring', LATER, 'FIELDS', 1, 'f');
  await send('HPEXPIREAT', 'hash, expiring', LATER + 7, 'FIELDS', 1, 'h');
  await send('HPEXPIREAT', 'large hash, expiring', LATER, 'FIELDS', 2, '3', '5');
}

async function fillStream(send: (...args: Arg[]) => Promise<unknown>, idempotent: boolean): Promise<void> {
  for (let i = 1; i <= 250; i++) await send('XADD', 'stream', `${i}-${i}`, 'f', `v${i}`, 'g', i);
  await send('XDEL', 'stream', '1-1', '77-77', '250-250');
  await send('XGROUP', 'CREATE', 'stream', 'g', '0');
  await send('XGROUP', 'CREATE', 'stream', 'untouched', '$');
  await send('XREADGROUP', 'GROUP', 'g', 'alice', 'COUNT', 3, 'STREAMS', 'stream', '>');
  await send('XREADGROUP', 'GROUP', 'g', 'bob', 'COUNT', 120, 'STREAMS', 'stream', '>');
  await send('XCLAIM', 'stream', 'g', 'alice', 0, '7-7', '8-8');
  await send('XDEL', 'stream', '9-9');
  if (!idempotent) return;
  for (const id of ['one', 'two', 'one']) await send('XADD', 'stream', 'IDMP', 'producer', id, '*', 'f', id);
}

describe.each(found.map(({ name }) => name))('to %s', (name) => {
  const expiring = (READABLE[name] as Readable).redis >= 12 || (READABLE[name] as Readable).valkey;

  it.each(FIXTURES)('the values of an RDB by %s', async (fixture) => {
    const to = get(name);
    const version =
      Number({ '2': 6, '5': 9, '7': 10 }[fixture.slice(6, 7)]) + (fixture.includes('7.4') ? 2 : 0);
    for (const input of fixtureValues(fixture)) {
      await restore(to, 'key', input, version);
      const { value } = await dump(to, 'key');
      const expected = comparable(decoded(input.type, input.flavour, input.bytes), expiring);
      expect(comparable(decoded(value.type, value.flavour, value.bytes), expiring), input.name).toEqual(
        expected,
      );
    }
  });

  it('the oldest forms, which every later server reads too', async () => {
    const to = get(name);
    const transcoder = new Transcoder({ redis: 6, valkey: false });
    for (const { name: what, type, flavour, bytes } of fixtureValues('redis-7.4.1')) {
      const lost = transcoder.transcode(type, flavour, bytes, 0, bytes.length, Date.now());
      if (lost === CANNOT_STREAM) continue;
      expect(transcoder.type, what).toBeLessThan(14);
      const made = transcoder.buf.subarray(transcoder.start, transcoder.end);
      await to.client.call('RESTORE', 'key', 0, restorePayload(transcoder.type, made, 6), 'REPLACE');
      const { value } = await dump(to, 'key');
      const expected = comparable(decoded(type, flavour, bytes), false);
      expect(comparable(decoded(value.type, value.flavour, value.bytes), false), what).toEqual(expected);
    }
  });

  const sources = SOURCES.filter((source) => found.some((each) => each.name === source));
  it.each(sources)('the values of %s', async (sourceName) => {
    const [from, to] = [get(sourceName), get(name)];
    await fill(from);
    const keys = ((await from.client.call('KEYS', '*')) as Reply[]).map(String);
    expect(keys.length).toBeGreaterThan(8);
    const types = new Set<number>();
    for (const key of keys.sort()) {
      const { value, version } = await dump(from, key);
      types.add(value.type);
      const before = decoded(value.type, value.flavour, value.bytes);
      if (from !== to) await to.client.call('DEL', key);
      const lost = await restore(to, key, value, version);
      expect(`${key}: ${lost}`).toBe(
        `${key}: ${key.includes('expiring') && !expiring ? LOST_FIELD_EXPIRY : 0}`,
      );
      const after = (await dump(to, key)).value;
      const actual = decoded(after.type, after.flavour, after.bytes);
      expect(comparable(actual, expiring), key).toEqual(comparable(before, expiring));
    }
    expect([...types]).toEqual(expect.arrayContaining(NEWEST_TYPES[sourceName] as number[]));
    if (from === to) return;
    const drop = unshared(from.readable, to.readable);
    expect(await streamInfo(to, drop)).toEqual(await streamInfo(from, drop));
    if (expiring && keys.includes('hash, expiring')) {
      const ask = ['HPEXPIRETIME', 'hash, expiring', 'FIELDS', 4, 'f', 'g', 'h', 'none'] as const;
      expect(await to.client.call(...ask)).toEqual([LATER, -1, LATER + 7, -2]);
    }
  });

  it.runIf(expiring)('fields whose time is up, which go as soon as they are there', async () => {
    const to = get(name);
    // The other family's form: base, count, (distance field value)*; or count, (field value expiry)*.
    const valkey = (READABLE[name] as Readable).valkey;
    const string = (s: string): Buffer => Buffer.from(`${String.fromCharCode(s.length)}${s}`);
    const time = Buffer.alloc(8);
    time.writeBigInt64LE(1000n);
    const never = Buffer.alloc(8, 255);
    const bytes = valkey
      ? Buffer.concat([
          time,
          Buffer.from([2, 1]),
          string('f'),
          string('v'),
          Buffer.from([0]),
          string('g'),
          string('w'),
        ])
      : Buffer.concat([Buffer.from([2]), string('f'), string('v'), time, string('g'), string('w'), never]);
    const flavour: Flavour = valkey ? 'redis' : 'valkey';
    const type = valkey ? 24 : 22;
    expect(await restore(to, 'key', { name: '', type, flavour, bytes }, valkey ? 12 : 80)).toBe(0);
    const fields = (await to.client.call('HMGET', 'key', 'f', 'g')) as Reply[];
    expect(fields.map(String)).toEqual(['null', 'w']);
  });
});

it('names the flavour of a payload by its version', async () => {
  for (const { name } of found.filter((each) => SOURCES.includes(each.name))) {
    const from = get(name);
    await from.client.call('SET', 'key', 'value');
    expect((await dump(from, 'key')).value.flavour).toBe(flavourOf(name));
  }
});

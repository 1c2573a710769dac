/** Every type for every kind of server: what comes out is of a type that the server reads, and decodes to what went in. */
import { describe, expect, it } from 'vitest';
import * as b from '../../../../test/fuzz/rdb-build.ts';
import type { Value } from '../../../../test/fuzz/rdb-collect.ts';
import { decoded, fixtureValues, type SerializedValue } from '../../../../test/support/rdb-entries.ts';
import type { Flavour } from '../sink.ts';
import type { Readable } from './readable.ts';
import { CANNOT_MODULE, CANNOT_STREAM, EMPTY, LOST_FIELD_EXPIRY, Transcoder } from './transcoder.ts';

const { str, len, lp, u64 } = b;
const NOW = 1_700_000_000_000;
const LATER = 4_102_444_800_789;
const LONG = 'x'.repeat(300);

const SERVERS: readonly (readonly [name: string, readable: Readable, types: readonly number[]])[] = [
  ['Redis 2.6', { redis: 6, valkey: false }, [0, 1, 2, 3, 4, 9, 10, 11, 12, 13]],
  ['Redis 3.2', { redis: 7, valkey: false }, [0, 1, 2, 3, 4, 9, 10, 11, 12, 13, 14]],
  ['Redis 4.0', { redis: 8, valkey: false }, [0, 1, 2, 3, 4, 5, 7, 9, 10, 11, 12, 13, 14]],
  ['Redis 5.0', { redis: 9, valkey: false }, [0, 1, 2, 3, 4, 5, 7, 9, 10, 11, 12, 13, 14, 15]],
  ['Redis 7.0', { redis: 10, valkey: false }, [0, 1, 2, 3, 4, 5, 7, ...span(9, 19)]],
  ['Redis 7.2', { redis: 11, valkey: false }, [0, 1, 2, 3, 4, 5, 7, ...span(9, 21)]],
  ['Redis 7.4', { redis: 12, valkey: false }, [0, 1, 2, 3, 4, 5, 7, ...span(9, 25)]],
  ['Redis 8.6', { redis: 13, valkey: false }, [0, 1, 2, 3, 4, 5, 7, ...span(9, 26)]],
  ['Valkey 8', { redis: 11, valkey: false }, [0, 1, 2, 3, 4, 5, 7, ...span(9, 21)]],
  ['Valkey 9', { redis: 11, valkey: true }, [0, 1, 2, 3, 4, 5, 7, ...span(9, 22)]],
];

function span(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

function value(
  name: string,
  type: number,
  bytes: readonly b.Bytes[],
  flavour: Flavour = 'redis',
): SerializedValue {
  return { name, type, flavour, bytes: b.bytes(...bytes) };
}

const NODE = b.listpack(
  ...[lp(2), lp(1), lp(1), lp('f'), lp(0)],
  ...[lp(2), lp(0), lp(0), lp('v'), lp(4)],
  ...[lp(2), lp(5), lp(-1), lp(LONG), lp(4)],
  ...[lp(3), lp(6), lp(0), lp('gone'), lp(4)],
);

/** A stream of two nodes, one compressed, and two groups; as Redis 5 wrote it (1), 7.0 (2), 7.2 (3) and 8.6 (4). */
function stream(version: 1 | 2 | 3 | 4): b.Bytes[] {
  const active = (ms: number): b.Bytes[] => (version >= 3 ? [u64(ms)] : []);
  const read = (n: bigint): b.Bytes[] => (version >= 2 ? [len(n)] : []);
  return [
    ...[len(2), str(b.id(1000, 3)), b.lzf(NODE), str(b.id(2000, 0)), str(NODE)],
    ...[len(4), len(2n ** 61n), len(9)],
    ...(version >= 2 ? [len(1000), len(3), len(2006), len(0), len(70)] : []),
    ...[len(2), str('g'), len(1006), len(3), ...read(2n ** 64n - 1n)],
    ...[len(2), b.id(1000, 3), u64(111), len(2), b.id(1006, 3), u64(222), len(70)],
    ...[len(2), str('a'), u64(5000), ...active(4000), len(1), b.id(1006, 3)],
    ...[str('b'), u64(6000), ...active(-1), len(1), b.id(1000, 3)],
    ...[
      b.int(2, 300),
      len(2005),
      len(0),
      ...read(3n),
      len(0),
      len(1),
      str(LONG),
      u64(1),
      ...active(1),
      len(0),
    ],
    ...(version === 4 ? [len(100), len(50), len(2), ...producer('p'), ...producer('q'), len(3), len(4)] : []),
  ];
}

const producer = (name: string): b.Bytes[] => [
  str(name),
  len(2),
  str('i'),
  len(1),
  len(2),
  b.lzf(LONG),
  len(5),
  len(6),
];

const SCORES = [
  0.1,
  -0,
  0,
  5e-324,
  1.7976931348623157e308,
  1e21,
  0.1 + 0.2,
  -1.5,
  2 ** 53 + 2,
  -(2 ** 53),
  42,
  Infinity,
  -Infinity,
];
const zl = (text: string): Buffer => b.bytes(text.length, text);

/** What the fixtures have not. */
const BY_HAND: readonly SerializedValue[] = [
  value('list', 1, [len(3), str('a'), b.int(4, -70000), b.lzf(LONG)]),
  value('set', 2, [len(2), str(''), str(LONG)]),
  value('zset', 3, [len(4), str('a'), b.bytes(3, '1.5'), str('n'), 253, str('i'), 254, str('j'), 255]),
  value('zset 2', 5, [len(SCORES.length), ...SCORES.map((score, i) => [str(`m${i}`), b.double(score)])]),
  value('hash', 4, [len(1), str('f'), str('v')]),
  value('zipmap', 9, [str(b.bytes(1, 1, 'f', 2, 0, 'vv', 255))]),
  value('list ziplist', 10, [str(b.ziplist([zl('a'), b.bytes(0xf4), b.bytes(0xc0, 0, 0x80)]))]),
  value('intset', 11, [str(b.intset(8, u64(-(2n ** 63n)), u64(2n ** 62n)))]),
  value('zset ziplist', 12, [str(b.ziplist([zl('a'), zl('0.5')]))]),
  value('hash ziplist', 13, [str(b.ziplist([zl('f'), zl('v')]))]),
  value('quicklist', 14, [len(2), str(b.ziplist([zl('a')])), b.lzf(b.ziplist([zl('b'), zl('')]))]),
  value('hash listpack', 16, [str(b.listpack(lp('f'), lp(-7), lp(LONG), lp(2n ** 60n)))]),
  value('zset listpack', 17, [
    str(b.listpack(lp('a'), lp('-inf'), lp('b'), lp(3), lp('c'), lp('0.30000000000000004'))),
  ]),
  value('quicklist 2', 18, [
    len(3),
    len(2),
    str(b.listpack(lp('a'), lp(5000))),
    len(1),
    str(LONG),
    len(2),
    str(b.listpack(lp('z'))),
  ]),
  value('set listpack', 20, [str(b.listpack(lp('a'), lp(12), lp(LONG)))]),
  value('stream', 15, stream(1)),
  value('stream 2', 19, stream(2)),
  value('stream 3', 21, stream(3)),
  value('stream 4', 26, stream(4)),
  value('empty stream', 26, [
    len(0),
    ...Array<b.Bytes>(8).fill(len(0)),
    len(0),
    len(0),
    len(0),
    len(0),
    len(0),
    len(0),
  ]),
  value('hash, expiries before', 22, [
    len(3),
    len(LATER),
    str('f'),
    str('v'),
    len(0),
    str('g'),
    str('w'),
    len(NOW),
    str('h'),
    str('x'),
  ]),
  value('hash listpack, expiries', 23, [
    str(b.listpack(lp('h'), lp('x'), lp(BigInt(NOW)), lp('f'), lp('v'), lp(0))),
  ]),
  value('hash, distances', 24, [
    u64(NOW),
    len(3),
    len(1),
    str('f'),
    str('v'),
    len(0),
    str('g'),
    str('w'),
    len(2402444800790),
    str(LONG),
    str(LONG),
  ]),
  value('hash listpack, minimum', 25, [
    u64(LATER),
    str(b.listpack(lp('f'), lp('v'), lp(BigInt(LATER)), lp('g'), lp(1), lp(0))),
  ]),
  value(
    'Valkey hash',
    22,
    [len(3), str('f'), str('v'), u64(LATER), str('g'), str(''), u64(-1), str('h'), str('x'), u64(NOW)],
    'valkey',
  ),
  value('all of it expired', 24, [u64(NOW), len(1), len(1), str('f'), str('v')]),
  value('large elements', 16, [str(b.listpack(lp('f'.repeat(1_100_000)), lp('v'.repeat(2_000_000))))]),
  value('more than a byte counts', 20, [b.lzf(b.listpack(...span(0, 20_000).map((n) => lp(n))))]),
];

const FIXTURES = ['2.8.24', '3.2.13', '4.0.14', '5.0.14', '6.2.9', '7.0.15', '7.2.4', '7.4.1'].flatMap(
  (version) => fixtureValues(`redis-${version}`),
);

/** What a server can hold of a value: that, and the bits that tell what it can't. */
function held(type: number, original: Value, readable: Readable): [Value, number] {
  if (original.kind === 'stream') return [streamAs(type, original), 0];
  if (original.kind !== 'hash') return [original, original.items.length === 0 ? EMPTY : 0];
  if (readable.valkey || readable.redis >= 12) return [original, 0];
  const items: string[] = [];
  const fieldExpireAt: number[] = [];
  let lost = 0;
  original.fieldExpireAt.forEach((ms, i) => {
    if (ms >= 0 && ms <= NOW) return;
    if (ms >= 0) lost = LOST_FIELD_EXPIRY;
    items.push(...original.items.slice(2 * i, 2 * i + 2));
    fieldExpireAt.push(-1);
  });
  return [{ ...original, items, fieldExpireAt }, items.length === 0 ? EMPTY : lost];
}

/** A stream without what the form of this type has no place for, however the decoder fills it in. */
function streamAs(type: number, original: Value): Value {
  const { meta } = original;
  if (meta === undefined) throw new Error('a stream without metadata');
  const counters = { firstMs: 0n, firstSeq: 0n, maxDeletedMs: 0n, maxDeletedSeq: 0n, entriesAdded: 0n };
  return {
    ...original,
    meta: type === 15 ? { ...meta, ...counters } : meta,
    groups: original.groups.map((group) => ({
      ...group,
      read: type === 15 ? '' : group.read,
      consumers: group.consumers.map((c) => (type < 21 ? { ...c, active: 0 } : c)),
    })),
  };
}

function check(
  transcoder: Transcoder,
  input: SerializedValue,
  readable: Readable,
  types: readonly number[],
): void {
  const { type, flavour, bytes, name } = input;
  // Between other bytes: offsets that are taken for distances would show.
  const inside = b.bytes('before', bytes, 'behind');
  const lost = transcoder.transcode(type, flavour, inside, 6, 6 + bytes.length, NOW);
  if (lost === CANNOT_STREAM) {
    expect(readable.redis).toBeLessThan(9);
    expect([15, 19, 21, 26]).toContain(type);
    return;
  }
  const original = decoded(type, flavour, bytes);
  const own = transcoder.type === 22 && transcoder.version === 80;
  const asIs = transcoder.readsAsIs(type, flavour);
  const [expected, expectedLost] = held(transcoder.type, original, readable);
  expect(`${name}: ${lost}`).toBe(`${name}: ${asIs ? 0 : expectedLost}`);
  expect(types, name).toContain(transcoder.type);
  expect(transcoder.version, name).toBe(own ? 80 : readable.redis);
  const written = transcoder.buf.subarray(transcoder.start, transcoder.end);
  const again = decoded(transcoder.type, own ? 'valkey' : 'redis', written);
  const actual = again.kind === 'stream' ? streamAs(transcoder.type, again) : again;
  expect(actual, name).toEqual(asIs && original.kind !== 'stream' ? original : expected);
  if (asIs) expect(written.equals(bytes), name).toBe(true);
}

describe.each(SERVERS)('for %s', (_, readable, types) => {
  const transcoder = new Transcoder(readable);

  it('knows which types go as they stand', () => {
    const redis = types.filter((type) => type !== 22 || !readable.valkey);
    expect(span(0, 255).filter((type) => transcoder.readsAsIs(type, 'redis'))).toEqual(redis);
    expect(transcoder.readsAsIs(22, 'valkey')).toBe(readable.valkey);
    expect(transcoder.readsAsIs(16, 'valkey')).toBe(types.includes(16));
  });

  it('keeps what the fixtures hold', () => {
    expect(FIXTURES.length).toBeGreaterThan(300);
    for (const input of FIXTURES) check(transcoder, input, readable, types);
  });

  it('keeps every other encoding', () => {
    for (const input of BY_HAND) check(transcoder, input, readable, types);
  });

  it('gives nothing of a module to a server without them', () => {
    const bytes = b.bytes(len(2n ** 60n), len(2), len(5), len(0));
    const lost = transcoder.transcode(7, 'redis', bytes, 0, bytes.length, NOW);
    expect(lost).toBe(readable.redis < 8 ? CANNOT_MODULE : 0);
  });
});

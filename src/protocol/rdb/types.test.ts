/** Every type and encoding, written by hand, at every cut and through both paths. */
import { describe, expect, it } from 'vitest';
import * as b from '../../../test/fuzz/rdb-build.ts';
import { type Collector, collect } from '../../../test/fuzz/rdb-collect.ts';

const b64 = (...items: string[]): string[] => items.map((item) => Buffer.from(item).toString('base64'));
const LONG = 'x'.repeat(300);
const { lp, str, len } = b;

interface Case {
  name: string;
  entry: Buffer;
  magic?: string;
  expected: object;
}

const NODE = b.listpack(
  ...[lp(2), lp(1), lp(2), lp('f'), lp(7), lp(0)],
  // flags ms seq: the same fields; its own; deleted; far off
  ...[lp(2), lp(0), lp(0), lp('v'), lp(-4096), lp(5)],
  ...[lp(0), lp(5), lp(-1), lp(1), lp('own'), lp(LONG), lp(6)],
  ...[lp(3), lp(6), lp(0), lp('gone'), lp('gone'), lp(5)],
  ...[lp(2), lp(1n << 60n), lp(2 ** 30), lp(''), lp('z'), lp(5)],
);
const far = `${1000n + (1n << 60n)}-${3n + 2n ** 30n}`;
const streamEntries = [
  ['1000-3', b64('f', 'v', '7', '-4096')],
  ['1005-2', b64('own', LONG)],
  [far, b64('f', '', '7', 'z')],
];
const pel = [len(2), b.id(1000, 3), b.u64(111), len(2), b.id(1006, 3), b.u64(222), len(70)];
const group = (version: number): b.Bytes[] => [
  ...[str('g'), len(1006), len(3), ...(version > 1 ? [len(2n ** 64n - 1n)] : []), ...pel],
  ...[len(2), str('a'), b.u64(5000), ...(version > 2 ? [b.u64(4000)] : []), len(1), b.id(1006, 3)],
  ...[str('b'), b.u64(6000), ...(version > 2 ? [b.u64(-1)] : []), len(1), b.id(1000, 3)],
];
const streamOf = (version: number): b.Bytes[] => [
  ...[len(1), str(b.id(1000, 3)), b.lzf(NODE)],
  ...[len(3), len(2n ** 61n), len(9)],
  ...(version > 1 ? [len(1000), len(3), len(1006), len(3), len(4)] : []),
  ...[len(1), ...group(version)],
  ...(version > 3
    ? [len(100), len(50), len(1), str('pid'), len(1), str('iid'), len(1), len(2), len(3), len(4)]
    : []),
];
const streamValue = (version: number): object => ({
  kind: 'stream',
  entries: streamEntries,
  deleted: ['1006-3'],
  meta: {
    length: 3,
    lastMs: 2n ** 61n,
    lastSeq: 9n,
    firstMs: 1000n,
    firstSeq: 3n,
    maxDeletedMs: version > 1 ? 1006n : 0n,
    maxDeletedSeq: version > 1 ? 3n : 0n,
    entriesAdded: version > 1 ? 4n : 3n,
  },
  groups: [
    {
      name: 'g',
      last: '1006-3',
      read: '-1',
      consumers: [
        { name: 'a', seen: 5000, active: version > 2 ? 4000 : 5000 },
        { name: 'b', seen: 6000, active: version > 2 ? -1 : 6000 },
      ],
      pending: [
        { id: '1006-3', consumer: 'a', timeMs: 222, deliveries: 70 },
        { id: '1000-3', consumer: 'b', timeMs: 111, deliveries: 2 },
      ],
    },
  ],
});

const hash = (items: string[], fieldExpireAt: number[]): object => ({
  kind: 'hash',
  items: b64(...items),
  fieldExpireAt,
});
const LP_INTS = [0, 127, -1, 4095, -4096, 32767, -32768, 8388607, -8388608, 2147483647, -2147483648];
const lpInts = [...LP_INTS.map((n) => lp(n)), lp(2n ** 53n), lp(-(2n ** 63n))];
const lpTexts = [...LP_INTS.map(String), String(2n ** 53n), String(-(2n ** 63n))];
const zl = (n: number): Buffer => b.bytes(0xf1 + n);
const ZIPLIST = [
  ...[b.bytes(5, 'short'), b.bytes(0x41, 44, LONG), b.bytes(0x80, 0, 0, 1, 44, LONG), zl(0), zl(12)],
  ...[b.bytes(0xfe, 0xff), b.bytes(0xc0, 0, 0x80), b.bytes(0xf0, 0, 0, 0x80), b.bytes(0xd0, b.u32(5))],
  b.bytes(0xe0, b.u64(-(2n ** 62n))),
];
const ZIPLIST_TEXTS = ['short', LONG, LONG, '0', '12', '-1', '-32768', '-8388608', '5', String(-(2n ** 62n))];
const list = (...items: string[]): object => ({ kind: 'list', items: b64(...items) });
const zset = (items: string[], scores: string[]): object => ({ kind: 'zset', items: b64(...items), scores });

const cases: Case[] = [
  { name: 'string', entry: b.entry(0, 'k', str('value')), expected: { kind: 'string', items: b64('value') } },
  { name: 'empty string and key', entry: b.entry(0, '', str('')), expected: { items: [''], key: '' } },
  { name: 'string of 14 bits', entry: b.entry(0, 'k', str(LONG)), expected: { items: b64(LONG) } },
  {
    name: 'string of 32 and key of 64 bits',
    entry: b.entry(0, b.bytes(0x81, 0, 0, 0, 0, 0, 0, 0, 2, 'kk'), b.bytes(0x80, 0, 0, 0, 3, 'abc')),
    expected: { items: b64('abc'), key: b64('kk')[0] },
  },
  {
    name: 'int 8',
    entry: b.entry(0, b.int(1, -7), b.int(1, -128)),
    expected: { items: b64('-128'), key: b64('-7')[0] },
  },
  { name: 'int 16', entry: b.entry(0, b.int(2, 500), b.int(2, 12345)), expected: { items: b64('12345') } },
  {
    name: 'int 32',
    entry: b.entry(0, b.int(4, 99999), b.int(4, -2147483648)),
    expected: { items: b64('-2147483648') },
  },
  {
    name: 'LZF',
    entry: b.entry(0, b.lzf(LONG), b.lzf(`${LONG}y`)),
    expected: { items: b64(`${LONG}y`), key: b64(LONG)[0] },
  },
  { name: 'LZF run', entry: b.entry(0, 'k', b.lzfRun(65, 5000)), expected: { items: b64('A'.repeat(5000)) } },
  {
    name: 'list',
    entry: b.entry(1, 'k', len(3), str('a'), b.int(1, 5), b.lzf(LONG)),
    expected: list('a', '5', LONG),
  },
  {
    name: 'set',
    entry: b.entry(2, 'k', len(2), str('a'), str('')),
    expected: { kind: 'set', items: b64('a', '') },
  },
  {
    name: 'zset with text scores',
    entry: b.entry(
      3,
      'k',
      len(5),
      str('a'),
      b.bytes(4, '-1.5'),
      str('b'),
      253,
      str('c'),
      254,
      str('d'),
      255,
      str('e'),
      b.bytes(6, '1e-300'),
    ),
    expected: zset(['a', 'b', 'c', 'd', 'e'], ['-1.5', 'NaN', 'Infinity', '-Infinity', '1e-300']),
  },
  {
    name: 'zset with binary scores',
    entry: b.entry(
      5,
      'k',
      len(4),
      str('a'),
      b.double(-0),
      str(LONG),
      b.double(0.1),
      str('c'),
      b.double(5e-324),
      str('d'),
      b.double(-Infinity),
    ),
    expected: zset(['a', LONG, 'c', 'd'], ['-0', '0.1', '5e-324', '-Infinity']),
  },
  {
    name: 'hash',
    entry: b.entry(4, 'k', len(2), str('f'), str('v'), str(LONG), b.lzf(LONG)),
    expected: hash(['f', 'v', LONG, LONG], [-1, -1]),
  },
  { name: 'empty hash', entry: b.entry(4, 'k', len(0)), expected: hash([], []) },
  {
    name: 'module',
    entry: b.entry(
      7,
      'k',
      len(2n ** 60n),
      len(1),
      len(5),
      len(2),
      len(2n ** 63n),
      len(3),
      b.bytes('flt!'),
      len(4),
      b.double(1),
      len(5),
      b.lzf(LONG),
      len(5),
      str(''),
      len(0),
    ),
    expected: { kind: 'module', type: 7 },
  },
  {
    name: 'zipmap',
    entry: b.entry(
      9,
      'k',
      str(
        b.bytes(
          3,
          1,
          'f',
          2,
          0,
          'vv',
          254,
          b.u32(300),
          LONG,
          254,
          b.u32(300),
          3,
          LONG,
          '...',
          1,
          'g',
          0,
          2,
          '..',
          255,
        ),
      ),
    ),
    expected: hash(['f', 'vv', LONG, LONG, 'g', ''], [-1, -1, -1]),
  },
  {
    name: 'list as ziplist',
    entry: b.entry(10, 'k', str(b.ziplist(ZIPLIST))),
    expected: list(...ZIPLIST_TEXTS),
  },
  {
    name: 'list as wide ziplist',
    entry: b.entry(10, 'k', b.lzf(b.ziplist(ZIPLIST, true))),
    expected: list(...ZIPLIST_TEXTS),
  },
  {
    name: 'intset of 16 bits',
    entry: b.entry(11, 'k', str(b.intset(2, b.bytes(0, 0x80), b.bytes(1, 0)))),
    expected: { kind: 'set', items: b64('-32768', '1') },
  },
  {
    name: 'intset of 32 bits',
    entry: b.entry(11, 'k', str(b.intset(4, b.u32(0x80000000), b.u32(70000)))),
    expected: { kind: 'set', items: b64('-2147483648', '70000') },
  },
  {
    name: 'intset of 64 bits',
    entry: b.entry(11, 'k', str(b.intset(8, b.u64(-(2n ** 63n)), b.u64(1), b.u64(2n ** 62n)))),
    expected: { kind: 'set', items: b64(String(-(2n ** 63n)), '1', String(2n ** 62n)) },
  },
  {
    name: 'zset as ziplist',
    entry: b.entry(
      12,
      'k',
      str(
        b.ziplist([
          b.bytes(1, 'a'),
          zl(3),
          b.bytes(1, 'b'),
          b.bytes(4, '-inf'),
          zl(5),
          b.bytes(19, '0.10000000000000001'),
        ]),
      ),
    ),
    expected: zset(['a', 'b', '5'], ['3', '-Infinity', '0.1']),
  },
  {
    name: 'hash as ziplist',
    entry: b.entry(13, 'k', str(b.ziplist([b.bytes(1, 'a'), zl(3)]))),
    expected: hash(['a', '3'], [-1]),
  },
  {
    name: 'quicklist',
    entry: b.entry(
      14,
      'k',
      len(2),
      str(b.ziplist([b.bytes(1, 'a')])),
      b.lzf(b.ziplist([b.bytes(0x41, 44, LONG)])),
    ),
    expected: list('a', LONG),
  },
  {
    name: 'hash as listpack',
    entry: b.entry(16, 'k', str(b.listpack(lp('f'), lp(LONG)))),
    expected: hash(['f', LONG], [-1]),
  },
  {
    name: 'zset as listpack',
    entry: b.entry(
      17,
      'k',
      str(b.listpack(lp('a'), lp('2.5'), lp(7), lp(-3), lp('c'), lp('inf'), lp('d'), lp('-0'))),
    ),
    expected: zset(['a', '7', 'c', 'd'], ['2.5', '-3', 'Infinity', '-0']),
  },
  {
    name: 'quicklist 2',
    entry: b.entry(
      18,
      'k',
      len(3),
      len(2),
      str(b.listpack(...lpInts)),
      len(1),
      str(LONG),
      len(2),
      b.lzf(b.listpack(lp(LONG), lp('y'.repeat(5000)))),
    ),
    expected: list(...lpTexts, LONG, LONG, 'y'.repeat(5000)),
  },
  {
    name: 'set as listpack',
    entry: b.entry(20, 'k', str(b.listpack(lp('a'), lp(5)))),
    expected: { kind: 'set', items: b64('a', '5') },
  },
  ...[15, 19, 21, 26].map((type, i) => ({
    name: `stream of type ${type}`,
    entry: b.entry(type, 'k', ...streamOf(i + 1)),
    expected: streamValue(i + 1),
  })),
  {
    name: 'empty stream',
    entry: b.entry(15, 'k', len(0), len(0), len(0), len(0), len(0)),
    expected: { kind: 'stream', entries: [], groups: [] },
  },
  {
    name: 'hash with expiries of Redis 7.4 RC',
    entry: b.entry(22, 'k', len(2), len(4102444800789), str('a'), str('1'), len(0), str('b'), str(LONG)),
    expected: hash(['a', '1', 'b', LONG], [4102444800789, -1]),
  },
  {
    name: 'hash as listpack with expiries of Redis 7.4 RC',
    entry: b.entry(23, 'k', str(b.listpack(lp('a'), lp('1'), lp(4102444800789n), lp('b'), lp(2), lp(0)))),
    expected: hash(['a', '1', 'b', '2'], [4102444800789, -1]),
  },
  {
    name: 'hash with expiries',
    entry: b.entry(
      24,
      'k',
      b.u64(4102444800000),
      len(3),
      len(1),
      str('a'),
      str('1'),
      len(0),
      str('b'),
      str('2'),
      len(791),
      str('c'),
      b.lzf(LONG),
    ),
    expected: hash(['a', '1', 'b', '2', 'c', LONG], [4102444800000, -1, 4102444800790]),
  },
  {
    name: 'hash as listpack with expiries',
    entry: b.entry(25, 'k', b.u64(4102444800789), str(b.listpack(lp('a'), lp(LONG), lp(4102444800789n)))),
    expected: hash(['a', LONG], [4102444800789]),
  },
  {
    name: "Valkey's hash with expiries",
    magic: 'VALKEY080',
    entry: b.entry(22, 'k', len(2), str('a'), str('1'), b.u64(4102444800789), str('b'), str(LONG), b.u64(-1)),
    expected: hash(['a', '1', 'b', LONG], [4102444800789, -1]),
  },
];

const text = (c: Collector): string =>
  JSON.stringify([c.entries, c.told], (_, v) => (typeof v === 'bigint' ? String(v) : v));

describe('each type', () => {
  it.each(cases)('$name', ({ entry, magic, expected }) => {
    // Two entries and one before: what is left over from one must not reach the next.
    const rdb = b.rdb([b.entry(0, 'before', str('x')), entry, b.entry(0, 'behind', str('y'))], magic);
    const whole = collect(rdb);
    expect(whole.entries.map((e) => e.key)).toEqual([
      ...b64('before'),
      whole.entries[1]?.key,
      ...b64('behind'),
    ]);
    expect(whole.entries[1]).toMatchObject(expected);
    expect(whole.big).toBe(0);
    const wanted = text(whole);
    for (const bigEntryBytes of [1 << 24, 100, 0]) {
      for (const partBytes of [1 << 20, 40, 0]) {
        expect(text(collect(rdb, [], bigEntryBytes, partBytes))).toBe(wanted);
        const each = Array.from({ length: rdb.length - 1 }, (_, i) => i + 1);
        expect(text(collect(rdb, each, bigEntryBytes, partBytes))).toBe(wanted);
      }
      const step = rdb.length > 3000 ? 13 : 1;
      for (let cut = 1; cut < rdb.length; cut += step)
        expect(text(collect(rdb, [cut], bigEntryBytes, 40))).toBe(wanted);
    }
  });
});

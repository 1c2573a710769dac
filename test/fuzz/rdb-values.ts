/** Values of every type, written by hand: what the RDBs in test/fixtures/rdb have not. */
import type { Flavour } from '../../src/protocol/rdb/sink.ts';
import type { SerializedValue } from '../support/rdb-entries.ts';
import * as b from './rdb-build.ts';

const { str, len, lp, u64 } = b;
/** Fields that expire do so now or later. */
export const NOW: number = 1_700_000_000_000;
export const LATER: number = 4_102_444_800_789;
const LONG = 'x'.repeat(300);

export function value(
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

export const SCORES: readonly number[] = [
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

export const VALUES: readonly SerializedValue[] = [
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
  value('more than a byte counts', 20, [
    b.lzf(b.listpack(...Array.from({ length: 20_001 }, (_, n) => lp(n)))),
  ]),
];

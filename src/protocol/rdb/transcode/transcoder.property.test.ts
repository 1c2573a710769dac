/** Any collection, any stream, and bytes that are damaged. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as b from '../../../../test/fuzz/rdb-build.ts';
import { SCORES, VALUES, value } from '../../../../test/fuzz/rdb-values.ts';
import { decoded, type SerializedValue } from '../../../../test/support/rdb-entries.ts';
import { FormatError } from '../../format-error.ts';
import type { Readable } from './readable.ts';
import { EMPTY, LOST_FIELD_EXPIRY, Transcoder } from './transcoder.ts';

const { str, len, u64 } = b;
const LATER_MAX = 2 ** 48 - 1;

const READABLE: readonly Readable[] = [
  ...[6, 7, 8, 9, 10, 11, 12, 13].map((redis) => ({ redis, valkey: false })),
  { redis: 11, valkey: true },
];
const transcoders: readonly Transcoder[] = READABLE.map((readable) => new Transcoder(readable));
const [before40, redis62, , valkey9, redis74] = [6, 9, 10, 11, 12].map((redis) => {
  return new Transcoder({ redis, valkey: redis === 11 });
}) as [Transcoder, Transcoder, Transcoder, Transcoder, Transcoder];

function transcode(transcoder: Transcoder, { type, flavour, bytes }: SerializedValue, nowMs = 0): number {
  return transcoder.transcode(type, flavour, bytes, 0, bytes.length, nowMs);
}

/** As one text: buffers of some MB are compared by `expect` element by element. */
function shown({ type, flavour, bytes }: SerializedValue): string {
  return `${flavour} ${type} ${bytes.toString('latin1')}`;
}

function made({ buf, start, end, type, version }: Transcoder): SerializedValue {
  const bytes = Buffer.from(buf.subarray(start, end));
  return { name: '', type, flavour: version === 80 ? 'valkey' : 'redis', bytes };
}

const read = ({ type, flavour, bytes }: SerializedValue): ReturnType<typeof decoded> =>
  decoded(type, flavour, bytes);

const text = fc.oneof(
  { arbitrary: fc.string({ unit: 'binary', maxLength: 80 }), weight: 20 },
  { arbitrary: fc.constantFrom(...[62, 63, 64, 65].map((n) => 'y'.repeat(n))), weight: 1 },
  { arbitrary: fc.constantFrom(...[16383, 16384, 70_000].map((n) => 'y'.repeat(n))), weight: 1 },
);
const expiry = fc.oneof(fc.constant(-1), fc.integer({ min: 1, max: LATER_MAX }));
const pairs = fc.array(fc.tuple(text, text, expiry), { minLength: 1, maxLength: 100 });
type Pairs = readonly (readonly [field: string, value: string, expireAtMs: number])[];

/** A hash as Valkey 9 writes it. */
function hashOf(all: Pairs): SerializedValue {
  const body = all.map(([field, content, ms]) => [str(field), str(content), u64(ms)]);
  return value('hash', 22, [len(all.length), ...body], 'valkey');
}

describe('hashes', () => {
  it('keep the expiries of their fields, there and back', () => {
    fc.assert(
      fc.property(pairs, (all) => {
        const original = hashOf(all);
        expect(transcode(redis74, original)).toBe(0);
        const there = made(redis74);
        expect([there.type, there.flavour]).toEqual([24, 'redis']);
        expect(JSON.stringify(read(there)) === JSON.stringify(read(original))).toBe(true);
        expect(transcode(valkey9, there)).toBe(0);
        expect(shown(made(valkey9)) === shown(original)).toBe(true);
      }),
    );
  });

  it('keep expiries that only Valkey knows as the nearest that Redis does', () => {
    const original = hashOf([
      ['f', 'v', 0],
      ['g', 'w', 2 ** 52],
    ]);
    expect(transcode(redis74, original)).toBe(0);
    expect(read(made(redis74)).fieldExpireAt).toEqual([1, LATER_MAX]);
  });

  it('lose them where the server has none, and the fields whose time is up', () => {
    fc.assert(
      fc.property(pairs, fc.integer({ min: 0, max: LATER_MAX }), (all, nowMs) => {
        const left = all.filter(([, , ms]) => ms < 0 || ms > nowMs);
        const lost = left.length === 0 ? EMPTY : left.some(([, , ms]) => ms >= 0) ? LOST_FIELD_EXPIRY : 0;
        expect(transcode(redis62, hashOf(all), nowMs)).toBe(lost);
        const plain = [len(left.length), ...left.map(([field, content]) => [str(field), str(content)])];
        expect(shown(made(redis62)) === shown(value('', 4, plain))).toBe(true);
      }),
    );
  });
});

describe('zsets', () => {
  const double = fc.oneof(fc.double({ noNaN: true }), fc.constantFrom(...SCORES), fc.maxSafeInteger());

  it('keep each score bit by bit, as text too', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(text, double), { minLength: 1, maxLength: 100 }), (members) => {
        const body = members.map(([member, score]) => [str(member), b.double(score)]);
        const original = value('zset', 5, [len(members.length), ...body]);
        expect(transcode(before40, original)).toBe(0);
        expect(before40.type).toBe(3);
        expect(JSON.stringify(read(made(before40))) === JSON.stringify(read(original))).toBe(true);
      }),
    );
  });
});

describe('streams', () => {
  const u = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
  const owned = fc.array(u, { maxLength: 5 });
  const consumer = fc.record({ name: text, seen: u, active: u, owned });
  const pending = fc.array(fc.tuple(u, u, u), { maxLength: 5 });
  const group = fc.record({
    name: text,
    last: u,
    read: u,
    pending,
    consumers: fc.array(consumer, { maxLength: 3 }),
  });
  const stream = fc.record({
    nodes: fc.array(text, { maxLength: 4 }),
    meta: fc.tuple(u, u, u, u, u, u, u, u),
    groups: fc.array(group, { maxLength: 3 }),
    producers: fc.array(fc.tuple(text, fc.array(fc.tuple(text, u, u), { maxLength: 3 })), { maxLength: 3 }),
  });
  type Stream = typeof stream extends fc.Arbitrary<infer T> ? T : never;

  /** The same stream in any form. Nodes are not looked into: they may hold anything. */
  function streamOf({ nodes, meta, groups, producers }: Stream, version: number): b.Bytes[] {
    const consumers = (all: Stream['groups'][0]['consumers']): b.Bytes[] =>
      all.map(({ name, seen, active, owned: ids }) => [
        ...[str(name), u64(seen), ...(version >= 3 ? [u64(active)] : [])],
        ...[len(ids.length), ...ids.map((id) => b.id(id, 1))],
      ]);
    return [
      ...[
        len(nodes.length),
        ...nodes.map((node, i) => [str(b.id(i, 0)), i % 2 === 0 ? str(node) : b.lzf(node)]),
      ],
      ...meta.slice(0, version === 1 ? 3 : 8).map(len),
      len(groups.length),
      ...groups.map(({ name, last, read: counter, pending: entries, consumers: all }) => [
        ...[str(name), len(last), len(0), ...(version >= 2 ? [len(counter)] : [])],
        ...[len(entries.length), ...entries.map(([id, time, count]) => [b.id(id, 1), u64(time), len(count)])],
        ...[len(all.length), ...consumers(all)],
      ]),
      ...(version < 4 ? [] : [len(100), len(5), len(producers.length)]),
      ...(version < 4
        ? []
        : producers.map(([id, all]) => [
            str(id),
            len(all.length),
            ...all.map(([iid, ms, seq]) => [str(iid), len(ms), len(seq)]),
          ])),
      ...(version < 4 ? [] : [len(1), len(2)]),
    ];
  }

  it('are in every older form what that form would have been', () => {
    const types = [15, 19, 21, 26];
    fc.assert(
      fc.property(stream, fc.integer({ min: 2, max: 4 }), (any, version) => {
        for (const [i, { redis }] of READABLE.entries()) {
          const older = redis < 10 ? 1 : redis < 11 ? 2 : redis < 13 ? 3 : 4;
          if (redis < 9 || older >= version) continue;
          const original = value('stream', types[version - 1] as number, streamOf(any, version));
          const transcoder = transcoders[i] as Transcoder;
          expect(transcode(transcoder, original)).toBe(0);
          const expected = value('', types[older - 1] as number, streamOf(any, older));
          expect(shown(made(transcoder)) === shown(expected)).toBe(true);
        }
      }),
    );
  });
});

describe('damaged values', () => {
  const small = VALUES.filter(({ bytes }) => bytes.length < 3000);
  /** For two of these almost everything is taken apart; the others have hashes with expiries, each their own. */
  const servers = [before40, redis62, valkey9, redis74];

  /** True: refused. */
  function refused(transcoder: Transcoder, damaged: SerializedValue): boolean {
    try {
      transcode(transcoder, damaged);
      return false;
    } catch (error) {
      expect(error).toBeInstanceOf(FormatError);
      return true;
    }
  }

  it.each(small.map((each) => [each.name, each] as const))('%s: cut short or too long', (_, original) => {
    for (const transcoder of servers) {
      // Streams that the server has not are not looked at.
      if (transcoder.readsAsIs(original.type, original.flavour) || transcode(transcoder, original) === 2)
        continue;
      const whole = made(transcoder);
      expect(refused(transcoder, { ...original, bytes: b.bytes(original.bytes, 0) })).toBe(true);
      for (let bytes = 0; bytes < original.bytes.length; bytes++) {
        expect(
          refused(transcoder, { ...original, bytes: original.bytes.subarray(0, bytes) }),
          String(bytes),
        ).toBe(true);
      }
      // What was refused leaves nothing behind.
      transcode(transcoder, original);
      expect(shown(made(transcoder))).toBe(shown(whole));
    }
  });

  it('with any byte changed are refused, or become something', () => {
    const change = fc.tuple(fc.constantFrom(...small), fc.nat(), fc.nat(255), fc.constantFrom(...servers));
    fc.assert(
      fc.property(change, ([original, at, byte, transcoder]) => {
        const bytes = Buffer.from(original.bytes);
        bytes[at % bytes.length] = byte;
        refused(transcoder, { ...original, bytes });
      }),
      { numRuns: 5000 },
    );
  });

  it('of a type that nobody knows are refused', () => {
    const unknown = { name: '', type: 6, flavour: 'redis', bytes: Buffer.from([0]) } as const;
    for (const type of [6, 8, 27, 132, 255]) expect(refused(valkey9, { ...unknown, type })).toBe(true);
  });

  it('whose string claims more than a length can say are refused', () => {
    const claim = b.bytes(len(1), len(2 ** 33), 'abc');
    expect(refused(valkey9, value('hash', 24, [u64(0), len(1), len(0), str('f'), claim.subarray(1)]))).toBe(
      true,
    );
  });
});

/** Every type for every kind of server: what comes out is of a type that the server reads, and decodes to what went in. */
import { describe, expect, it } from 'vitest';
import * as b from '../../../../test/fuzz/rdb-build.ts';
import type { Value } from '../../../../test/fuzz/rdb-collect.ts';
import { NOW, VALUES } from '../../../../test/fuzz/rdb-values.ts';
import { decoded, fixtureValues, type SerializedValue } from '../../../../test/support/rdb-entries.ts';
import type { Readable } from './readable.ts';
import { CANNOT_MODULE, CANNOT_STREAM, EMPTY, LOST_FIELD_EXPIRY, Transcoder } from './transcoder.ts';

const { len } = b;

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
    for (const input of VALUES) check(transcoder, input, readable, types);
  });

  it('gives nothing of a module to a server without them', () => {
    const bytes = b.bytes(len(2n ** 60n), len(2), len(5), len(0));
    const lost = transcoder.transcode(7, 'redis', bytes, 0, bytes.length, NOW);
    expect(lost).toBe(readable.redis < 8 ? CANNOT_MODULE : 0);
  });
});

/** RDBs that real servers wrote, against what the same servers said that they held. */
import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Collector, collect, type Entry } from '../../../test/fuzz/rdb-collect.ts';
import { HeldString } from './held-string.ts';

const DIRECTORY = new URL('../../../test/fixtures/rdb/', import.meta.url);
const names = readdirSync(DIRECTORY)
  .filter((name) => name.endsWith('.rdb'))
  .map((name) => name.slice(0, -4));

interface Truth {
  type: string;
  value: unknown;
  expireAtMs?: number;
  fieldExpireAtMs?: Record<string, number>;
}

interface TruthFile {
  functions: { library_name: string; library_code: string }[] | null;
  databases: Record<string, Record<string, Truth>>;
}

interface StreamTruth {
  entries: [string, string[]][];
  info: { length: string; [name: string]: string };
  groups: {
    name: string;
    'last-delivered-id': string;
    'entries-read'?: string | null;
    pel: [string, string, number][];
    consumers: string[];
  }[];
}

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const pairs = (items: string[], seconds: (string | undefined)[]): string[] =>
  items.map((item, i) => `${item} ${seconds[i]}`).sort(byText);

function compareStream(entry: Entry, truth: StreamTruth): void {
  expect(entry.entries).toEqual(truth.entries);
  const { length, ...info } = truth.info;
  expect(String(entry.meta?.length)).toBe(length);
  expect(`${entry.meta?.lastMs}-${entry.meta?.lastSeq}`).toBe(info['last-generated-id']);
  if (info['entries-added'] !== undefined) {
    expect(String(entry.meta?.entriesAdded)).toBe(info['entries-added']);
    expect(`${entry.meta?.maxDeletedMs}-${entry.meta?.maxDeletedSeq}`).toBe(info['max-deleted-entry-id']);
  }
  expect(entry.groups.map((group) => group.name)).toEqual(truth.groups.map((group) => group.name));
  truth.groups.forEach((expected, i) => {
    const group = entry.groups[i];
    expect(group?.last).toBe(expected['last-delivered-id']);
    if (expected['entries-read'] !== undefined)
      expect(group?.read).toBe(String(expected['entries-read'] ?? -1));
    expect(group?.consumers.map((consumer) => consumer.name)).toEqual(expected.consumers);
    const pending = group?.pending.map((p) => `${p.id} ${p.consumer} ${p.deliveries}`).sort(byText);
    expect(pending).toEqual(expected.pel.map((p) => p.join(' ')).sort(byText));
  });
}

function compare(entry: Entry, truth: Truth): void {
  expect(entry.kind).toBe(truth.type);
  expect(entry.expireAtMs).toBe(truth.expireAtMs ?? -1);
  const value = truth.value as string[] & string[][];
  switch (truth.type) {
    case 'string':
      expect(entry.items).toEqual([truth.value]);
      break;
    case 'list':
      expect(entry.items).toEqual(value);
      break;
    case 'set':
      expect([...entry.items].sort(byText)).toEqual([...value].sort(byText));
      break;
    case 'zset': {
      const scores = value.map(([, score]) => (score === '-0' ? '-0' : String(toNumber(score as string))));
      expect(pairs(entry.items, entry.scores)).toEqual(
        pairs(
          value.map(([member]) => member as string),
          scores,
        ),
      );
      break;
    }
    case 'hash': {
      const fields = entry.items.filter((_, i) => i % 2 === 0);
      const values = entry.items.filter((_, i) => i % 2 === 1);
      expect(entry.fieldExpireAt.length).toBe(fields.length);
      expect(pairs(fields, values)).toEqual(
        pairs(
          value.map((pair) => pair[0] as string),
          value.map((pair) => pair[1]),
        ),
      );
      const expiries = fields
        .map((field, i) => [field, entry.fieldExpireAt[i]])
        .filter(([, ms]) => ms !== -1);
      expect(Object.fromEntries(expiries)).toEqual(truth.fieldExpireAtMs ?? {});
      break;
    }
    default:
      expect(truth.type).toBe('stream');
      compareStream(entry, truth.value as StreamTruth);
  }
}

function toNumber(score: string): number {
  return score === 'inf'
    ? Number.POSITIVE_INFINITY
    : score === '-inf'
      ? Number.NEGATIVE_INFINITY
      : Number(score);
}

const snapshot = (collector: Collector): string =>
  JSON.stringify([collector.entries, collector.functions, collector.told], (_, v) =>
    typeof v === 'bigint' ? String(v) : v,
  );

describe.each(names)('%s', (name) => {
  const rdb = readFileSync(new URL(`${name}.rdb`, DIRECTORY));
  const truth = JSON.parse(readFileSync(new URL(`${name}.json`, DIRECTORY), 'utf8')) as TruthFile;
  const whole = collect(rdb);

  it('holds what the server said, key by key', () => {
    const expected = Object.entries(truth.databases).flatMap(([db, keys]) =>
      Object.keys(keys).map((key) => `${db} ${key}`),
    );
    expect(whole.entries.map((e) => `${e.db} ${e.key}`).sort(byText)).toEqual(expected.sort(byText));
    for (const entry of whole.entries) compare(entry, truth.databases[entry.db]?.[entry.key] as Truth);
    expect(whole.finished).toBe(true);
    expect(whole.big).toBe(0);
  });

  it('holds its functions', () => {
    const codes = whole.functions.map((serialized) => {
      const string = new HeldString();
      expect(string.read(serialized, 0, serialized.length, 0)).toBe(true);
      expect(string.next).toBe(serialized.length);
      return string.buf.toString('utf8', string.start, string.end);
    });
    expect(codes).toEqual((truth.functions ?? []).map((library) => library.library_code));
  });

  it('says the same byte by byte', () => {
    const cuts = Array.from({ length: rdb.length - 1 }, (_, i) => i + 1);
    expect(snapshot(collect(rdb, cuts)) === snapshot(whole)).toBe(true);
  });

  it('says the same through the big path, whole and cut', () => {
    const big = collect(rdb, [], 0, 64);
    expect(big.big).toBe(whole.entries.length);
    expect(snapshot(big) === snapshot(whole)).toBe(true);
    for (const step of [1, 7, 4096]) {
      const cuts = Array.from({ length: Math.floor((rdb.length - 1) / step) }, (_, i) => (i + 1) * step);
      expect(snapshot(collect(rdb, cuts, 0, 64)) === snapshot(whole)).toBe(true);
      expect(snapshot(collect(rdb, cuts, 300, 100)) === snapshot(whole)).toBe(true);
    }
  });

  it('says the same at random cuts', () => {
    const expected = snapshot(whole);
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 1, max: rdb.length - 1 }), { maxLength: 40 }),
        fc.constantFrom(16 << 20, 1000, 50),
        (cuts, bigEntryBytes) =>
          snapshot(
            collect(
              rdb,
              cuts.sort((a, b) => a - b),
              bigEntryBytes,
              500,
            ),
          ) === expected,
      ),
      { numRuns: 15 },
    );
  });
});

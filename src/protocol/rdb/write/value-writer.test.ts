import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Collector, type Value, ValueCollector, writeAll } from '../../../../test/fuzz/rdb-collect.ts';
import type { EntryView } from '../sink.ts';
import type { Readable } from '../transcode/readable.ts';
import { TYPE_MODULE_2 } from '../types.ts';
import { ValueDecoder } from '../value-decoder.ts';
import { RdbWalker } from '../walker.ts';
import { ValueWriter } from './value-writer.ts';

/** Taken apart and written again, each value of each fixture. `partBytes`: larger elements come in parts. */
function compareAll(version: string, readable: Readable, partBytes: number): number {
  const rdb = readFileSync(new URL(`../../../../test/fixtures/rdb/redis-${version}.rdb`, import.meta.url));
  const writer = new ValueWriter(readable);
  const begin = writer.begin.bind(writer);
  writer.begin = (kind) => begin(kind, true);
  let compared = 0;
  const sink = new Collector();
  sink.entry = ({ type, valueBuf, valueStart, valueEnd }: EntryView) => {
    if (type === TYPE_MODULE_2) return;
    const decode = (as: number, buf: Buffer, start: number, end: number): Value => {
      const collected = new ValueCollector();
      expect(new ValueDecoder(as, 'redis', collected).write(buf, start, end)).toBe(end);
      return collected.value;
    };
    new ValueDecoder(type, 'redis', writer, 0, undefined, { partBytes }).write(
      valueBuf,
      valueStart,
      valueEnd,
    );
    const again = decode(writer.type, writer.buf, writer.start, writer.bufEnd);
    expect(again).toEqual(decode(type, valueBuf, valueStart, valueEnd));
    compared++;
  };
  const walker = new RdbWalker(sink, { bigEntryBytes: 1 << 24 });
  writeAll(walker, rdb, 0, rdb.length);
  return compared;
}

describe('ValueWriter', () => {
  it.each([
    ['2.8.24', 6],
    ['3.2.13', 7],
    ['5.0.14', 9],
    ['6.2.9', 9],
    ['7.0.15', 10],
    ['7.2.4', 11],
    ['7.4.1', 12],
  ])('writes what Redis %s has, as version %i reads it', (version, redis) => {
    expect(compareAll(version, { redis, valkey: false }, 1 << 20)).toBeGreaterThan(5);
    compareAll(version, { redis, valkey: false }, 32);
  });
});

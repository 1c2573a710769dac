/** Serialized values: those of the fixtures, taken apart for comparison, and packed as RESTORE takes them. */
import { readFileSync } from 'node:fs';
import { Crc64 } from '../../src/protocol/checksum/crc64.ts';
import type { EntryView, Flavour } from '../../src/protocol/rdb/sink.ts';
import { ValueDecoder } from '../../src/protocol/rdb/value-decoder.ts';
import { RdbWalker } from '../../src/protocol/rdb/walker.ts';
import { Collector, type Value, ValueCollector, writeAll } from '../fuzz/rdb-collect.ts';

export interface SerializedValue {
  /** what it is called in a test's messages */
  name: string;
  type: number;
  flavour: Flavour;
  /** without the type byte */
  bytes: Buffer;
}

/** All values of test/fixtures/rdb/`name`.rdb. */
export function fixtureValues(name: string): SerializedValue[] {
  const rdb = readFileSync(new URL(`../fixtures/rdb/${name}.rdb`, import.meta.url));
  const values: SerializedValue[] = [];
  const sink = new Collector();
  sink.entry = (e: EntryView) => {
    const key = e.keyBuf.toString('latin1', e.keyStart, e.keyEnd);
    const bytes = Buffer.from(e.valueBuf.subarray(e.valueStart, e.valueEnd));
    values.push({ name: `${name} ${e.db} ${key}`, type: e.type, flavour: sink.flavour, bytes });
  };
  const walker = new RdbWalker(sink, { bigEntryBytes: 1 << 24 });
  writeAll(walker, rdb, 0, rdb.length);
  walker.end();
  return values;
}

/** Throws if the value does not end where its bytes do. */
export function decoded(type: number, flavour: Flavour, bytes: Buffer): Value {
  const collector = new ValueCollector();
  const decoder = new ValueDecoder(type, flavour, collector);
  const next = decoder.write(bytes, 0, bytes.length);
  if (!decoder.done || next !== bytes.length) throw new Error('the value does not end with its bytes');
  return collector.value;
}

/** What RESTORE takes: type, value, version, checksum. */
export function restorePayload(type: number, bytes: Buffer, version: number): Buffer {
  const payload = Buffer.concat([Buffer.from([type]), bytes, Buffer.alloc(10)]);
  payload.writeUInt16LE(version, payload.length - 10);
  const crc = new Crc64();
  crc.update(payload, 0, payload.length - 8);
  crc.writeTo(payload, payload.length - 8);
  return payload;
}

/**
 * What a walk over an RDB tells, in the order of the file. Every call is synchronous; buffers and the entry object are valid only during the
 * call. Nothing is returned, and nothing can be refused: whoever calls `RdbWalker.write` bounds what comes out by the size of the slice.
 *
 *     header (aux | functionLibrary | moduleAux | slotInfo | selectDb | resizeDb | keyMeta | entry | bigEntry)* finish
 *
 * Sizes in bytes, times in milliseconds since 1970 unless the name says otherwise.
 */
import type { ValueSink } from './value-sink.ts';

/** Which family of servers wrote the RDB: the magic is `REDIS` or (since RDB version 80) `VALKEY`. */
export type Flavour = 'redis' | 'valkey';

/** One key with its value as it stands in the file. One object is reused for all entries. */
export interface EntryView {
  /** the key, decoded: `keyBuf[keyStart, keyEnd)`. Not always the buffer of the value, since keys can be compressed. */
  keyBuf: Buffer;
  keyStart: number;
  keyEnd: number;
  /** the RDB type byte */
  type: number;
  /** the serialized value without its type byte, as a RESTORE payload holds it between type byte and footer; in `bigEntry` that of it which comes in this call of `write` */
  valueBuf: Buffer;
  valueStart: number;
  valueEnd: number;
  /** -1: does not expire */
  expireAtMs: number;
  /** LRU idle time in seconds, -1: not told */
  idleSeconds: number;
  /** LFU counter, 0 to 255, -1: not told */
  freq: number;
  /** absolute offset of the entry's first opcode (its expiry, say), where `restart` can go back to */
  offset: number;
  db: number;
}

export interface RdbSink {
  /** The magic was read. `version` is what a RESTORE payload made from this file's values must carry. */
  header(version: number, flavour: Flavour): void;
  /** An informative field (`redis-ver`, `repl-id`, ...). Integers come as decimal text. */
  aux(name: string, value: Buffer): void;
  selectDb(db: number): void;
  /** Hints: the number of keys in the database, and of those that expire. */
  resizeDb(keys: number, expires: number): void;
  /** Hints for one cluster slot. */
  slotInfo(slot: number, keys: number, expires: number): void;
  /** `buf[start, end)`: the serialized string behind opcode 245. 245, these bytes, the RDB version (2 bytes, little endian) and the CRC-64 make a FUNCTION RESTORE payload. `offset` is that of the opcode. */
  functionLibrary(buf: Buffer, start: number, end: number, offset: number): void;
  /** Data of a module that belongs to no key was passed over. */
  moduleAux(module: string): void;
  /** Redis 8: metadata that a module attached to the next key was passed over; `metadataClass` is its name. */
  keyMeta(metadataClass: string): void;
  entry(entry: EntryView): void;
  /** An entry too large to be held: its key is known, the value follows into the sink that is returned. */
  bigEntry(entry: EntryView): ValueSink;
  /** The end, with its checksum verified where there is one. */
  finish(version: number): void;
}

import { lzfDecompress } from '../../protocol/bytes/lzf.ts';
import { Crc64 } from '../../protocol/checksum/crc64.ts';
import type { EntryView } from '../../protocol/rdb/sink.ts';
import { OP_FUNCTION_2, TYPE_STRING } from '../../protocol/rdb/types.ts';
import { type Output, RUN_PAIR_BYTES_MAX, writeDecimal } from '../../protocol/resp/output.ts';
import type { OnConflict } from '../target.ts';
import { Kind } from './in-flight.ts';
import type { Lane } from './lane.ts';

/** More than two bulk headers (`$4096\r\n` and the CRLF behind, each), so that Output never changes the block within a pair. */
const PAIR_OVERHEAD = 64;
/** what stands behind a value in a payload: RDB version (2 bytes) and CRC-64 */
const FOOTER_BYTES = 10;
const NO_VALUE = -1;

/**
 * Writes the entries of a snapshot.
 *
 * A plain string without expiry or hints goes into an MSET, which is cheaper for the target, where the policy is to overwrite. Everything
 * else is a RESTORE of the bytes as they stand in the RDB (Redis cluster.c, createDumpPayload):
 *
 *     payload = type (1 byte) value version (2 bytes, little endian) crc64 (8 bytes, little endian, of all before)
 */
export class EntryWriter {
  readonly #lane: Lane;
  readonly #overwrite: boolean;
  readonly #crc = new Crc64();
  readonly #footer = Buffer.alloc(FOOTER_BYTES);
  readonly #type = Buffer.alloc(1);
  readonly #scratch: Buffer = Buffer.allocUnsafe(RUN_PAIR_BYTES_MAX);

  constructor(lane: Lane, onConflict: OnConflict) {
    this.#lane = lane;
    this.#overwrite = onConflict === 'overwrite';
  }

  /** The RDB's version: that of the payloads. */
  set rdbVersion(version: number) {
    this.#footer.writeUInt16LE(version, 0);
  }

  write(entry: EntryView): void {
    const plain =
      entry.type === TYPE_STRING && entry.expireAtMs < 0 && entry.idleSeconds < 0 && entry.freq < 0;
    if (plain && this.#overwrite && this.#writePair(entry)) return;
    this.#restore(entry);
  }

  functionLibrary(buf: Buffer, start: number, end: number): void {
    const output = this.#lane.begin(0);
    output.begin(4);
    output.argText('FUNCTION');
    output.argText('RESTORE');
    this.#payload(output, OP_FUNCTION_2, buf, start, end);
    output.argText(this.#overwrite ? 'REPLACE' : 'APPEND');
    this.#lane.end(Kind.FUNCTION, 1, 0);
  }

  #restore(entry: EntryView): void {
    const output = this.#lane.begin(entry.db);
    const expires = entry.expireAtMs >= 0;
    const idle = entry.idleSeconds >= 0;
    const freq = entry.freq >= 0;
    output.begin(4 + (this.#overwrite ? 1 : 0) + (expires ? 1 : 0) + (idle ? 2 : 0) + (freq ? 2 : 0));
    output.argText('RESTORE');
    output.arg(entry.keyBuf, entry.keyStart, entry.keyEnd);
    // 0 means no expiry: a key that expired at 1970-01-01 expires one millisecond later.
    if (expires) this.#number(output, Math.max(entry.expireAtMs, 1));
    else output.argText('0');
    this.#payload(output, entry.type, entry.valueBuf, entry.valueStart, entry.valueEnd);
    if (this.#overwrite) output.argText('REPLACE');
    if (expires) output.argText('ABSTTL');
    if (idle) {
      output.argText('IDLETIME');
      this.#number(output, entry.idleSeconds);
    }
    if (freq) {
      output.argText('FREQ');
      this.#number(output, entry.freq);
    }
    this.#lane.end(Kind.ENTRY, 1, entry.offset);
  }

  #payload(output: Output, type: number, buf: Buffer, start: number, end: number): void {
    const crc = this.#crc;
    const footer = this.#footer;
    this.#type[0] = type;
    crc.reset();
    crc.update(this.#type, 0, 1);
    crc.update(buf, start, end);
    crc.update(footer, 0, 2);
    crc.writeTo(footer, 2);
    output.argLength(end - start + 1 + FOOTER_BYTES);
    output.argPart(this.#type, 0, 1);
    output.argPart(buf, start, end);
    output.argPart(footer, 0, FOOTER_BYTES);
  }

  /**
   * Adds a string to the MSET under way; false: it is not of a form that gains by it.
   *
   *     string = length bytes | 0xC0 int8 | 0xC1 int16 | 0xC2 int32 | 0xC3 compressed-length length lzf     (Redis rdb.h)
   *     length = 00xxxxxx | 01xxxxxx byte | 10...... (more than 16 KiB: not here)
   */
  #writePair(entry: EntryView): boolean {
    const keyBytes = entry.keyEnd - entry.keyStart;
    const room = RUN_PAIR_BYTES_MAX - PAIR_OVERHEAD - keyBytes;
    const value = entry.valueBuf;
    const first = value[entry.valueStart] as number;
    if (first >> 6 <= 1) {
      const start = entry.valueStart + (first >> 6) + 1;
      const bytes = entry.valueEnd - start;
      if (bytes > room) return false;
      const output = this.#beginPair(entry, keyBytes + bytes);
      output.arg(value, start, entry.valueEnd);
    } else {
      const bytes = this.#encoded(entry, first, room);
      if (bytes === NO_VALUE) return false;
      const output = this.#beginPair(entry, keyBytes + bytes);
      output.arg(this.#scratch, 0, bytes);
    }
    this.#lane.endPair(Kind.ENTRY);
    return true;
  }

  #beginPair(entry: EntryView, bytes: number): Output {
    const output = this.#lane.beginPair(entry.db, bytes + PAIR_OVERHEAD, entry.offset);
    output.arg(entry.keyBuf, entry.keyStart, entry.keyEnd);
    return output;
  }

  /** Puts the value of an encoded string into the scratch buffer; returns its length, or NO_VALUE where it is too large. */
  #encoded(entry: EntryView, first: number, room: number): number {
    const value = entry.valueBuf;
    const at = entry.valueStart + 1;
    switch (first) {
      case 0xc0:
        return this.#integer(value.readInt8(at));
      case 0xc1:
        return this.#integer(value.readInt16LE(at));
      case 0xc2:
        return this.#integer(value.readInt32LE(at));
      case 0xc3:
        return this.#compressed(value, at, entry.valueEnd, room, entry.offset);
      default:
        return NO_VALUE;
    }
  }

  #integer(value: number): number {
    if (value >= 0) return writeDecimal(this.#scratch, 0, value);
    this.#scratch[0] = 0x2d;
    return writeDecimal(this.#scratch, 1, -value);
  }

  #compressed(value: Buffer, at: number, end: number, room: number, offset: number): number {
    // The walker has checked both lengths against the bytes that are there; here the shorter forms are enough.
    const compressed = value[at] as number;
    if (compressed >= 0x80) return NO_VALUE;
    let pos = at + (compressed >> 6) + 1;
    const first = value[pos] as number;
    if (first >= 0x80) return NO_VALUE;
    const bytes = first < 0x40 ? first : ((first & 0x3f) << 8) | (value[pos + 1] as number);
    if (bytes > room) return NO_VALUE;
    pos += (first >> 6) + 1;
    lzfDecompress(value, pos, end, this.#scratch, 0, bytes, offset);
    return bytes;
  }

  /** A number as an argument, without a string. */
  #number(output: Output, value: number): void {
    output.arg(this.#scratch, 0, writeDecimal(this.#scratch, 0, value));
  }
}

import { lzfDecompress } from '../../protocol/bytes/lzf.ts';
import type { EntryView } from '../../protocol/rdb/sink.ts';
import { type Output, RUN_PAIR_BYTES_MAX, writeDecimal } from '../../protocol/resp/output.ts';
import { Kind } from './in-flight.ts';
import type { LaneWriter } from './lane-writer.ts';

/** More than two bulk headers (`$4096\r\n` and the CRLF behind, each), so that Output never changes the block within a pair. */
const PAIR_OVERHEAD = 64;
const NO_VALUE = -1;

/** Plain strings of a snapshot as pairs of an MSET. */
export class StringPairs {
  readonly #lane: LaneWriter;
  readonly #scratch: Buffer = Buffer.allocUnsafe(RUN_PAIR_BYTES_MAX);

  constructor(lane: LaneWriter) {
    this.#lane = lane;
  }

  /**
   * Adds a string to the MSET under way; false: it is not of a form that gains by it.
   *
   *     string = length bytes | 0xC0 int8 | 0xC1 int16 | 0xC2 int32 | 0xC3 compressed-length length lzf     (Redis rdb.h)
   *     length = 00xxxxxx | 01xxxxxx byte | 10...... (more than 16 KiB: not here)
   */
  add(entry: EntryView): boolean {
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
}

/** Collections in the encodings that every server reads. */
import { FormatError } from '../../format-error.ts';
import { IntegerText } from '../integer-text.ts';
import * as t from '../types.ts';
import type { ValueKind, ValueSink } from '../value-sink.ts';
import { EMPTY, LOST_FIELD_EXPIRY } from './lost.ts';
import { type Readable, readsType } from './readable.ts';
import { LENGTH_MAX, lengthBytes, type ValueBuffer, writeLength } from './value-buffer.ts';

/** In front of the elements: the longest count, and before that the 8 bytes that TYPE_HASH_METADATA begins with. */
const ROOM = 13;
/** a length in its form of 64 bits */
const DISTANCE_BYTES = 9;
/** The times that Redis gives a field, in ms: 0 would be none, and the last is in the year 10889 (EB_EXPIRE_TIME_MAX in src/ebuckets.h). */
const FIELD_EXPIRY_MIN = 1;
const FIELD_EXPIRY_MAX = 2 ** 48 - 1;

/**
 *     list, set   count element*
 *     zset        count (member score)*             score: a double, or before Redis 4.0 its text behind a length byte
 *     hash        count (field value)*              without expiries
 *                 base count (distance field value)*    Redis 7.4: distance 0: none, otherwise 1 more than the time from the base
 *                 count (field value expiry)*       Valkey 9: expiry -1: none
 *
 * (rdbLoadObject in src/rdb.c.) How many elements there are is known behind the last one: the count is written into room that is left for
 * it. The base would be the earliest expiry, known as late, so it is 0 here; a server only adds it.
 */
export class PlainWriter implements ValueSink {
  /** The type of the value that was written, as the grammar counts it. */
  type = 0;
  /** Where it begins in the buffer. */
  start = 0;
  /** What of it is lost: bits of lost.ts. */
  lost = 0;
  /** Fields whose time is not after this are left out where expiries are lost. */
  nowMs = 0;
  readonly #out: ValueBuffer;
  readonly #zset: number;
  readonly #hash: number;
  readonly #text = new IntegerText();
  #count = 0;
  /** a hash's pair: where it begins, and whether its field is there */
  #pairStart = 0;
  #inPair = false;

  constructor(readable: Readable, out: ValueBuffer) {
    this.#out = out;
    this.#zset = readsType(readable, t.TYPE_ZSET_2) ? t.TYPE_ZSET_2 : t.TYPE_ZSET;
    const expiring = [t.TYPE_HASH_METADATA, t.TYPE_HASH_2].find((type) => readsType(readable, type));
    this.#hash = expiring ?? t.TYPE_HASH;
  }

  begin(kind: ValueKind): void {
    this.type = this.#typeOf(kind);
    this.lost = 0;
    this.#count = 0;
    this.#inPair = false;
    this.#out.begin(ROOM);
  }

  #typeOf(kind: ValueKind): number {
    switch (kind) {
      case 'list':
        return t.TYPE_LIST;
      case 'set':
        return t.TYPE_SET;
      case 'zset':
        return this.#zset;
      case 'hash':
        return this.#hash;
      default:
        throw new FormatError('unknown', `a ${kind} has no plain form`, 0);
    }
  }

  element(buf: Buffer, start: number, end: number): void {
    this.#elementBegin();
    this.#out.string(buf, start, end);
  }

  elementLength(bytes: number): void {
    if (bytes > LENGTH_MAX) throw new FormatError('too-large', `an element of ${bytes} bytes`, 0);
    this.#elementBegin();
    this.#out.length(bytes);
  }

  elementPart(buf: Buffer, start: number, end: number): void {
    this.#out.bytes(buf, start, end);
  }

  #elementBegin(): void {
    if (this.type === t.TYPE_LIST || this.type === t.TYPE_SET) this.#count++;
    else if (this.type === this.#hash && !this.#inPair) {
      this.#inPair = true;
      this.#pairStart = this.#out.end;
      if (this.type === t.TYPE_HASH_METADATA) this.#out.reserve(DISTANCE_BYTES);
    }
  }

  score(score: number): void {
    this.#count++;
    if (this.type === t.TYPE_ZSET_2) this.#out.double(score);
    else this.#scoreText(score);
  }

  /** The shortest text that reads back as the same double; one length byte, of which three values are the numbers without digits. */
  #scoreText(score: number): void {
    const out = this.#out;
    if (Number.isInteger(score) && Math.abs(score) < 2 ** 53 && !Object.is(score, -0)) {
      const start = this.#text.write(score);
      out.string(this.#text.buf, start, this.#text.end);
    } else if (Number.isFinite(score)) {
      const text = score === 0 ? '-0' : String(score);
      out.length(text.length);
      const at = out.reserve(text.length);
      out.buf.write(text, at, 'latin1');
    } else {
      const at = out.reserve(1);
      out.buf[at] = Number.isNaN(score) ? 253 : score > 0 ? 254 : 255;
    }
  }

  fieldExpireAt(ms: number): void {
    this.#inPair = false;
    const expires = ms >= 0;
    if (this.type === t.TYPE_HASH_METADATA) this.#distance(ms);
    else if (this.type === t.TYPE_HASH_2)
      this.#out.int64(expires ? Math.min(ms, Number.MAX_SAFE_INTEGER) : -1);
    else if (expires) {
      if (ms <= this.nowMs) {
        this.#out.end = this.#pairStart;
        return;
      }
      this.lost |= LOST_FIELD_EXPIRY;
    }
    this.#count++;
  }

  /** Into the room in front of the field. Times that only Valkey knows become the nearest one that Redis does. */
  #distance(ms: number): void {
    const n = ms < 0 ? 0 : Math.min(Math.max(ms, FIELD_EXPIRY_MIN), FIELD_EXPIRY_MAX) + 1;
    const { buf } = this.#out;
    const at = this.#pairStart;
    buf[at] = 0x81;
    buf.writeUInt32BE(Math.floor(n / 0x1_0000_0000), at + 1);
    buf.writeUInt32BE(n >>> 0, at + 5);
  }

  /** Only collections come here. */
  streamEntry(): void {}
  streamMeta(): void {}
  streamGroup(): void {}
  streamConsumer(): void {}
  streamPending(): void {}

  end(): void {
    const { buf } = this.#out;
    this.start = ROOM - lengthBytes(this.#count);
    writeLength(buf, this.start, this.#count);
    if (this.#count === 0) this.lost |= EMPTY;
    if (this.type !== t.TYPE_HASH_METADATA) return;
    this.start -= 8;
    buf.fill(0, this.start, this.start + 8);
  }
}

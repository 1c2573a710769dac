/** Takes a serialized value apart while it arrives. */
import { LZF_RATIO_MAX, LzfStream, lzfDecompress, type PartSink } from '../bytes/lzf.ts';
import { FormatError } from '../format-error.ts';
import { Carry } from './carry.ts';
import { withKey } from './error-place.ts';
import * as g from './grammar.ts';
import { IntegerText } from './integer-text.ts';
import * as l from './length.ts';
import type { PassOver } from './pass-over.ts';
import type { Flavour } from './sink.ts';
import { behindLoop } from './skip.ts';
import * as t from './types.ts';
import { parseScore } from './value-items.ts';
import { type ValueReader, ValueReaders } from './value-readers.ts';
import type { ValueSink } from './value-sink.ts';

export interface DecoderOptions {
  /** elements that are larger come in parts; default 1 MiB, and at least 32, so that numbers as text are always whole */
  partBytes?: number;
}

const PART_BYTES = 1024 * 1024;
const NUMBER_BYTES_MAX = 32;
/** A primitive that is not a string's data: at most a double as text. */
const PRIMITIVE_BYTES_MAX = 256;
const DEPTH_MAX = 4;
const STUCK = -1;

/** How the data of the string under way, which is not whole in the slice, is dealt with. */
const NONE = 0;
/** collected until it is whole */
const HELD = 1;
/** handed out as it comes */
const PARTS = 2;
/** the same, decompressed */
const LZF_PARTS = 3;

/**
 * Runs the same programs as `Skipper` (grammar.ts), and gives each primitive its meaning. A string that lies whole in the slice is handed
 * out in place. Nothing larger than `partBytes` is held, but for the names of consumer groups and the fields that a stream's node shares.
 */
export class ValueDecoder {
  /** The value is complete. */
  done = false;
  readonly #sink: ValueSink;
  readonly #flavour: Flavour;
  readonly #partBytes: number;
  readonly #readers: ValueReaders;
  /** the type byte as it stands in the file */
  #type = 0;
  #key: Buffer | undefined;
  /** absolute offset of the value, and of `buf[0]` of what is being looked at */
  #base = 0;
  #offset = 0;
  #pc = 0;
  #depth = 0;
  readonly #left: Float64Array = new Float64Array(DEPTH_MAX);
  readonly #body: Uint16Array = new Uint16Array(DEPTH_MAX);
  readonly #carry = new Carry();
  readonly #hold = new Carry();
  readonly #text = new IntegerText();
  #plain: Buffer = Buffer.alloc(0);
  #reader!: ValueReader;
  #lzf: LzfStream | undefined;
  readonly #parts: PartSink;
  #mode = NONE;
  #role = 0;
  /** bytes of the string under way that are still to come, as they are in the value; its length when decompressed, -1: it is not compressed */
  #dataLeft = 0;
  #plainBytes = -1;
  /** absolute offset of the string read last, for errors in what it holds */
  #stringAt = 0;
  #container = 0;
  #expiryBase = 0;
  #expiry = -1;

  /** `offset` is the absolute offset of the value's first byte; it and `key` are for errors. */
  constructor(
    type: number,
    flavour: Flavour,
    sink: ValueSink,
    offset: number = 0,
    key?: Buffer,
    options: DecoderOptions = {},
  ) {
    this.#sink = sink;
    this.#flavour = flavour;
    this.#partBytes = Math.max(options.partBytes ?? PART_BYTES, NUMBER_BYTES_MAX);
    this.#readers = new ValueReaders(sink, this.#partBytes);
    this.#parts = { part: (buf, start, end) => this.#part(buf, start, end) };
    this.restart(type, offset, key);
  }

  /** Begins another value, which goes to the same sink: for many small ones, a decoder for each would cost more than they do. */
  restart(type: number, offset: number, key?: Buffer): void {
    const layout = t.grammarType(type, this.#flavour);
    if (type > 31 || g.PROGRAM_START[layout] === 0) {
      throw new FormatError('unknown', `unknown type ${type}`, offset, key ? { type, key } : { type });
    }
    this.done = false;
    this.#type = type;
    this.#key = key;
    this.#base = offset;
    this.#offset = offset;
    this.#pc = g.PROGRAM_START[layout] as number;
    this.#depth = 0;
    this.#mode = NONE;
    this.#expiry = -1;
    this.#carry.clear();
    this.#hold.clear();
    this.#reader = this.#readers.of(layout, offset);
    this.#sink.begin(this.#reader.kind);
  }

  /** Takes `buf[start, end)`, and returns `end` or the position behind the value. */
  write(buf: Buffer, start: number, end: number): number {
    try {
      return this.#write(buf, start, end);
    } catch (error) {
      throw this.#key === undefined ? error : withKey(error, this.#type, this.#key, this.#offset);
    }
  }

  #write(buf: Buffer, start: number, end: number): number {
    const origin = this.#offset - start;
    let pos = start;
    const { module } = this.#reader;
    if (module !== undefined) pos = this.#moduleBytes(module, buf, start, end, origin);
    else {
      while (pos < end && !this.done) {
        this.#base = origin;
        if (this.#mode !== NONE) pos = this.#data(buf, pos, end);
        else if (this.#carry.length > 0) pos = this.#fill(buf, pos, end, origin);
        else pos = this.#inPlace(buf, pos, end);
        if (this.#mode === NONE && !this.done && this.#carry.length === 0) this.#settle();
      }
    }
    this.#offset = origin + pos;
    return pos;
  }

  #moduleBytes(module: PassOver, buf: Buffer, start: number, end: number, origin: number): number {
    const next = module.write(buf, start, end, origin);
    this.#sink.elementPart(buf, start, next);
    if (module.done) this.#finish();
    return next;
  }

  #finish(): void {
    this.#reader.tail?.groupEnd();
    this.done = true;
    this.#sink.end();
  }

  #inPlace(buf: Buffer, start: number, end: number): number {
    let pos = start;
    while (pos < end && this.#mode === NONE) {
      const next = this.#primitive(buf, pos, end);
      if (next === STUCK) {
        this.#carry.begin(buf, pos, end);
        return end;
      }
      pos = next;
      if (this.#settle()) return pos;
    }
    return pos;
  }

  #fill(buf: Buffer, pos: number, end: number, origin: number): number {
    const held = this.#carry.length;
    const stop = Math.min(end, pos + PRIMITIVE_BYTES_MAX);
    const added = this.#carry.append(buf, pos, stop, PRIMITIVE_BYTES_MAX);
    this.#base = origin + pos - held;
    const next = this.#primitive(this.#carry.buf, 0, held + added);
    if (next === STUCK) return pos + added;
    this.#carry.clear();
    return pos + next - held;
  }

  /** Runs what reads nothing: the ends of loops and of the value. True: the value is complete. */
  #settle(): boolean {
    for (;;) {
      const kind = (g.PROGRAM[this.#pc] as number) & g.KIND_MASK;
      if (kind === g.KIND_END_LOOP) {
        const top = this.#depth - 1;
        const left = (this.#left[top] as number) - 1;
        this.#left[top] = left;
        if (left > 0) {
          this.#pc = this.#body[top] as number;
          return false;
        }
        this.#depth = top;
        this.#pc++;
      } else if (kind !== g.KIND_END_VALUE || this.#mode !== NONE) return false;
      else {
        this.#finish();
        return true;
      }
    }
  }

  /** Reads one primitive; the position behind it, or STUCK. A string whose data is not whole sets the mode. */
  #primitive(buf: Buffer, pos: number, end: number): number {
    const instruction = g.PROGRAM[this.#pc] as number;
    const role = instruction >> g.ROLE_SHIFT;
    const kind = instruction & g.KIND_MASK;
    if (kind === g.KIND_STRING) return this.#string(buf, pos, end, role);
    if (kind === g.KIND_BYTES_8 || kind === g.KIND_BYTES_16) {
      const next = pos + (kind === g.KIND_BYTES_8 ? 8 : 16);
      if (next > end) return STUCK;
      this.#pc++;
      this.#bytes(role, buf, pos);
      return next;
    }
    if (kind === g.KIND_DOUBLE_TEXT) return this.#doubleText(buf, pos, end);
    const size = l.wholeLength(buf, pos, end, this.#base + pos);
    if (size < 0) return STUCK;
    this.#pc++;
    if (kind === g.KIND_LENGTH) this.#length(role, buf, pos);
    else this.#loop(role, l.checkedLength(buf, pos, this.#base + pos));
    return pos + size;
  }

  #loop(role: number, count: number): void {
    if (role === g.ROLE_GROUPS) this.#reader.tail?.groups();
    else if (role === g.ROLE_PEL) this.#reader.tail?.pel();
    else if (role === g.ROLE_OWNED) this.#reader.tail?.consumerBegin();
    if (count === 0) this.#pc = behindLoop(this.#pc);
    else {
      this.#left[this.#depth] = count;
      this.#body[this.#depth] = this.#pc;
      this.#depth++;
    }
  }

  #length(role: number, buf: Buffer, pos: number): void {
    if (role === g.ROLE_META) this.#reader.tail?.meta(l.bigLengthAt(buf, pos));
    else if (role === g.ROLE_GROUP_META) this.#reader.tail?.groupMeta(l.bigLengthAt(buf, pos));
    else if (role === g.ROLE_PEL_COUNT) this.#reader.tail?.pelCount(l.lengthAt(buf, pos));
    else if (role === g.ROLE_CONTAINER) this.#container = l.lengthAt(buf, pos);
    else if (role === g.ROLE_EXPIRY_BEFORE) this.#expiry = l.lengthAt(buf, pos) || -1;
    else if (role === g.ROLE_EXPIRY_DISTANCE) {
      const distance = l.lengthAt(buf, pos);
      this.#expiry = distance === 0 ? -1 : this.#expiryBase + distance - 1;
    }
  }

  #bytes(role: number, buf: Buffer, pos: number): void {
    if (role === g.ROLE_SCORE) this.#sink.score(buf.readDoubleLE(pos));
    else if (role === g.ROLE_EXPIRY_AFTER) this.#sink.fieldExpireAt(l.int64At(buf, pos));
    else if (role === g.ROLE_EXPIRY_BASE) this.#expiryBase = l.int64At(buf, pos);
    else if (role === g.ROLE_PEL_ID) this.#reader.tail?.pelId(buf, pos);
    else if (role === g.ROLE_PEL_TIME) this.#reader.tail?.pelTime(l.int64At(buf, pos));
    else if (role === g.ROLE_SEEN) this.#reader.tail?.seen(l.int64At(buf, pos));
    else if (role === g.ROLE_ACTIVE) this.#reader.tail?.active(l.int64At(buf, pos));
    else if (role === g.ROLE_OWNED_ID) this.#reader.tail?.ownedId(buf, pos);
  }

  #doubleText(buf: Buffer, pos: number, end: number): number {
    const chars = buf[pos] as number;
    const next = pos + 1 + (chars < 253 ? chars : 0);
    if (next > end) return STUCK;
    this.#pc++;
    if (chars === 253) this.#sink.score(Number.NaN);
    else if (chars === 254) this.#sink.score(Number.POSITIVE_INFINITY);
    else if (chars === 255) this.#sink.score(Number.NEGATIVE_INFINITY);
    else this.#sink.score(parseScore(buf.toString('latin1', pos + 1, next), this.#base + pos));
    return next;
  }

  #string(buf: Buffer, pos: number, end: number, role: number): number {
    const first = buf[pos] as number;
    this.#stringAt = this.#base + pos;
    if (first < 64 && pos + 1 + first <= end) {
      this.#pc++;
      this.#whole(role, buf, pos + 1, pos + 1 + first);
      return pos + 1 + first;
    }
    const integer = l.integerSize(first);
    if (integer > 0) {
      if (pos + integer > end) return STUCK;
      this.#pc++;
      const start = this.#text.write(l.integerAt(buf, pos));
      this.#whole(role, this.#text.buf, start, this.#text.end);
      return pos + integer;
    }
    const packedAt = first === l.ENC_LZF ? pos + 1 : pos;
    const size = l.wholeLength(buf, packedAt, end, this.#base + pos);
    if (size < 0) return STUCK;
    let data = packedAt + size;
    this.#plainBytes = -1;
    if (first === l.ENC_LZF) {
      const plainSize = l.wholeLength(buf, data, end, this.#base + pos);
      if (plainSize < 0) return STUCK;
      this.#plainBytes = l.checkedLength(buf, data, this.#base + pos);
      data += plainSize;
    }
    this.#pc++;
    return this.#begin(role, buf, data, l.checkedLength(buf, packedAt, this.#base + pos), end);
  }

  /** The string's header is read: its data is dealt with at once if it is there and small, or else as it comes. */
  #begin(role: number, buf: Buffer, data: number, bytes: number, end: number): number {
    const plainBytes = this.#plainBytes;
    const size = Math.max(bytes, plainBytes);
    if (plainBytes > bytes * LZF_RATIO_MAX)
      throw new FormatError('malformed', 'impossible LZF ratio', this.#stringAt);
    const held = size <= this.#partBytes || g.mustBeWhole(role);
    if (held && data + bytes <= end) {
      this.#held(role, buf, data, data + bytes);
      return data + bytes;
    }
    this.#role = role;
    this.#dataLeft = bytes;
    this.#mode = held ? HELD : plainBytes < 0 ? PARTS : LZF_PARTS;
    if (held) this.#hold.begin(buf, data, data);
    else this.#beginParts(role, plainBytes < 0 ? bytes : plainBytes);
    return data;
  }

  #beginParts(role: number, bytes: number): void {
    if (this.#mode === LZF_PARTS) {
      this.#lzf ??= new LzfStream();
      this.#lzf.begin(bytes, this.#parts, this.#stringAt);
    }
    const format = this.#format(role);
    if (format !== 0) this.#reader.blob.begin(format, this.#stringAt);
    else if (role !== g.ROLE_NONE) this.#sink.elementLength(bytes);
  }

  #data(buf: Buffer, pos: number, end: number): number {
    const stop = Math.min(end, pos + this.#dataLeft);
    if (this.#mode === HELD) this.#hold.append(buf, pos, stop, this.#hold.length + stop - pos);
    else if (this.#mode === PARTS) this.#part(buf, pos, stop);
    else this.#lzf?.write(buf, pos, stop);
    this.#dataLeft -= stop - pos;
    if (this.#dataLeft === 0) this.#dataEnd();
    return stop;
  }

  #dataEnd(): void {
    const mode = this.#mode;
    this.#mode = NONE;
    if (mode === HELD) {
      this.#held(this.#role, this.#hold.buf, 0, this.#hold.length);
      this.#hold.clear();
      return;
    }
    if (mode === LZF_PARTS) this.#lzf?.end();
    if (this.#format(this.#role) !== 0) this.#reader.blob.end();
    else this.#elementEnd(this.#role);
  }

  #part(buf: Buffer, start: number, end: number): void {
    if (this.#format(this.#role) !== 0) this.#reader.blob.write(buf, start, end);
    else if (this.#role !== g.ROLE_NONE) this.#sink.elementPart(buf, start, end);
  }

  /** The data is whole, as it stands in the value. */
  #held(role: number, buf: Buffer, start: number, end: number): void {
    const bytes = this.#plainBytes;
    if (bytes < 0) {
      this.#whole(role, buf, start, end);
      return;
    }
    if (this.#plain.length < bytes) this.#plain = Buffer.allocUnsafe(Math.max(bytes, 2 * this.#plain.length));
    lzfDecompress(buf, start, end, this.#plain, 0, bytes, this.#stringAt);
    this.#whole(role, this.#plain, 0, bytes);
  }

  /** The role of the blob format that a string is in; 0: it is no blob. */
  #format(role: number): number {
    if (role === g.ROLE_NODE) return this.#container === 1 ? 0 : g.ROLE_LISTPACK;
    return role <= g.ROLE_STREAM_LISTPACK ? role : 0;
  }

  #whole(role: number, buf: Buffer, start: number, end: number): void {
    if (role === g.ROLE_ELEMENT) this.#sink.element(buf, start, end);
    else if (role === g.ROLE_LAST_VALUE || role === g.ROLE_VALUE_AFTER_EXPIRY) {
      this.#sink.element(buf, start, end);
      this.#elementEnd(role);
    } else if (role === g.ROLE_NODE_ID) {
      this.#reader.stream?.beginNode(Buffer.from(buf.subarray(start, end)), this.#stringAt);
    } else if (role === g.ROLE_GROUP) this.#reader.tail?.group(Buffer.from(buf.subarray(start, end)));
    else if (role === g.ROLE_CONSUMER) this.#reader.tail?.consumer(Buffer.from(buf.subarray(start, end)));
    else this.#blobOrNode(role, buf, start, end);
  }

  #blobOrNode(role: number, buf: Buffer, start: number, end: number): void {
    const format = this.#format(role);
    if (format !== 0) {
      this.#reader.blob.whole(format, this.#stringAt, buf, start, end);
    } else if (role === g.ROLE_NODE) this.#sink.element(buf, start, end);
  }

  #elementEnd(role: number): void {
    if (role === g.ROLE_LAST_VALUE) this.#sink.fieldExpireAt(-1);
    else if (role === g.ROLE_VALUE_AFTER_EXPIRY) this.#sink.fieldExpireAt(this.#expiry);
  }
}

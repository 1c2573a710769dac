/** Reads the packed structures that Redis stores small collections in, and hands out their items one by one. */
import { FormatError } from '../format-error.ts';
import { Carry } from './carry.ts';
import { ROLE_INTSET, ROLE_LISTPACK, ROLE_STREAM_LISTPACK, ROLE_ZIPLIST, ROLE_ZIPMAP } from './grammar.ts';
import { IntegerText } from './integer-text.ts';

/** What comes out: for each item one of `integer`, `item`, or `itemLength` with `itemPart`s that add up to it. */
export interface ItemSink {
  /** An integer within 2^53; larger ones come as text. */
  integer(n: number): void;
  item(buf: Buffer, start: number, end: number): void;
  itemLength(bytes: number): void;
  itemPart(buf: Buffer, start: number, end: number): void;
  /** The structure ends here. */
  itemsEnd(): void;
}

/**
 * ziplist := bytes (4) tail (4) count (2) entry* 255; listpack := bytes (4) count (2) entry* 255; intset := width (4) count (4) integer*;
 * zipmap := count (1) pair* 255
 *
 * where bytes are those of the whole structure, and a count of 65535 (zipmap: 254 and more) means that only counting tells.
 */
const HEADER_BYTES: Readonly<Record<number, number>> = {
  [ROLE_ZIPLIST]: 10,
  [ROLE_LISTPACK]: 6,
  [ROLE_STREAM_LISTPACK]: 6,
  [ROLE_INTSET]: 8,
  [ROLE_ZIPMAP]: 1,
};

const END = 255;
const UNCOUNTED = 65535;
const ZIPMAP_UNCOUNTED = 254;

export class BlobReader {
  readonly #items: ItemSink;
  /** items that are larger come in parts */
  readonly #partBytes: number;
  readonly #carry = new Carry();
  readonly #text = new IntegerText();
  #format = 0;
  #offset = 0;
  #header = true;
  #ended = false;
  #need = 0;
  /** bytes of a large item that are still to come, and those to skip behind it */
  #left = 0;
  #skip = 0;
  /** what the header says: bytes of it all (-1: nothing), items less those that have come */
  #bytes = -1;
  #count = 0;
  #isCounted = false;
  /** bytes given up to now */
  #taken = 0;
  /** intset: bytes an integer; zipmap: whether a value is next */
  #width = 0;
  #value = false;

  constructor(items: ItemSink, partBytes: number) {
    this.#items = items;
    this.#partBytes = partBytes;
  }

  /** Begins a structure; `format` is its role in grammar.ts, `offset` the absolute offset that errors name. */
  begin(format: number, offset: number): void {
    this.#format = format === ROLE_STREAM_LISTPACK ? ROLE_LISTPACK : format;
    this.#offset = offset;
    this.#header = true;
    this.#ended = false;
    this.#left = 0;
    this.#skip = 0;
    this.#value = false;
    this.#bytes = -1;
    this.#taken = 0;
    this.#carry.clear();
  }

  /** All of one structure that lies in `buf[start, end)`. */
  whole(format: number, offset: number, buf: Buffer, start: number, end: number): void {
    this.begin(format, offset);
    this.write(buf, start, end);
    this.end();
  }

  write(buf: Buffer, start: number, end: number): void {
    this.#taken += end - start;
    let pos = start;
    while (pos < end) {
      if (this.#left > 0) pos = this.#part(buf, pos, end);
      else if (this.#skip > 0) {
        const bytes = Math.min(this.#skip, end - pos);
        this.#skip -= bytes;
        pos += bytes;
      } else if (this.#carry.length > 0) pos = this.#fill(buf, pos, end);
      else {
        const next = this.#one(buf, pos, end);
        if (next < 0) {
          this.#carry.begin(buf, pos, end);
          return;
        }
        pos = next;
      }
    }
  }

  end(): void {
    const whole = this.#format === ROLE_INTSET ? !this.#header : this.#ended;
    if (!whole || this.#left > 0 || this.#skip > 0 || this.#carry.length > 0) throw this.#broken();
    if ((this.#isCounted && this.#count !== 0) || (this.#bytes >= 0 && this.#bytes !== this.#taken))
      throw this.#broken();
    this.#items.itemsEnd();
  }

  #broken(): FormatError {
    const names: Record<number, string> = {
      [ROLE_ZIPLIST]: 'ziplist',
      [ROLE_LISTPACK]: 'listpack',
      [ROLE_INTSET]: 'intset',
      [ROLE_ZIPMAP]: 'zipmap',
    };
    return new FormatError('malformed', `broken ${names[this.#format]}`, this.#offset);
  }

  #part(buf: Buffer, pos: number, end: number): number {
    const stop = Math.min(end, pos + this.#left);
    this.#left -= stop - pos;
    this.#items.itemPart(buf, pos, stop);
    return stop;
  }

  #fill(buf: Buffer, pos: number, end: number): number {
    const held = this.#carry.length;
    const added = this.#carry.append(buf, pos, end, this.#need);
    if (held + added < this.#need) return pos + added;
    const next = this.#one(this.#carry.buf, 0, held + added);
    if (next < 0) return pos + added;
    this.#carry.clear();
    return pos + next - held;
  }

  #lacks(bytes: number): -1 {
    this.#need = bytes;
    return -1;
  }

  /** The header, or one item; the position behind it, or -1 if it is not whole. */
  #one(buf: Buffer, pos: number, end: number): number {
    if (this.#header) return this.#head(buf, pos, end);
    if (this.#ended) throw this.#broken();
    if (this.#format !== ROLE_INTSET && buf[pos] === END) {
      if (this.#value) throw this.#broken();
      this.#ended = true;
      return pos + 1;
    }
    if (this.#isCounted && this.#count === 0) throw this.#broken();
    const next = this.#item(buf, pos, end);
    if (next >= 0) this.#count--;
    return next;
  }

  #item(buf: Buffer, pos: number, end: number): number {
    if (this.#format === ROLE_LISTPACK) return this.#listpackItem(buf, pos, end);
    if (this.#format === ROLE_ZIPLIST) return this.#ziplistItem(buf, pos, end);
    return this.#format === ROLE_INTSET ? this.#member(buf, pos, end) : this.#zipmapItem(buf, pos, end);
  }

  #head(buf: Buffer, pos: number, end: number): number {
    const bytes = HEADER_BYTES[this.#format] as number;
    if (pos + bytes > end) return this.#lacks(bytes);
    this.#header = false;
    if (this.#format === ROLE_INTSET) {
      this.#width = buf.readUInt32LE(pos);
      this.#count = buf.readUInt32LE(pos + 4);
      this.#isCounted = true;
      if (this.#width !== 2 && this.#width !== 4 && this.#width !== 8) throw this.#broken();
    } else if (this.#format === ROLE_ZIPMAP) {
      this.#count = 2 * (buf[pos] as number);
      this.#isCounted = this.#count < 2 * ZIPMAP_UNCOUNTED;
    } else {
      this.#bytes = buf.readUInt32LE(pos);
      this.#count = buf.readUInt16LE(pos + bytes - 2);
      this.#isCounted = this.#count !== UNCOUNTED;
    }
    return pos + bytes;
  }

  /** Hands out the string of `bytes` at `data`, behind which `behind` bytes are skipped. */
  #string(buf: Buffer, pos: number, data: number, bytes: number, behind: number, end: number): number {
    if (bytes > this.#partBytes) {
      this.#items.itemLength(bytes);
      this.#left = bytes;
      this.#skip = behind;
      return data;
    }
    const next = data + bytes + behind;
    if (next > end) return this.#lacks(next - pos);
    this.#items.item(buf, data, data + bytes);
    return next;
  }

  #integer(n: number, next: number): number {
    this.#items.integer(n);
    return next;
  }

  #integer64(buf: Buffer, at: number, next: number): number {
    const n = buf.readInt32LE(at + 4) * 0x1_0000_0000 + buf.readUInt32LE(at);
    if (Number.isSafeInteger(n)) this.#items.integer(n);
    else this.#items.item(this.#text.buf, this.#text.writeBig(buf.readBigInt64LE(at)), this.#text.end);
    return next;
  }

  #member(buf: Buffer, pos: number, end: number): number {
    const next = pos + this.#width;
    if (next > end) return this.#lacks(this.#width);
    if (this.#width === 8) return this.#integer64(buf, pos, next);
    return this.#integer(this.#width === 2 ? buf.readInt16LE(pos) : buf.readInt32LE(pos), next);
  }

  /**
   * entry := encoding data back-length (Redis src/listpack.c)
   *
   *     0nnnnnnn                 integer of 7 bits
   *     10llllll                 string
   *     110nnnnn nnnnnnnn        integer of 13 bits
   *     1110llll llllllll        string
   *     11110000 + 4             string, its length little endian
   *     11110001 .. 11110100     integer of 16, 24, 32, 64 bits, little endian
   */
  #listpackItem(buf: Buffer, pos: number, end: number): number {
    const first = buf[pos] as number;
    if (first < 0x80) return pos + 2 > end ? this.#lacks(2) : this.#integer(first, pos + 2);
    if (first < 0xc0) return this.#string(buf, pos, pos + 1, first & 63, 1, end);
    if (first < 0xe0) {
      if (pos + 3 > end) return this.#lacks(3);
      const n = ((first & 31) << 8) | (buf[pos + 1] as number);
      return this.#integer(n < 4096 ? n : n - 8192, pos + 3);
    }
    if (first < 0xf0) {
      if (pos + 2 > end) return this.#lacks(2);
      const bytes = ((first & 15) << 8) | (buf[pos + 1] as number);
      return this.#string(buf, pos, pos + 2, bytes, backLength(bytes + 2), end);
    }
    if (first === 0xf0) {
      if (pos + 5 > end) return this.#lacks(5);
      const bytes = buf.readUInt32LE(pos + 1);
      return this.#string(buf, pos, pos + 5, bytes, backLength(bytes + 5), end);
    }
    if (first > 0xf4) throw this.#broken();
    const width = first === 0xf4 ? 8 : first - 0xef;
    const next = pos + 1 + width + 1;
    if (next > end) return this.#lacks(next - pos);
    if (width === 8) return this.#integer64(buf, pos + 1, next);
    return this.#integer(buf.readIntLE(pos + 1, width), next);
  }

  /**
   * entry := previous-length encoding data (Redis src/ziplist.c); previous-length := 1 byte, or 254 and 4 bytes
   *
   *     00llllll, 01llllll llllllll, 10...... + 4      string, its length big endian
   *     11000000, 11010000, 11100000, 11110000         integer of 16, 32, 64, 24 bits, little endian
   *     11111110                                       integer of 8 bits
   *     1111nnnn                                       n - 1, for n from 1 to 13
   */
  #ziplistItem(buf: Buffer, pos: number, end: number): number {
    const at = pos + (buf[pos] === 254 ? 5 : 1);
    if (at >= end) return this.#lacks(at + 1 - pos);
    const first = buf[at] as number;
    if (first < 0x40) return this.#string(buf, pos, at + 1, first, 0, end);
    if (first < 0x80) {
      if (at + 2 > end) return this.#lacks(at + 2 - pos);
      return this.#string(buf, pos, at + 2, ((first & 63) << 8) | (buf[at + 1] as number), 0, end);
    }
    if (first < 0xc0) {
      if (at + 5 > end) return this.#lacks(at + 5 - pos);
      return this.#string(buf, pos, at + 5, buf.readUInt32BE(at + 1), 0, end);
    }
    if (first > 0xf0 && first < 0xfe) return this.#integer((first & 15) - 1, at + 1);
    const width = ZIPLIST_WIDTHS[first] ?? 0;
    if (width === 0) throw this.#broken();
    const next = at + 1 + width;
    if (next > end) return this.#lacks(next - pos);
    if (width === 8) return this.#integer64(buf, at + 1, next);
    return this.#integer(buf.readIntLE(at + 1, width), next);
  }

  /** pair := length field length free value, and `free` bytes unused; length := 1 byte, or 254 and 4 bytes, little endian (Redis src/zipmap.c) */
  #zipmapItem(buf: Buffer, pos: number, end: number): number {
    const size = buf[pos] === 254 ? 5 : 1;
    const data = pos + size + (this.#value ? 1 : 0);
    if (data > end) return this.#lacks(data - pos);
    const bytes = size === 5 ? buf.readUInt32LE(pos + 1) : (buf[pos] as number);
    const free = this.#value ? (buf[data - 1] as number) : 0;
    const next = this.#string(buf, pos, data, bytes, free, end);
    if (next >= 0) this.#value = !this.#value;
    return next;
  }
}

const ZIPLIST_WIDTHS: Readonly<Record<number, number>> = { 192: 2, 208: 4, 224: 8, 240: 3, 254: 1 };

/** How many bytes the length of an entry takes behind it. */
function backLength(bytes: number): number {
  if (bytes <= 127) return 1;
  if (bytes < 16383) return 2;
  if (bytes < 2097151) return 3;
  return bytes < 268435455 ? 4 : 5;
}

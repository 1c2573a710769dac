/** Strings that are held whole: keys, aux fields. Integers and compressed ones are decoded into a buffer of its own. */
import { LZF_RATIO_MAX, lzfDecompress } from '../bytes/lzf.ts';
import { FormatError } from '../format-error.ts';
import { checkedLength, ENC_LZF, integerAt, integerSize, lengthSize, wholeLength } from './length.ts';

/** What Redis allows by default for one string (proto-max-bulk-len). */
const HELD_BYTES_MAX = 512 * 1024 * 1024;

export class HeldString {
  buf: Buffer = Buffer.alloc(0);
  start = 0;
  end = 0;
  /** Where the serialized string ends; after a `read` that failed, as far as is known. */
  next = 0;
  #own: Buffer = Buffer.allocUnsafe(256);

  /** Reads the string at `pos`; false: it does not end before `end`. Afterwards `next - pos` bytes at least are needed. */
  read(buf: Buffer, pos: number, end: number, offset: number): boolean {
    this.next = pos + 1;
    if (pos >= end) return false;
    const first = buf[pos] as number;
    const integer = integerSize(first);
    if (integer > 0) return this.#integer(buf, pos, end, integer);
    if (first === ENC_LZF) return this.#compressed(buf, pos, end, offset);
    const size = wholeLength(buf, pos, end, offset);
    this.next = pos + lengthSize(first);
    if (size < 0) return false;
    const bytes = heldLength(buf, pos, offset);
    this.next += bytes;
    if (this.next > end) return false;
    this.buf = buf;
    this.start = pos + size;
    this.end = this.next;
    return true;
  }

  #integer(buf: Buffer, pos: number, end: number, size: number): boolean {
    this.next = pos + size;
    if (this.next > end) return false;
    this.buf = this.#own;
    this.start = 0;
    this.end = this.#own.write(String(integerAt(buf, pos)), 0, 'latin1');
    return true;
  }

  #compressed(buf: Buffer, pos: number, end: number, offset: number): boolean {
    const packedSize = wholeLength(buf, pos + 1, end, offset);
    if (packedSize < 0) return false;
    const plainSize = wholeLength(buf, pos + 1 + packedSize, end, offset);
    if (plainSize < 0) return false;
    const packed = heldLength(buf, pos + 1, offset);
    const plain = heldLength(buf, pos + 1 + packedSize, offset);
    const data = pos + 1 + packedSize + plainSize;
    this.next = data + packed;
    if (this.next > end) return false;
    if (plain > packed * LZF_RATIO_MAX) throw new FormatError('malformed', 'impossible LZF ratio', offset);
    if (this.#own.length < plain) this.#own = Buffer.allocUnsafe(plain);
    lzfDecompress(buf, data, this.next, this.#own, 0, plain, offset);
    this.buf = this.#own;
    this.start = 0;
    this.end = plain;
    return true;
  }
}

function heldLength(buf: Buffer, pos: number, offset: number): number {
  const bytes = checkedLength(buf, pos, offset);
  if (bytes > HELD_BYTES_MAX) throw new FormatError('too-large', `a string of ${bytes} bytes`, offset);
  return bytes;
}

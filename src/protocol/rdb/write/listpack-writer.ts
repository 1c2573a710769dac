import type { ValueBuffer } from '../transcode/value-buffer.ts';

const HEADER_BYTES = 6;
const END = 0xff;
/** A count that its two bytes can not hold: readers count for themselves. */
const COUNT_UNKNOWN = 65535;

/**
 * One listpack after the other, into one buffer (Redis src/listpack.c):
 *
 *     bytes (4, little endian) items (2, little endian) { encoding data backlen } 0xff
 *     encoding   0iiiiiii | 10llllll string | 1110llll llllllll string | 11110000 length (4) string | 11110001 int16 | 11110100 int64
 *     backlen    the length of encoding and data, in groups of 7 bits, readable from behind
 */
export class ListpackWriter {
  readonly #out: ValueBuffer;
  #count = 0;

  constructor(out: ValueBuffer) {
    this.#out = out;
  }

  begin(): void {
    this.#count = 0;
    this.#out.begin(HEADER_BYTES);
  }

  /** Bytes so far. */
  get bytes(): number {
    return this.#out.end;
  }

  /** 64 bits with sign. */
  integer(n: bigint): void {
    const out = this.#out;
    if (n >= 0n && n < 128n) {
      const at = out.reserve(1);
      out.buf[at] = Number(n);
      this.#backlen(1);
    } else if (n >= -32768n && n < 32768n) {
      const at = out.reserve(3);
      out.buf[at] = 0xf1;
      out.buf.writeInt16LE(Number(n), at + 1);
      this.#backlen(3);
    } else {
      const at = out.reserve(9);
      out.buf[at] = 0xf4;
      out.buf.writeBigInt64LE(n, at + 1);
      this.#backlen(9);
    }
  }

  string(buf: Buffer, start: number, end: number): void {
    const out = this.#out;
    const length = end - start;
    let header = 1;
    if (length < 64) {
      const at = out.reserve(1);
      out.buf[at] = 0x80 | length;
    } else if (length < 4096) {
      header = 2;
      const at = out.reserve(2);
      out.buf[at] = 0xe0 | (length >> 8);
      out.buf[at + 1] = length & 255;
    } else {
      header = 5;
      const at = out.reserve(5);
      out.buf[at] = 0xf0;
      out.buf.writeUInt32LE(length, at + 1);
    }
    out.bytes(buf, start, end);
    this.#backlen(header + length);
  }

  end(): void {
    const out = this.#out;
    const at = out.reserve(1);
    out.buf[at] = END;
    out.buf.writeUInt32LE(out.end, 0);
    out.buf.writeUInt16LE(Math.min(this.#count, COUNT_UNKNOWN), 4);
  }

  #backlen(bytes: number): void {
    this.#count++;
    const out = this.#out;
    const groups = bytes < 128 ? 1 : bytes < 16384 ? 2 : bytes < 2097152 ? 3 : bytes < 268435456 ? 4 : 5;
    const at = out.reserve(groups);
    let left = bytes;
    for (let i = groups - 1; i >= 0; i--) {
      out.buf[at + i] = (left & 127) | (i === 0 ? 0 : 128);
      left = Math.floor(left / 128);
    }
  }
}

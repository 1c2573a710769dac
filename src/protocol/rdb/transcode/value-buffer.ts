const SMALL = 16 * 1024;
/** What one value leaves behind is given back when it is larger than this. */
const KEPT_BYTES_MAX = 1024 * 1024;
/** Below this a loop is cheaper than Buffer.copy, which makes a view for each call. */
const LOOP_COPY_BYTES = 48;
const LENGTH_BYTES_MAX = 5;
/** Nothing that is held in memory is longer, and the form of 64 bits is unknown before Redis 4.0. */
export const LENGTH_MAX: number = 2 ** 32 - 1;

/** The bytes of one value, collected in a buffer that is used again for the next. Lengths and strings are laid out as in length.ts. */
export class ValueBuffer {
  buf: Buffer = Buffer.allocUnsafe(SMALL);
  /** Where the next byte goes. */
  end = 0;

  /** Another value begins, behind `room` bytes that are filled in later. */
  begin(room: number): void {
    if (this.buf.length > KEPT_BYTES_MAX) this.buf = Buffer.allocUnsafe(SMALL);
    this.end = room;
  }

  /** Leaves room for so many bytes (whose place may change with the next call); returns where it begins. */
  reserve(bytes: number): number {
    const at = this.end;
    if (at + bytes > this.buf.length) this.#grow(at + bytes);
    this.end = at + bytes;
    return at;
  }

  bytes(buf: Buffer, start: number, end: number): void {
    const at = this.reserve(end - start);
    if (end - start >= LOOP_COPY_BYTES) {
      buf.copy(this.buf, at, start, end);
      return;
    }
    const own = this.buf;
    for (let from = start, to = at; from < end; ) own[to++] = buf[from++] as number;
  }

  /** A length up to LENGTH_MAX. */
  length(n: number): void {
    const at = this.reserve(LENGTH_BYTES_MAX);
    this.end = at + lengthBytes(n);
    writeLength(this.buf, at, n);
  }

  string(buf: Buffer, start: number, end: number): void {
    this.length(end - start);
    this.bytes(buf, start, end);
  }

  double(n: number): void {
    const at = this.reserve(8);
    this.buf.writeDoubleLE(n, at);
  }

  /** 64 bits with sign, little endian; exact within 2^53. */
  int64(n: number): void {
    const at = this.reserve(8);
    this.buf.writeInt32LE(Math.floor(n / 0x1_0000_0000), at + 4);
    this.buf.writeUInt32LE(n >>> 0, at);
  }

  #grow(bytes: number): void {
    const grown = Buffer.allocUnsafe(Math.max(bytes, 2 * this.buf.length));
    this.buf.copy(grown, 0, 0, this.end);
    this.buf = grown;
  }
}

/** The size of the shortest form of a length up to LENGTH_MAX. */
export function lengthBytes(n: number): 1 | 2 | 5 {
  if (n < 64) return 1;
  return n < 16384 ? 2 : 5;
}

/** Writes a length up to LENGTH_MAX at `at`. */
export function writeLength(buf: Buffer, at: number, n: number): void {
  if (n < 64) buf[at] = n;
  else if (n < 16384) {
    buf[at] = 0x40 | (n >> 8);
    buf[at + 1] = n & 255;
  } else {
    buf[at] = 0x80;
    buf.writeUInt32BE(n, at + 1);
  }
}

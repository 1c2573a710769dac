import { FormatError } from '../../../protocol/format-error.ts';

const BYTES = 256 * 1024;
/** with less room than this the next read would be a waste of a system call */
const ROOM_MIN = 32 * 1024;
const LF = 0x0a;
const BULK = 0x24;
const ARRAY = 0x2a;
const DEPTH_MAX = 8;

/**
 * What arrives from a source, so much of it that the reply under way is whole: a DUMP's version stands behind its value, and has to be known
 * before. Memory is that of the largest value that is asked for whole.
 */
export class ReplyBuffer {
  buf: Buffer = Buffer.allocUnsafeSlow(BYTES);
  /** `buf[pos, end)` was not taken yet */
  pos = 0;
  end = 0;
  /** how many bytes the reply under way has at least */
  need = 0;

  clear(): void {
    this.pos = 0;
    this.end = 0;
    this.need = 0;
  }

  /** Where the next bytes go. What is kept may move. */
  space(): Buffer {
    const kept = this.end - this.pos;
    const wanted = Math.max(this.need, kept + ROOM_MIN);
    if (this.pos > 0 && (kept === 0 || this.pos + wanted > this.buf.length)) {
      if (wanted <= BYTES && this.buf.length > BYTES) this.#move(Buffer.allocUnsafeSlow(BYTES));
      else this.#move(this.buf);
    }
    if (wanted > this.buf.length) this.#move(Buffer.allocUnsafeSlow(Math.max(wanted, 2 * this.buf.length)));
    return this.buf.subarray(this.end);
  }

  #move(to: Buffer): void {
    this.buf.copy(to, 0, this.pos, this.end);
    this.end -= this.pos;
    this.pos = 0;
    this.buf = to;
  }

  /** Where the line ends that begins at `at`: the place of its LF, or -1 if it is not whole. */
  line(at: number): number {
    const { buf, end } = this;
    for (let pos = at; pos < end; pos++) if (buf[pos] === LF) return pos;
    return -1;
  }

  /** The number between a line's first byte and its LF. */
  number(at: number, lf: number): number {
    const { buf } = this;
    const negative = buf[at + 1] === 0x2d;
    const first = negative ? at + 2 : at + 1;
    let value = 0;
    for (let pos = first; pos < lf - 1; pos++) {
      const digit = (buf[pos] as number) - 0x30;
      if (digit < 0 || digit > 9) throw this.bad(at);
      value = value * 10 + digit;
    }
    if (first >= lf - 1) throw this.bad(at);
    return negative ? -value : value;
  }

  text(at: number, lf: number): string {
    return this.buf.toString('utf8', at + 1, lf - 1);
  }

  /** The place behind the reply that begins at `at`, or -1 if it is not whole. */
  skip(at: number, depth = 0): number {
    const lf = this.line(at);
    if (lf < 0) return -1;
    const kind = this.buf[at];
    if (kind === BULK) return this.#bulkEnd(at, lf);
    if (kind !== ARRAY) return lf + 1;
    if (depth === DEPTH_MAX) throw this.bad(at);
    let pos = lf + 1;
    for (let left = this.number(at, lf); left > 0; left--) {
      pos = this.skip(pos, depth + 1);
      if (pos < 0) return -1;
    }
    return pos;
  }

  #bulkEnd(at: number, lf: number): number {
    const length = this.number(at, lf);
    const behind = length < 0 ? lf + 1 : lf + 1 + length + 2;
    if (behind <= this.end) return behind;
    this.need = behind - this.pos;
    return -1;
  }

  bad(at: number): FormatError {
    const shown = JSON.stringify(this.buf.toString('latin1', at, Math.min(this.end, at + 48)));
    return new FormatError('malformed', `Not the reply that was expected: ${shown}`, at);
  }
}

import { FormatError } from '../format-error.ts';

/** Synchronous. `depth` 0 is a reply of its own, 1 an element of such a reply's array, and so on. */
export interface ReplySink {
  /** A simple string, bulk string, null or number (`value`: the number; for anything else 0). An array of n elements is told first, with value n. */
  reply(kind: number, value: number, depth: number): void;
  /** An error reply; its text without the `-`. */
  error(text: string, depth: number): void;
}

export const SIMPLE = 0x2b;
export const ERROR = 0x2d;
export const INTEGER = 0x3a;
export const BULK = 0x24;
export const ARRAY = 0x2a;

const CR = 0x0d;
const LF = 0x0a;
const LINE_MAX = 64 * 1024;
const DEPTH_MAX = 32;
/** No server sends more bytes or elements in one reply. */
const LENGTH_MAX = 2 ** 32;

/**
 * Counts the replies of a target (RESP2) in the raw bytes; nothing is made of them but the text of an error.
 *
 *     reply = ("+" | "-" | ":") line CRLF | "$" length CRLF [bytes CRLF] | "*" count CRLF { reply }
 *
 * The state is plain numbers, so that a reply may be split anywhere.
 */
export class ReplyScanner {
  readonly #sink: ReplySink;
  /** a line that a slice's end cut */
  #line = '';
  /** bytes of a bulk string (with its CRLF) that are still to come */
  #skip = 0;
  /** elements still to come at each depth >= 1 */
  readonly #left: number[] = [];

  constructor(sink: ReplySink) {
    this.#sink = sink;
  }

  /** Takes `buf[start, end)`. Throws FormatError (offsets count from the slice's first byte). */
  write(buf: Buffer, start: number, end: number): void {
    let pos = start;
    while (pos < end) {
      if (this.#skip > 0) {
        const take = Math.min(this.#skip, end - pos);
        this.#skip -= take;
        pos += take;
        continue;
      }
      if (this.#line === '' && this.#left.length === 0) {
        pos = this.#common(buf, pos, end);
        if (pos >= end) return;
      }
      pos = this.#anyLine(buf, pos, end);
    }
  }

  /** The two replies that nearly all writes get, `+OK` and `+QUEUED`: no search, no text. */
  #common(buf: Buffer, start: number, end: number): number {
    let pos = start;
    while (pos + 5 <= end && buf[pos] === SIMPLE) {
      if (buf[pos + 1] === 0x4f && isLine(buf, pos + 2, 0x4b)) pos += 5;
      else if (pos + 9 <= end && buf[pos + 1] === 0x51 && isQueued(buf, pos)) pos += 9;
      else break;
      this.#sink.reply(SIMPLE, 0, 0);
    }
    return pos;
  }

  #anyLine(buf: Buffer, start: number, end: number): number {
    // Lines are short: looking at each byte here is cheaper than a call into native code.
    let newline = start;
    while (newline < end && buf[newline] !== LF) newline++;
    if (newline === end) {
      this.#line += buf.toString('latin1', start, end);
      if (this.#line.length > LINE_MAX)
        throw new FormatError('malformed', 'A reply line without an end', start);
      return end;
    }
    if (this.#line === '') {
      this.#take(buf, start, newline - 1);
    } else {
      const line = Buffer.from(this.#line + buf.toString('latin1', start, newline + 1), 'latin1');
      this.#line = '';
      this.#take(line, 0, line.length - 2);
    }
    return newline + 1;
  }

  /** A whole line `buf[start, cr)`. */
  #take(buf: Buffer, start: number, cr: number): void {
    if (cr <= start || buf[cr] !== CR) throw this.#bad(buf, start, cr);
    const kind = buf[start];
    const depth = this.#left.length;
    switch (kind) {
      case SIMPLE:
        this.#sink.reply(SIMPLE, 0, depth);
        break;
      case ERROR:
        this.#sink.error(buf.toString('utf8', start + 1, cr), depth);
        break;
      case INTEGER:
        this.#sink.reply(INTEGER, this.#number(buf, start, cr), depth);
        break;
      case BULK: {
        const length = this.#number(buf, start, cr);
        if (length < -1 || length > LENGTH_MAX) throw this.#bad(buf, start, cr);
        if (length >= 0) this.#skip = length + 2;
        this.#sink.reply(BULK, 0, depth);
        break;
      }
      case ARRAY: {
        const count = this.#number(buf, start, cr);
        if (count < -1 || count > LENGTH_MAX || depth === DEPTH_MAX) throw this.#bad(buf, start, cr);
        this.#sink.reply(ARRAY, count, depth);
        if (count <= 0) break;
        this.#left.push(count);
        return;
      }
      default:
        throw this.#bad(buf, start, cr);
    }
    this.#ended();
  }

  /** A reply ended: it may end the arrays that it stands in. */
  #ended(): void {
    const left = this.#left;
    while (left.length > 0) {
      const rest = (left[left.length - 1] as number) - 1;
      left[left.length - 1] = rest;
      if (rest > 0) return;
      left.pop();
    }
  }

  #number(buf: Buffer, start: number, cr: number): number {
    const negative = buf[start + 1] === 0x2d;
    const first = negative ? start + 2 : start + 1;
    if (first >= cr || cr - first > 20) throw this.#bad(buf, start, cr);
    let value = 0;
    for (let pos = first; pos < cr; pos++) {
      const digit = (buf[pos] as number) - 0x30;
      if (digit < 0 || digit > 9) throw this.#bad(buf, start, cr);
      value = value * 10 + digit;
    }
    return negative ? -value : value;
  }

  #bad(buf: Buffer, start: number, cr: number): FormatError {
    const shown = JSON.stringify(
      buf.toString('latin1', start, Math.min(Math.max(cr, start + 1) + 2, start + 64)),
    );
    return new FormatError('malformed', `Not a reply: ${shown}`, start);
  }
}

/** `last CR LF` */
function isLine(buf: Buffer, pos: number, last: number): boolean {
  return buf[pos] === last && buf[pos + 1] === CR && buf[pos + 2] === LF;
}

/** `+QUEUED`: each byte counts, since another line of that length could hold an LF, where it ends. */
function isQueued(buf: Buffer, pos: number): boolean {
  const isUeue =
    buf[pos + 2] === 0x55 && buf[pos + 3] === 0x45 && buf[pos + 4] === 0x55 && buf[pos + 5] === 0x45;
  return isUeue && isLine(buf, pos + 6, 0x44);
}

import { FormatError } from '../format-error.ts';
import { CR, LF } from './frame.ts';

/** Type bytes of the first lines of RESP2 and RESP3. */
export const ElementType = {
  SIMPLE: 0x2b,
  ERROR: 0x2d,
  INTEGER: 0x3a,
  BULK: 0x24,
  ARRAY: 0x2a,
  NULL: 0x5f,
  MAP: 0x25,
  SET: 0x7e,
  PUSH: 0x3e,
} as const;

/** Synchronous. `depth` 0 is a whole reply or push; `index` counts the elements of the one around it, and 0 at depth 0. */
export interface ElementSink {
  /** A string, number or error without its type and lengths: `buf[start, end)`, valid only during the call; any null is NULL, and empty. */
  element(type: number, depth: number, index: number, buf: Buffer, start: number, end: number): void;
  /** An array, set, map or push of `count` elements (a map's keys count too) begins at this depth. */
  begin(type: number, depth: number, index: number, count: number): void;
  /** What began at depth 0 is whole. */
  end(): void;
}

const { BULK, ARRAY, NULL, MAP, SET, PUSH } = ElementType;
const BULK_ERROR = 0x21;
const VERBATIM = 0x3d;
/** Every byte that may begin an element. */
const TYPES: ReadonlySet<number> = new Set(Buffer.from('+-:$*_#,(!=%~>'));
const DEPTH_MAX = 16;
const LINE_BYTES_MAX = 64 * 1024;
const COUNT_MAX = 2 ** 32;

/**
 * Walks replies and pushes of RESP2 or RESP3 by their elements, without making anything of them.
 *
 *     value  = ("+" | "-" | ":" | "_" | "#" | "," | "(") line CRLF
 *            | ("$" | "!" | "=") length CRLF bytes CRLF | ("$" | "*") "-1" CRLF
 *            | ("*" | "~" | ">") count CRLF { value } | "%" count CRLF { value value }
 *
 * It goes from one whole element to the next: the caller keeps what is left, and gives it again with more behind it.
 */
export class ElementWalker {
  readonly #sink: ElementSink;
  /** of each aggregate around: elements that are still to come, and those that came */
  readonly #left: Float64Array = new Float64Array(DEPTH_MAX);
  readonly #index: Float64Array = new Float64Array(DEPTH_MAX);
  #depth = 0;
  #missing = 1;

  constructor(sink: ElementSink) {
    this.#sink = sink;
  }

  /** How many bytes more the element needs (at least) at which `walk` stopped. */
  get missing(): number {
    return this.#missing;
  }

  /** Walks `buf[start, end)`; returns the position behind the last whole element. Throws FormatError, whose offset counts in `buf`. */
  walk(buf: Buffer, start: number, end: number): number {
    let pos = start;
    while (pos < end) {
      const type = buf[pos] as number;
      if (!TYPES.has(type)) throw malformed('This begins no reply', buf, pos, end);
      const newline = lineEnd(buf, pos, end);
      if (newline < 0) {
        this.#missing = 1;
        return pos;
      }
      const next = newline + 1;
      const cr = newline - 1;
      switch (type) {
        case BULK:
        case BULK_ERROR:
        case VERBATIM: {
          const length = countOf(buf, pos, cr);
          if (length < 0) {
            this.#element(NULL, buf, next, next);
            pos = next;
            break;
          }
          const behind = next + length + 2;
          if (behind > end) {
            this.#missing = behind - end;
            return pos;
          }
          if (buf[behind - 2] !== CR || buf[behind - 1] !== LF)
            throw malformed('A bulk string ends without CRLF', buf, behind - 2, end);
          this.#element(type === BULK_ERROR ? ElementType.ERROR : BULK, buf, next, behind - 2);
          pos = behind;
          break;
        }
        case ARRAY:
        case SET:
        case PUSH:
        case MAP: {
          const count = countOf(buf, pos, cr);
          if (count < 0) this.#element(NULL, buf, next, next);
          else this.#begin(type, type === MAP ? count * 2 : count, buf, pos, end);
          pos = next;
          break;
        }
        default:
          this.#element(type, buf, pos + 1, cr);
          pos = next;
      }
    }
    this.#missing = 1;
    return pos;
  }

  #element(type: number, buf: Buffer, start: number, end: number): void {
    const depth = this.#depth;
    this.#sink.element(type, depth, depth === 0 ? 0 : (this.#index[depth - 1] as number), buf, start, end);
    this.#ended();
  }

  #begin(type: number, count: number, buf: Buffer, pos: number, end: number): void {
    const depth = this.#depth;
    if (depth === DEPTH_MAX) throw malformed('A reply is nested too deeply', buf, pos, end);
    this.#sink.begin(type, depth, depth === 0 ? 0 : (this.#index[depth - 1] as number), count);
    if (count === 0) {
      this.#ended();
      return;
    }
    this.#left[depth] = count;
    this.#index[depth] = 0;
    this.#depth = depth + 1;
  }

  /** An element is whole, and so may be the aggregates around it. */
  #ended(): void {
    while (this.#depth > 0) {
      const around = this.#depth - 1;
      this.#index[around] = (this.#index[around] as number) + 1;
      this.#left[around] = (this.#left[around] as number) - 1;
      if (this.#left[around] !== 0) return;
      this.#depth = around;
    }
    this.#sink.end();
  }
}

/** The position of the LF of the line at `pos`; -1: it is not there yet. */
function lineEnd(buf: Buffer, pos: number, end: number): number {
  const limit = Math.min(end, pos + LINE_BYTES_MAX);
  // Nearly all lines are lengths: looking at each byte is cheaper than a call into native code.
  let at = pos + 1;
  while (at < limit && buf[at] !== LF) at++;
  if (at < limit) {
    if (buf[at - 1] !== CR) throw malformed('A line of a reply ends without CRLF', buf, pos, end);
    return at;
  }
  if (limit < end) throw malformed('A line of a reply does not end', buf, pos, end);
  return -1;
}

/** The length or count of the line at `pos`; -1: a null. */
function countOf(buf: Buffer, pos: number, cr: number): number {
  if (buf[pos + 1] === 0x2d && buf[pos + 2] === 0x31 && cr === pos + 3) return -1;
  let value = 0;
  for (let at = pos + 1; at < cr; at++) {
    const digit = (buf[at] as number) - 0x30;
    if (digit < 0 || digit > 9) throw malformed('A length that is none', buf, pos, cr);
    value = value * 10 + digit;
  }
  if (cr === pos + 1 || value > COUNT_MAX) throw malformed('A length that is none', buf, pos, cr);
  return value;
}

function malformed(message: string, buf: Buffer, pos: number, end: number): FormatError {
  const shown = JSON.stringify(buf.toString('latin1', pos, Math.min(end, pos + 32)));
  return new FormatError('malformed', `${message}: ${shown}`, pos);
}

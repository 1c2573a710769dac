/** Replies of a server as values: for questions and answers, not for the data's way (see reply-scanner.ts). */
import { FormatError, type FormatFault } from '../format-error.ts';

export class ReplyError {
  /** The first word, if it is written in capitals (`NOAUTH`); `ERR` otherwise. */
  readonly code: string;
  /** The whole text, without the `-`. */
  readonly message: string;

  constructor(message: string) {
    this.code = /^[A-Z][A-Z0-9_]*(?= |$)/.exec(message)?.[0] ?? 'ERR';
    this.message = message;
  }
}

/**
 * Simple strings are `string`, bulk strings are `Buffer` (a copy), integers that a double can not hold are `bigint`. What only RESP3 has
 * becomes what RESP2 would say: a boolean 1 or 0, a double or big number its text, a map a flat array.
 */
export type Reply = null | number | bigint | Buffer | string | ReplyError | Reply[];

const SIMPLE = 0x2b;
const ERROR = 0x2d;
const INTEGER = 0x3a;
const BULK = 0x24;
const ARRAY = 0x2a;
const NULL = 0x5f;
const BOOLEAN = 0x23;
const DOUBLE = 0x2c;
const BIG_NUMBER = 0x28;
const BULK_ERROR = 0x21;
const VERBATIM = 0x3d;
const MAP = 0x25;
const SET = 0x7e;
const PUSH = 0x3e;
/** Every byte that may begin a reply. */
const TYPES = Buffer.from('+-:$*_#,(!=%~>');
/** A verbatim string begins with its format, `txt:` or `mkd:`. */
const VERBATIM_PREFIX = 4;

const CR = 0x0d;
const LF = 0x0a;
/** Lines are short: a longer one is not a reply. */
const LINE_BYTES_MAX = 64 * 1024;
/** The largest `proto-max-bulk-len` that Naru asks anything of. */
const BULK_BYTES_MAX = 1024 * 1024 * 1024;
const ITEMS_MAX = 16 * 1024 * 1024;
const DEPTH_MAX = 32;
/** How much of what is no reply is shown. */
const SHOWN_BYTES = 48;

/** An array that is not complete. */
interface Frame {
  readonly items: Reply[];
  left: number;
  readonly push: boolean;
}

/**
 *     reply = ("+" | "-" | ":" | "_" | "#" | "," | "(") line CRLF
 *           | ("$" | "!" | "=") length CRLF bytes CRLF | ("$" | "*") "-1" CRLF
 *           | ("*" | "~" | ">") count CRLF { reply } | "%" count CRLF { reply reply }
 *
 * A push (`>`) answers no command: it goes to `onPush` and not to `onReply`. After a FormatError the decoder throws it again.
 */
export class ReplyDecoder {
  onReply: (reply: Reply) => void;
  onPush: ((items: Reply[]) => void) | undefined;
  /** the start of a line that a slice's end cut, with its type byte */
  #line = Buffer.allocUnsafe(64);
  #lineBytes = 0;
  /** the bulk string that is being filled, and its type byte */
  #bulk: Buffer | undefined;
  #bulkType = 0;
  #bulkBytes = 0;
  /** bytes of the CRLF behind the bulk string that have been seen */
  #bulkEnd = 0;
  readonly #stack: Frame[] = [];
  /** the absolute offset of the slice's first byte */
  #base = 0;
  #failed: FormatError | undefined;

  constructor(onReply: (reply: Reply) => void = () => {}) {
    this.onReply = onReply;
  }

  /** Takes `buf[start, end)`; nothing of it is kept. Throws FormatError. */
  write(buf: Buffer, start: number, end: number): void {
    if (this.#failed !== undefined) throw this.#failed;
    this.#base -= start;
    let pos = start;
    while (pos < end) {
      pos =
        this.#bulk === undefined ? this.#readLine(buf, pos, end) : this.#readBulk(this.#bulk, buf, pos, end);
    }
    this.#base += end;
  }

  /** Up to LF, or as far as the slice goes. */
  #readLine(buf: Buffer, start: number, end: number): number {
    const kept = this.#lineBytes;
    if (kept === 0 && !TYPES.includes(buf[start] as number)) {
      throw this.#fault('This is not a reply', start, buf, start, end);
    }
    const limit = Math.min(end, start + LINE_BYTES_MAX - kept);
    let pos = start;
    while (pos < limit && buf[pos] !== LF) pos++;
    const whole = pos < limit;
    const next = whole ? pos + 1 : pos;
    if (whole && kept === 0) {
      this.#takeLine(buf, start, next, start);
      return next;
    }
    this.#keep(buf, start, next);
    if (whole) {
      this.#lineBytes = 0;
      this.#takeLine(this.#line, 0, kept + next - start, start - kept);
    } else if (this.#lineBytes >= LINE_BYTES_MAX) {
      throw this.#fault('A line of a reply does not end', start - kept, this.#line, 0, this.#lineBytes);
    }
    return next;
  }

  #keep(buf: Buffer, start: number, end: number): void {
    const bytes = this.#lineBytes + end - start;
    if (bytes > this.#line.length) {
      const larger = Buffer.allocUnsafe(bytes * 2);
      this.#line.copy(larger, 0, 0, this.#lineBytes);
      this.#line = larger;
    }
    buf.copy(this.#line, this.#lineBytes, start, end);
    this.#lineBytes = bytes;
  }

  /** `buf[start, end)` is a line with its type byte and LF; `at` is its place in the slice, for errors. */
  #takeLine(buf: Buffer, start: number, end: number, at: number): void {
    if (end - start < 3 || buf[end - 2] !== CR) {
      throw this.#fault('A line of a reply ends without CRLF', at, buf, start, end);
    }
    const type = buf[start] as number;
    const text = buf.toString('utf8', start + 1, end - 2);
    if (type === SIMPLE) this.#take(text);
    else if (type === ERROR) this.#take(new ReplyError(text));
    else if (type === BULK || type === BULK_ERROR || type === VERBATIM) this.#beginBulk(type, text, at);
    else if (type === ARRAY || type === SET || type === PUSH || type === MAP)
      this.#beginItems(type, text, at);
    else this.#take(this.#scalar(type, text, at));
  }

  #scalar(type: number, text: string, at: number): Reply {
    if (type === INTEGER && /^[-+]?\d{1,20}$/.test(text)) {
      const value = Number(text);
      return Number.isSafeInteger(value) ? value : BigInt(text.replace('+', ''));
    }
    if (type === NULL && text === '') return null;
    if (type === BOOLEAN && (text === 't' || text === 'f')) return text === 't' ? 1 : 0;
    if (type === BIG_NUMBER && /^[-+]?\d+$/.test(text)) return text;
    if (type === DOUBLE && /^([-+]?(\d+(\.\d*)?([eE][-+]?\d+)?|inf)|-?nan)$/.test(text)) return text;
    throw this.#faultOf('The value of a reply can not be read', type, text, at);
  }

  #beginBulk(type: number, text: string, at: number): void {
    const bytes = this.#count(type, text, BULK_BYTES_MAX, at);
    if (bytes < 0) {
      this.#take(null);
      return;
    }
    if (type === VERBATIM && bytes < VERBATIM_PREFIX) {
      throw this.#faultOf('A verbatim string is too short for its format', type, text, at);
    }
    this.#bulk = Buffer.allocUnsafe(bytes);
    this.#bulkType = type;
    this.#bulkBytes = 0;
    this.#bulkEnd = 0;
  }

  #readBulk(bulk: Buffer, buf: Buffer, start: number, end: number): number {
    const copied = buf.copy(bulk, this.#bulkBytes, start, end);
    this.#bulkBytes += copied;
    let pos = start + copied;
    for (; this.#bulkBytes === bulk.length && pos < end && this.#bulkEnd < 2; pos++, this.#bulkEnd++) {
      if (buf[pos] !== (this.#bulkEnd === 0 ? CR : LF)) {
        throw this.#fault('A bulk string ends without CRLF', pos, buf, pos, end);
      }
    }
    if (this.#bulkEnd < 2) return pos;
    this.#bulk = undefined;
    if (this.#bulkType === BULK_ERROR) this.#take(new ReplyError(bulk.toString()));
    else this.#take(this.#bulkType === VERBATIM ? bulk.subarray(VERBATIM_PREFIX) : bulk);
    return pos;
  }

  #beginItems(type: number, text: string, at: number): void {
    const count = this.#count(type, text, ITEMS_MAX, at);
    if (count < 0) {
      this.#take(null);
      return;
    }
    if (this.#stack.length >= DEPTH_MAX) throw this.#faultOf('A reply is nested too deeply', type, text, at);
    const frame = { items: [], left: type === MAP ? count * 2 : count, push: type === PUSH };
    this.#stack.push(frame);
    if (frame.left === 0) this.#closeInnermost();
  }

  /** A length or count from 0 to `max`, or -1 where RESP2 has a null. */
  #count(type: number, text: string, max: number, at: number): number {
    if (text === '-1' && (type === BULK || type === ARRAY)) return -1;
    if (!/^\d{1,15}$/.test(text))
      throw this.#faultOf('The length of a reply can not be read', type, text, at);
    const count = Number(text);
    if (count > max) throw this.#faultOf(`A reply is larger than ${max}`, type, text, at, 'too-large');
    return count;
  }

  /** A reply is complete, and so may be the arrays around it. */
  #take(reply: Reply): void {
    const frame = this.#stack.at(-1);
    if (frame === undefined) {
      this.onReply(reply);
      return;
    }
    frame.items.push(reply);
    if (--frame.left === 0) this.#closeInnermost();
  }

  #closeInnermost(): void {
    const frame = this.#stack.pop() as Frame;
    if (frame.push && this.#stack.length === 0) this.onPush?.(frame.items);
    else this.#take(frame.items);
  }

  #faultOf(message: string, type: number, text: string, at: number, fault?: FormatFault): FormatError {
    const line = Buffer.from(String.fromCharCode(type) + text);
    return this.#fault(message, at, line, 0, line.length, fault);
  }

  #fault(
    message: string,
    at: number,
    buf: Buffer,
    start: number,
    end: number,
    fault: FormatFault = 'malformed',
  ): FormatError {
    const shown = printable(buf, start, Math.min(end, start + SHOWN_BYTES));
    this.#failed = new FormatError(fault, `${message}: "${shown}"`, this.#base + at);
    return this.#failed;
  }
}

/** ASCII as it is, other bytes as escapes. */
function printable(buf: Buffer, start: number, end: number): string {
  return buf.toString('latin1', start, end).replace(/[^ !#-[\]-~]/g, escaped);
}

function escaped(char: string): string {
  const short = ESCAPES[char];
  return short ?? `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`;
}

const ESCAPES: Readonly<Record<string, string>> = { '\r': '\\r', '\n': '\\n', '"': '\\"', '\\': '\\\\' };

import { FormatError } from '../format-error.ts';
import { CommandView } from './command-walker.ts';
import { CR, LF } from './frame.ts';

/** Synchronous; what is shown is valid only during the call. */
export interface MonitorSink {
  /** Whether a command of this name, `buf[start, end)`, is to be shown. */
  wants(buf: Buffer, start: number, end: number): boolean;
  /** `db` -1: the line names no database. `cut`: the arguments of which only the beginning, or nothing, was kept. */
  command(db: number, command: CommandView, cut: ReadonlySet<number>): void;
  /** A line that tells of no command, with its first byte: `+OK`, `-ERR ...`. */
  reply(line: string): void;
}

const State = {
  /** before the first quote */
  HEAD: 0,
  ARGUMENT: 1,
  ESCAPE: 2,
  HEX_HIGH: 3,
  HEX_LOW: 4,
  /** in an argument of which no more is kept */
  CUT: 5,
  CUT_ESCAPE: 6,
  /** behind an argument */
  GAP: 7,
  /** to the end of the line */
  SKIP: 8,
} as const;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;
const MINUS = 0x2d;
const HEAD_BYTES_MAX = 4096;
/** Keys are shorter, and so is all that says where they stand. */
const ARGUMENT_BYTES_KEPT = 64 * 1024;
/** Of a whole line. */
const BYTES_KEPT = 16 * 1024 * 1024;
const FIRST_BYTES = 256 * 1024;
const NO_CUT: ReadonlySet<number> = new Set();

/**
 * Walks what MONITOR sends, in slices of any size. A line may be larger than memory: of each argument only the beginning is kept.
 *
 *     line     = "+" time " [" db " " ( address | "lua" | "unix:" path ) "] " argument { " " argument } CRLF
 *     argument = '"' { printable | "\" ( "\" | '"' | "n" | "r" | "t" | "a" | "b" ) | "\x" hex hex } '"'
 *
 * (`replicationFeedMonitors` of replication.c, `sdscatrepr` of sds.c.) No CR or LF stands within a line.
 */
export class MonitorWalker {
  readonly #sink: MonitorSink;
  readonly #view: CommandView = new CommandView();
  #state: number = State.HEAD;
  #head = '';
  #db = -1;
  /** of the argument under way */
  #index = 0;
  #kept: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #keptBytes = 0;
  #high = 0;
  #cut: Set<number> | undefined;

  constructor(sink: MonitorSink) {
    this.#sink = sink;
  }

  /** Takes `buf[start, end)`. Throws FormatError, whose offset counts in `buf`; the walker is of no use then. */
  write(buf: Buffer, start: number, end: number): void {
    let pos = start;
    while (pos < end) {
      switch (this.#state) {
        case State.HEAD:
          pos = this.#walkHead(buf, pos, end);
          break;
        case State.ARGUMENT:
          pos = this.#walkArgument(buf, pos, end);
          break;
        case State.ESCAPE:
          this.#escape(buf[pos++] as number);
          break;
        case State.HEX_HIGH:
          this.#high = hexDigit(buf, pos++);
          this.#state = State.HEX_LOW;
          break;
        case State.HEX_LOW:
          this.#keep(this.#high * 16 + hexDigit(buf, pos++));
          break;
        case State.CUT:
          pos = this.#walkCut(buf, pos, end);
          break;
        case State.CUT_ESCAPE:
          pos++;
          this.#state = State.CUT;
          break;
        case State.GAP:
          pos = this.#walkGap(buf, pos);
          break;
        default:
          pos = this.#skip(buf, pos, end);
      }
    }
  }

  #walkHead(buf: Buffer, start: number, end: number): number {
    let pos = start;
    const isError = (this.#head === '' ? buf[start] : this.#head.charCodeAt(0)) === MINUS;
    while (pos < end && buf[pos] !== LF && (isError || buf[pos] !== QUOTE)) pos++;
    this.#head += buf.toString('latin1', start, pos);
    if (this.#head.length > HEAD_BYTES_MAX)
      throw malformed('A line of MONITOR without a command', buf, start);
    if (pos === end) return pos;
    if (buf[pos] === LF) {
      const line = this.#head.replace(/\r$/, '');
      this.#head = '';
      if (line !== '') this.#sink.reply(line);
      return pos + 1;
    }
    this.#db = databaseOf(this.#head);
    this.#head = '';
    this.#index = 0;
    this.#keptBytes = 0;
    this.#cut = undefined;
    this.#begin();
    return pos + 1;
  }

  #begin(): void {
    const view = this.#view;
    view.grow(this.#index + 1);
    view.argStart[this.#index] = this.#keptBytes;
    this.#state = State.ARGUMENT;
  }

  #walkArgument(buf: Buffer, start: number, end: number): number {
    const argStart = this.#view.argStart[this.#index] as number;
    let kept = this.#keptBytes;
    const room = Math.min(argStart + ARGUMENT_BYTES_KEPT, this.#kept.length) - kept;
    const target = this.#kept;
    const limit = Math.min(end, start + room);
    let pos = start;
    while (pos < limit) {
      const byte = buf[pos] as number;
      if (byte === QUOTE || byte === BACKSLASH) break;
      target[kept++] = byte;
      pos++;
    }
    this.#keptBytes = kept;
    if (pos === end) return pos;
    const byte = buf[pos] as number;
    if (byte === QUOTE) this.#endArgument();
    else if (byte === BACKSLASH) this.#state = State.ESCAPE;
    else {
      this.#makeRoom();
      return pos;
    }
    return pos + 1;
  }

  #escape(byte: number): void {
    if (byte === 0x78) this.#state = State.HEX_HIGH;
    else this.#keep(ESCAPED[byte] as number);
  }

  #keep(byte: number): void {
    this.#state = State.ARGUMENT;
    const argStart = this.#view.argStart[this.#index] as number;
    const full = this.#keptBytes === this.#kept.length || this.#keptBytes - argStart === ARGUMENT_BYTES_KEPT;
    if (full && !this.#makeRoom()) return;
    this.#kept[this.#keptBytes++] = byte;
  }

  /** More room for the argument under way; false: no more of it is kept. */
  #makeRoom(): boolean {
    const argStart = this.#view.argStart[this.#index] as number;
    if (this.#keptBytes - argStart === ARGUMENT_BYTES_KEPT || this.#kept.length >= BYTES_KEPT) {
      this.#cut ??= new Set();
      this.#cut.add(this.#index);
      this.#state = State.CUT;
      return false;
    }
    const larger = Buffer.allocUnsafeSlow(this.#kept.length * 2);
    this.#kept.copy(larger, 0, 0, this.#keptBytes);
    this.#kept = larger;
    return true;
  }

  #walkCut(buf: Buffer, start: number, end: number): number {
    let pos = start;
    while (pos < end && buf[pos] !== QUOTE && buf[pos] !== BACKSLASH) pos++;
    if (pos === end) return pos;
    if (buf[pos] === QUOTE) this.#endArgument();
    else this.#state = State.CUT_ESCAPE;
    return pos + 1;
  }

  #endArgument(): void {
    const view = this.#view;
    view.argEnd[this.#index] = this.#keptBytes;
    this.#state = State.GAP;
    if (this.#index++ === 0 && !this.#sink.wants(this.#kept, 0, this.#keptBytes)) this.#state = State.SKIP;
  }

  #walkGap(buf: Buffer, pos: number): number {
    const byte = buf[pos];
    if (byte === QUOTE) this.#begin();
    else if (byte === LF) this.#endLine();
    else if (byte !== SPACE && byte !== CR) throw malformed('A line of MONITOR that is none', buf, pos);
    return pos + 1;
  }

  #endLine(): void {
    const view = this.#view;
    view.buf = this.#kept;
    view.argc = this.#index;
    view.frameEnd = this.#keptBytes;
    this.#state = State.HEAD;
    this.#sink.command(this.#db, view, this.#cut ?? NO_CUT);
    // What one large line needed is not kept for ever.
    if (this.#kept.length > FIRST_BYTES && this.#keptBytes > FIRST_BYTES) {
      this.#kept = Buffer.allocUnsafeSlow(FIRST_BYTES);
    }
  }

  #skip(buf: Buffer, pos: number, end: number): number {
    const newline = buf.indexOf(LF, pos);
    if (newline < 0 || newline >= end) return end;
    this.#state = State.HEAD;
    return newline + 1;
  }
}

/** What stands for the byte behind a backslash. */
const ESCAPED: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => byte);
for (const [letter, byte] of Object.entries({ n: 10, r: 13, t: 9, a: 7, b: 8 }))
  ESCAPED[letter.charCodeAt(0)] = byte;

function hexDigit(buf: Buffer, pos: number): number {
  const byte = buf[pos] as number;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  if (letter < 0x61 || letter > 0x66) throw malformed('An escape that is none', buf, pos);
  return letter - 0x61 + 10;
}

function databaseOf(head: string): number {
  const from = head.indexOf('[') + 1;
  let pos = from;
  let db = 0;
  for (; from > 0 && head.charCodeAt(pos) >= 0x30 && head.charCodeAt(pos) <= 0x39; pos++)
    db = db * 10 + head.charCodeAt(pos) - 0x30;
  return pos > from ? db : -1;
}

function malformed(message: string, buf: Buffer, pos: number): FormatError {
  const shown = JSON.stringify(buf.toString('latin1', pos, Math.min(buf.length, pos + 32)));
  return new FormatError('malformed', `${message}: ${shown}`, pos);
}

import { FormatError } from '../format-error.ts';
import { ARGC_MAX, CR, LF, unexpected } from './frame.ts';

/**
 * A command too large to be held: its bytes pass by, only its short leading and trailing arguments are kept.
 */
export interface BigCommand {
  argc: number;
  /** argument index -> a copy of it, for arguments of at most `BIG_KEPT_BYTES` among the first and last `BIG_KEPT_ARGS` */
  kept: Map<number, Buffer>;
  offset: number;
  /** set before `bigCommandEnd` */
  endOffset: number;
}

/** What takes a big command while it passes by. */
export interface BigCommandSink {
  /** The name (argument 0) is known when this is called; `bigCommandPart` then gets the whole frame from its first byte on. */
  bigCommand(command: BigCommand): void;
  bigCommandPart(buf: Buffer, start: number, end: number): void;
  bigCommandEnd(command: BigCommand): void;
}

export const BIG_KEPT_BYTES: number = 64 * 1024;
export const BIG_KEPT_ARGS = 8;

/** The state of a big command: plain numbers, so that it can go on at any byte. */
export class BigFrame implements BigCommand {
  argc = 0;
  readonly kept: Map<number, Buffer> = new Map();
  readonly offset: number;
  endOffset = 0;
  done = false;
  /** the header line under way: `*N\r\n` or `$N\r\n` */
  #line = '';
  /** index of the argument under way; -1 while the command's own header is read */
  #index = -1;
  /** bytes of the argument under way that are still to come, its CRLF included; -1 while its header is read */
  #rest = -1;
  #keep: Buffer | undefined;
  #keepLength = 0;
  /** what came before the name was known, to be passed on once it is */
  #held: Buffer[] | undefined = [];

  constructor(offset: number) {
    this.offset = offset;
  }

  /** Takes bytes up to the frame's end; returns the position behind the last one taken. */
  take(buf: Buffer, start: number, end: number, base: number, sink: BigCommandSink): number {
    let pos = start;
    while (pos < end && !this.done) {
      pos = this.#rest === -1 ? this.#header(buf, pos, end, base) : this.#argument(buf, pos, end, base);
    }
    this.#pass(buf, start, pos, sink);
    if (this.done) {
      this.endOffset = base + pos;
      sink.bigCommandEnd(this);
    }
    return pos;
  }

  #pass(buf: Buffer, start: number, end: number, sink: BigCommandSink): void {
    if (this.#held !== undefined) {
      if (this.#index < 1 && !this.done) {
        this.#held.push(Buffer.from(buf.subarray(start, end)));
        return;
      }
      sink.bigCommand(this);
      for (const part of this.#held) sink.bigCommandPart(part, 0, part.length);
      this.#held = undefined;
    }
    if (end > start) sink.bigCommandPart(buf, start, end);
  }

  #header(buf: Buffer, start: number, end: number, base: number): number {
    let pos = start;
    while (pos < end) {
      const byte = buf[pos++] as number;
      if (byte !== LF) {
        if (this.#line.length > 24)
          throw new FormatError('malformed', 'A header line without an end', base + pos);
        this.#line += String.fromCharCode(byte);
        continue;
      }
      this.#headerLine(base + pos);
      return pos;
    }
    return pos;
  }

  #headerLine(offset: number): void {
    const mark = this.#index === -1 ? '*' : '$';
    const match = /^([*$])(\d{1,15})\r$/.exec(this.#line);
    if (match === null || match[1] !== mark)
      throw new FormatError('malformed', 'A header line that is none', offset);
    const value = Number(match[2]);
    this.#line = '';
    if (this.#index === -1) {
      if (value < 1 || value > ARGC_MAX)
        throw new FormatError('malformed', `A command of ${value} arguments`, offset);
      this.argc = value;
      this.#index = 0;
      return;
    }
    this.#rest = value + 2;
    const short = this.#index < BIG_KEPT_ARGS || this.#index >= this.argc - BIG_KEPT_ARGS;
    this.#keep = short && value <= BIG_KEPT_BYTES ? Buffer.allocUnsafe(value) : undefined;
    this.#keepLength = 0;
  }

  #argument(buf: Buffer, start: number, end: number, base: number): number {
    const take = Math.min(end - start, this.#rest);
    const bytes = Math.min(take, Math.max(this.#rest - 2, 0));
    if (this.#keep !== undefined) {
      buf.copy(this.#keep, this.#keepLength, start, start + bytes);
      this.#keepLength += bytes;
    }
    for (let i = bytes; i < take; i++) {
      const expected = this.#rest - i === 2 ? CR : LF;
      if (buf[start + i] !== expected) throw unexpected('the end of an argument', buf, start + i, base);
    }
    this.#rest -= take;
    if (this.#rest === 0) {
      if (this.#keep !== undefined) this.kept.set(this.#index, this.#keep);
      this.#rest = -1;
      this.#index++;
      this.done = this.#index === this.argc;
    }
    return start + take;
  }
}

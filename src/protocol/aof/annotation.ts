import { FormatError } from '../format-error.ts';

/** Redis reads a line of an AOF into a buffer of this size (server.h, AOF_ANNOTATION_LINE_MAX_LEN), with a NUL at its end. */
const LINE_BYTES_MAX = 1023;
const LF = 0x0a;

/**
 * One annotation line, which may come in pieces.
 *
 *     annotation = "#" text LF
 *     timestamp  = "#TS:" seconds CR LF       seconds since 1970, no later than which the commands behind it were written
 */
export class Annotation {
  readonly #line: Buffer = Buffer.alloc(LINE_BYTES_MAX);
  #length = 0;
  /** the line is all there */
  whole = false;

  /** Begins with the line whose first byte comes next. */
  begin(): void {
    this.#length = 0;
    this.whole = false;
  }

  /** Takes bytes up to the line's end; returns the position behind the last one taken. `base` is added to positions in errors. */
  write(buf: Buffer, start: number, end: number, base: number): number {
    const found = buf.indexOf(LF, start);
    this.whole = found >= 0 && found < end;
    const stop = this.whole ? found + 1 : end;
    if (this.#length + stop - start > LINE_BYTES_MAX)
      throw new FormatError('malformed', 'An annotation without an end', base + start - this.#length);
    buf.copy(this.#line, this.#length, start, stop);
    this.#length += stop - start;
    return stop;
  }

  /** The seconds of a timestamp, or undefined: another annotation. */
  get seconds(): number | undefined {
    const match = /^#TS:(\d{1,15})\r\n$/.exec(this.#line.toString('latin1', 0, this.#length));
    return match === null ? undefined : Number(match[1]);
  }

  /** It says that it is a timestamp. */
  get saysTimestamp(): boolean {
    return this.#line.toString('latin1', 0, Math.min(this.#length, 4)) === '#TS:';
  }
}

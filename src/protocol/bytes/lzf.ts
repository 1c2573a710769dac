/**
 * LZF decompression (Redis src/lzf_d.c), whole and in parts.
 *
 *     000LLLLL                       literal: L + 1 bytes follow
 *     LLLooooo oooooooo              L < 7: copy L + 2 bytes from o + 1 bytes back
 *     111ooooo LLLLLLLL oooooooo     copy L + 9 bytes from o + 1 bytes back
 */
import { FormatError } from '../format-error.ts';

/** Compression can not do better, 264 bytes out for 3 in: a promise of more is not worth an allocation. */
export const LZF_RATIO_MAX = 88;

/** How far back a copy can reach. */
const HISTORY_BYTES = 8192;
const WINDOW_BYTES = HISTORY_BYTES + 64 * 1024;

function broken(offset: number): FormatError {
  return new FormatError('malformed', 'broken LZF data', offset);
}

/**
 * Decompresses `input[start, end)` so that it fills `out[outStart, outEnd)` exactly; else throws FormatError 'malformed' with `offset`,
 * the absolute offset to name.
 */
export function lzfDecompress(
  input: Uint8Array,
  start: number,
  end: number,
  out: Uint8Array,
  outStart: number,
  outEnd: number,
  offset: number,
): void {
  let ip = start;
  let op = outStart;
  while (ip < end) {
    const control = input[ip++] as number;
    if (control < 32) {
      const stop = op + control + 1;
      if (stop > outEnd || ip + control + 1 > end) throw broken(offset);
      while (op < stop) out[op++] = input[ip++] as number;
      continue;
    }
    let length = control >> 5;
    if (length === 7) length += input[ip++] as number;
    if (ip >= end) throw broken(offset);
    let from = op - ((control & 31) << 8) - (input[ip++] as number) - 1;
    const stop = op + length + 2;
    if (from < outStart || stop > outEnd) throw broken(offset);
    // Byte by byte: source and destination may overlap, which is how runs are written.
    while (op < stop) out[op++] = out[from++] as number;
  }
  if (op !== outEnd) throw broken(offset);
}

export interface PartSink {
  part(buf: Buffer, start: number, end: number): void;
}

/** What the next byte of the input is. */
const CONTROL = 0;
const LITERAL = 1;
const LENGTH = 2;
const DISTANCE = 3;

/** Decompresses input that comes in slices, and hands out parts of at most 64 KiB: a value of any size in a window of 72 KiB. */
export class LzfStream {
  readonly #window: Buffer = Buffer.allocUnsafe(WINDOW_BYTES);
  #sink: PartSink | undefined;
  #offset = 0;
  /** bytes that are still to come out */
  #left = 0;
  /** `window[0, pos)` is valid, `window[given, pos)` was not handed out yet */
  #pos = 0;
  #given = 0;
  #state = CONTROL;
  /** bytes that the literal or copy under way has still to give */
  #run = 0;
  #far = 0;

  /** Begins anew: `bytes` is the decompressed length, `offset` the absolute offset that errors name. */
  begin(bytes: number, sink: PartSink, offset: number): void {
    this.#sink = sink;
    this.#offset = offset;
    this.#left = bytes;
    this.#pos = 0;
    this.#given = 0;
    this.#state = CONTROL;
  }

  write(buf: Buffer, start: number, end: number): void {
    let ip = start;
    while (ip < end) {
      if (this.#state === LITERAL) {
        ip = this.#literal(buf, ip, end);
        continue;
      }
      const byte = buf[ip++] as number;
      if (this.#state === CONTROL) this.#control(byte);
      else if (this.#state === LENGTH) {
        this.#run += byte;
        this.#state = DISTANCE;
      } else {
        this.#copy(this.#far + byte + 1);
        this.#state = CONTROL;
      }
    }
  }

  /** The input has ended: hands out the rest. */
  end(): void {
    if (this.#state !== CONTROL || this.#left !== 0) throw broken(this.#offset);
    this.#give();
    this.#sink = undefined;
  }

  #control(byte: number): void {
    if (byte < 32) {
      this.#take(byte + 1);
      this.#state = LITERAL;
      return;
    }
    this.#run = (byte >> 5) + 2;
    this.#far = (byte & 31) << 8;
    this.#state = byte >> 5 === 7 ? LENGTH : DISTANCE;
  }

  #literal(buf: Buffer, ip: number, end: number): number {
    const bytes = Math.min(this.#run, end - ip);
    this.#room(bytes);
    buf.copy(this.#window, this.#pos, ip, ip + bytes);
    this.#pos += bytes;
    this.#run -= bytes;
    if (this.#run === 0) this.#state = CONTROL;
    return ip + bytes;
  }

  #copy(distance: number): void {
    this.#take(this.#run);
    this.#room(this.#run);
    let from = this.#pos - distance;
    if (from < 0) throw broken(this.#offset);
    const window = this.#window;
    const stop = this.#pos + this.#run;
    let op = this.#pos;
    while (op < stop) window[op++] = window[from++] as number;
    this.#pos = op;
  }

  #take(bytes: number): void {
    if (bytes > this.#left) throw broken(this.#offset);
    this.#left -= bytes;
    this.#run = bytes;
  }

  /** Makes room for `bytes` (at most 264) more: hands out what is there, and keeps the history. */
  #room(bytes: number): void {
    if (this.#pos + bytes <= WINDOW_BYTES) return;
    this.#give();
    this.#window.copyWithin(0, this.#pos - HISTORY_BYTES, this.#pos);
    this.#pos = HISTORY_BYTES;
    this.#given = HISTORY_BYTES;
  }

  #give(): void {
    if (this.#pos > this.#given) this.#sink?.part(this.#window, this.#given, this.#pos);
    this.#given = this.#pos;
  }
}

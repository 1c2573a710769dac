/** Finds the end of a serialized value without looking into it: the hot part of walking an RDB. */
import { FormatError } from '../format-error.ts';
import * as g from './grammar.ts';
import { checkedLength, ENC_LZF, integerSize, wholeLength } from './length.ts';
import type { Flavour } from './sink.ts';
import { grammarType } from './types.ts';

const DEPTH_MAX = 4;

/**
 * Runs one of the programs of grammar.ts, and stops where the data ends. What was skipped is never looked at again: `pos` may lie behind
 * the end of the data (in the middle of a string that is still to come), and the loops under way are kept as numbers. So the work is linear
 * in the value, however it is cut into slices. When the data moves, the owner moves `pos` with it.
 */
export class Skipper {
  /** Where the next primitive begins, or would begin. */
  pos = 0;
  /** The decompressed length of the last string that was skipped. */
  stringBytes = 0;
  #pc = 0;
  #depth = 0;
  readonly #left: Float64Array = new Float64Array(DEPTH_MAX);
  readonly #body: Uint16Array = new Uint16Array(DEPTH_MAX);

  /** Begins a value of a type, or another thing in PROGRAM_START, at `pos`. */
  begin(layout: number, pos: number): void {
    this.pos = pos;
    this.stringBytes = 0;
    this.#pc = g.PROGRAM_START[layout] as number;
    this.#depth = 0;
  }

  /** Goes on up to `end`. True: `pos` is the value's end. `base` is the absolute offset of `buf[0]`, for errors. */
  run(buf: Buffer, end: number, base: number): boolean {
    for (;;) {
      const kind = (g.PROGRAM[this.#pc] as number) & g.KIND_MASK;
      if (kind === g.KIND_STRING) {
        const pos = this.pos;
        const first = pos < end ? (buf[pos] as number) : 255;
        if (first < 64) {
          this.stringBytes = first;
          this.pos = pos + 1 + first;
        } else if (first < 128 && pos + 1 < end) {
          this.stringBytes = ((first & 63) << 8) | (buf[pos + 1] as number);
          this.pos = pos + 2 + this.stringBytes;
        } else if (pos >= end || !this.#string(buf, pos, end, base)) return false;
        this.#pc++;
      } else if (kind === g.KIND_END_LOOP) {
        const top = this.#depth - 1;
        const left = (this.#left[top] as number) - 1;
        this.#left[top] = left;
        if (left > 0) this.#pc = this.#body[top] as number;
        else {
          this.#depth = top;
          this.#pc++;
        }
      } else if (kind === g.KIND_END_VALUE) return this.pos <= end;
      else if (!this.#other(kind, buf, end, base)) return false;
    }
  }

  #other(kind: number, buf: Buffer, end: number, base: number): boolean {
    switch (kind) {
      case g.KIND_BYTES_8:
        return this.#step(this.pos + 8, end);
      case g.KIND_BYTES_16:
        return this.#step(this.pos + 16, end);
      case g.KIND_DOUBLE_TEXT: {
        if (this.pos >= end) return false;
        const chars = buf[this.pos] as number;
        return this.#step(this.pos + 1 + (chars < 253 ? chars : 0), end);
      }
      case g.KIND_LENGTH: {
        const size = wholeLength(buf, this.pos, end, base + this.pos);
        return size > 0 && this.#step(this.pos + size, end);
      }
      case g.KIND_LOOP:
        return this.#loop(buf, end, base);
      default:
        return this.#module(buf, end, base);
    }
  }

  #step(to: number, end: number): boolean {
    if (this.pos > end) return false;
    this.pos = to;
    this.#pc++;
    return true;
  }

  #loop(buf: Buffer, end: number, base: number): boolean {
    const size = wholeLength(buf, this.pos, end, base + this.pos);
    if (size < 0) return false;
    const count = checkedLength(buf, this.pos, base + this.pos);
    this.pos += size;
    this.#pc++;
    if (count === 0) this.#pc = behindLoop(this.#pc);
    else {
      this.#left[this.#depth] = count;
      this.#body[this.#depth] = this.#pc;
      this.#depth++;
    }
    return true;
  }

  /** Any string. False: its header is not all there. */
  #string(buf: Buffer, pos: number, end: number, base: number): boolean {
    const first = buf[pos] as number;
    const integer = integerSize(first);
    if (integer > 0) {
      this.stringBytes = 11;
      this.pos = pos + integer;
      return true;
    }
    if (first !== ENC_LZF) {
      const size = wholeLength(buf, pos, end, base + pos);
      if (size < 0) return false;
      this.stringBytes = checkedLength(buf, pos, base + pos);
      this.pos = pos + size + this.stringBytes;
      return true;
    }
    const packedSize = wholeLength(buf, pos + 1, end, base + pos);
    if (packedSize < 0) return false;
    const plainSize = wholeLength(buf, pos + 1 + packedSize, end, base + pos);
    if (plainSize < 0) return false;
    this.stringBytes = checkedLength(buf, pos + 1 + packedSize, base + pos);
    this.pos = pos + 1 + packedSize + plainSize + checkedLength(buf, pos + 1, base + pos);
    return true;
  }

  /** A module's values: (opcode value)* 0, with 1, 2: length; 3: float; 4: double; 5: string. */
  #module(buf: Buffer, end: number, base: number): boolean {
    for (;;) {
      const start = this.pos;
      const size = wholeLength(buf, start, end, base + start);
      if (size < 0) return false;
      const opcode = checkedLength(buf, start, base + start);
      const at = start + size;
      if (opcode === 0) {
        this.pos = at;
        this.#pc++;
        return true;
      }
      if (opcode === 1 || opcode === 2) {
        const bytes = wholeLength(buf, at, end, base + at);
        if (bytes < 0) return false;
        this.pos = at + bytes;
      } else if (opcode === 3) this.pos = at + 4;
      else if (opcode === 4) this.pos = at + 8;
      else if (opcode !== 5)
        throw new FormatError('unknown', `unknown module opcode ${opcode}`, base + start);
      else if (at >= end || !this.#string(buf, at, end, base)) return false;
    }
  }
}

/** The instruction behind the END of the loop whose body begins at `pc`. */
export function behindLoop(pc: number): number {
  let depth = 1;
  let at = pc;
  // Ends, since every loop in the grammar has its END.
  for (; depth > 0; at++) {
    const kind = (g.PROGRAM[at] as number) & g.KIND_MASK;
    if (kind === g.KIND_LOOP) depth++;
    else if (kind === g.KIND_END_LOOP) depth--;
  }
  return at;
}

const skipper = new Skipper();

/** The end of the value of `type` that begins at `pos`, or -1 if it does not end before `end`. Throws FormatError. */
export function skipValue(
  buf: Buffer,
  pos: number,
  end: number,
  type: number,
  flavour: Flavour = 'redis',
): number {
  const layout = grammarType(type, flavour);
  if (type > 31 || g.PROGRAM_START[layout] === 0)
    throw new FormatError('unknown', `unknown type ${type}`, pos, { type });
  skipper.begin(layout, pos);
  return skipper.run(buf, end, 0) ? skipper.pos : -1;
}

/** Streams in an older form. */
import { FormatError } from '../../format-error.ts';
import * as g from '../grammar.ts';
import { checkedLength, stringSize, wholeLength } from '../length.ts';
import { behindLoop } from '../skip.ts';
import type { ValueBuffer } from './value-buffer.ts';

const DEPTH_MAX = 4;

/**
 * An older form is the newer one with instructions left out (grammar.ts, `stream`). So which ones stay is found by laying the two programs
 * side by side; a value is then walked by the newer program, and the spans that stay are copied. Nodes, groups and pending entries are
 * never looked into.
 */
export class StreamNarrower {
  readonly #first: number;
  /** of each instruction of the newer program: 1: what it reads stays */
  readonly #stays: Uint8Array;
  /** the loops under way: iterations left, and where each one's body begins */
  #depth = 0;
  readonly #left: Float64Array = new Float64Array(DEPTH_MAX);
  readonly #body: Uint16Array = new Uint16Array(DEPTH_MAX);

  /** Both are types of the grammar. */
  constructor(newer: number, older: number) {
    this.#first = g.PROGRAM_START[newer] as number;
    this.#stays = shared(this.#first, g.PROGRAM_START[older] as number);
  }

  /** Writes the stream in `buf[start, end)` to `out`. Throws FormatError, with the distance from `start`, if it does not end at `end`. */
  narrow(buf: Buffer, start: number, end: number, out: ValueBuffer): void {
    let pc = this.#first;
    let pos = start;
    let spanStart = start;
    this.#depth = 0;
    // Ends: a loop's body reads at least a byte each time, and there are no more than `end`.
    for (;;) {
      const kind = (g.PROGRAM[pc] as number) & g.KIND_MASK;
      if (kind === g.KIND_END_VALUE) break;
      if (kind === g.KIND_END_LOOP) {
        pc = this.#endLoop(pc);
        continue;
      }
      const next = primitiveEnd(kind, buf, pos, end, pos - start);
      if (this.#stays[pc - this.#first] === 0) {
        out.bytes(buf, spanStart, pos);
        spanStart = next;
      }
      pc = kind === g.KIND_LOOP ? this.#beginLoop(pc, checkedLength(buf, pos, pos - start)) : pc + 1;
      pos = next;
    }
    if (pos !== end) throw new FormatError('malformed', 'bytes behind a stream', pos - start);
    out.bytes(buf, spanStart, pos);
  }

  /** The instruction to go on with. */
  #beginLoop(pc: number, count: number): number {
    if (count === 0) return behindLoop(pc + 1);
    this.#left[this.#depth] = count;
    this.#body[this.#depth] = pc + 1;
    this.#depth++;
    return pc + 1;
  }

  #endLoop(pc: number): number {
    const top = this.#depth - 1;
    const left = (this.#left[top] as number) - 1;
    this.#left[top] = left;
    if (left > 0) return this.#body[top] as number;
    this.#depth = top;
    return pc + 1;
  }
}

/** Which instructions of the newer program the older one has too, in the same order. */
function shared(newer: number, older: number): Uint8Array {
  const stays: number[] = [];
  let at = older;
  for (let pc = newer; g.PROGRAM[pc] !== g.KIND_END_VALUE; pc++) {
    const same = g.PROGRAM[pc] === g.PROGRAM[at];
    stays.push(same ? 1 : 0);
    if (same) at++;
  }
  if (g.PROGRAM[at] !== g.KIND_END_VALUE) throw new Error('no older form of this stream');
  return Uint8Array.from(stays);
}

/** Where the primitive at `pos` ends, which must be before or at `end`. */
function primitiveEnd(kind: number, buf: Buffer, pos: number, end: number, offset: number): number {
  const size = primitiveSize(kind, buf, pos, end, offset);
  if (size < 0 || size > end - pos) throw new FormatError('truncated', 'a stream that is not whole', offset);
  return pos + size;
}

/** -1: not even its length is there. */
function primitiveSize(kind: number, buf: Buffer, pos: number, end: number, offset: number): number {
  if (kind === g.KIND_BYTES_8) return 8;
  if (kind === g.KIND_BYTES_16) return 16;
  return kind === g.KIND_STRING ? stringSize(buf, pos, end, offset) : wholeLength(buf, pos, end, offset);
}

/** What an RDB tells beside its entries: aux fields, databases, sizes, functions. */
import { FormatError } from '../format-error.ts';
import { HeldString } from './held-string.ts';
import { bigLengthAt, checkedLength, wholeLength } from './length.ts';
import { keyMetaName, moduleName } from './module-name.ts';
import type { RdbSink } from './sink.ts';
import * as t from './types.ts';

/** A field that belongs to the entry behind it; what it says is Naru's own. */
export const PART_FIELD = 'naru:part';

export class Information {
  /** What was read last stands before an entry, and one can not go back to the place between them. */
  isPrefix = false;
  /** The database that was selected last. */
  db = 0;
  /** How many bytes, from the opcode on, an item needs at least that was not whole. */
  need = 0;
  /** What `numbers` read. */
  readonly n: number[] = [0, 0, 0];
  readonly #sink: RdbSink;
  readonly #string = new HeldString();

  constructor(sink: RdbSink) {
    this.#sink = sink;
  }

  /** Reads what belongs to the opcode at `pos`. Returns the position behind it, or -1 if it is not whole. */
  read(buf: Buffer, pos: number, end: number, base: number): number {
    const opcode = buf[pos] as number;
    this.isPrefix = false;
    if (opcode === t.OP_AUX) return this.#aux(buf, pos, end, base);
    if (opcode === t.OP_FUNCTION_2) return this.#function(buf, pos, end, base);
    if (opcode === t.OP_FUNCTION_PRE_GA) {
      const advice = 'load them into a released version first';
      throw new FormatError(
        'unknown',
        `functions of a Redis 7.0 release candidate (246): ${advice}`,
        base + pos,
        { type: opcode },
      );
    }
    const count = opcode === t.OP_SELECT_DB ? 1 : opcode === t.OP_RESIZE_DB ? 2 : 3;
    const next = this.numbers(buf, pos, end, base, count);
    if (next < 0) return next;
    const [first, second, third] = this.n as [number, number, number];
    if (opcode === t.OP_SELECT_DB) {
      this.db = first;
      this.#sink.selectDb(first);
    } else if (opcode === t.OP_RESIZE_DB) this.#sink.resizeDb(first, second);
    else this.#sink.slotInfo(first, second, third);
    return next;
  }

  /** Reads `count` lengths behind the opcode at `pos` into `n`. */
  numbers(buf: Buffer, pos: number, end: number, base: number, count: number): number {
    let at = pos + 1;
    for (let i = 0; i < count; i++) {
      const size = wholeLength(buf, at, end, base + at);
      if (size < 0) return this.#lacks(at + 1 - pos);
      this.n[i] = checkedLength(buf, at, base + at);
      at += size;
    }
    return at;
  }

  #lacks(bytes: number): -1 {
    this.need = bytes;
    return -1;
  }

  /** name value, two strings */
  #aux(buf: Buffer, pos: number, end: number, base: number): number {
    const string = this.#string;
    if (!string.read(buf, pos + 1, end, base + pos)) return this.#lacks(string.next - pos);
    const name = string.buf.toString('latin1', string.start, string.end);
    if (!string.read(buf, string.next, end, base + pos)) return this.#lacks(string.next - pos);
    this.isPrefix = name === PART_FIELD;
    this.#sink.aux(name, Buffer.from(string.buf.subarray(string.start, string.end)));
    return string.next;
  }

  /** one string: the library's code */
  #function(buf: Buffer, pos: number, end: number, base: number): number {
    const string = this.#string;
    if (!string.read(buf, pos + 1, end, base + pos)) return this.#lacks(string.next - pos);
    this.#sink.functionLibrary(buf, pos + 1, string.next, base + pos);
    return string.next;
  }

  /** The id of a module, whose data follows. */
  moduleAux(buf: Buffer, pos: number, end: number, base: number): number {
    const size = wholeLength(buf, pos + 1, end, base + pos + 1);
    if (size < 0) return this.#lacks(2);
    this.#sink.moduleAux(moduleName(bigLengthAt(buf, pos + 1)));
    return pos + 1 + size;
  }

  /** The specification of a class of key metadata (4 bytes, little endian), whose data follows. */
  keyMetaClass(buf: Buffer, pos: number, end: number): number {
    if (pos + 4 > end) return this.#lacks(4);
    this.#sink.keyMeta(keyMetaName(buf.readUInt32LE(pos)));
    return pos + 4;
  }
}

/** What the items of a packed structure mean: elements, members with scores, fields with values (and expiries). */
import { FormatError } from '../format-error.ts';
import { IntegerText } from './integer-text.ts';
import type { ItemSink } from './value-blob.ts';
import type { ValueSink } from './value-sink.ts';

/** No score or time is longer as text. */
const NUMBER_CHARS_MAX = 255;

export function parseScore(text: string, offset: number): number {
  const plain = text.trim().toLowerCase();
  if (plain === 'inf' || plain === '+inf') return Number.POSITIVE_INFINITY;
  if (plain === '-inf') return Number.NEGATIVE_INFINITY;
  if (plain === 'nan' || plain === '-nan') return Number.NaN;
  const score = plain === '' ? Number.NaN : Number(plain);
  if (Number.isNaN(score)) throw new FormatError('malformed', 'a score that is no number', offset);
  return score;
}

/** Lists and sets. */
export class ElementItems implements ItemSink {
  protected readonly sink: ValueSink;
  readonly #text = new IntegerText();

  constructor(sink: ValueSink) {
    this.sink = sink;
  }

  /** Another value begins, at this absolute offset. */
  restart(_offset: number): void {}

  integer(n: number): void {
    this.sink.element(this.#text.buf, this.#text.write(n), this.#text.end);
  }

  item(buf: Buffer, start: number, end: number): void {
    this.sink.element(buf, start, end);
  }

  itemLength(bytes: number): void {
    this.sink.elementLength(bytes);
  }

  itemPart(buf: Buffer, start: number, end: number): void {
    this.sink.elementPart(buf, start, end);
  }

  itemsEnd(): void {}
}

/** Items in groups of `size`, of which the last one may be a number: a score (zset) or an expiry (hash with expiries). */
export class TupleItems extends ElementItems {
  readonly #kind: 'zset' | 'hash' | 'hash-expiry';
  readonly #size: number;
  #offset: number;
  #at = 0;

  constructor(sink: ValueSink, kind: 'zset' | 'hash' | 'hash-expiry', offset: number) {
    super(sink);
    this.#kind = kind;
    this.#size = kind === 'hash-expiry' ? 3 : 2;
    this.#offset = offset;
  }

  override restart(offset: number): void {
    this.#offset = offset;
    this.#at = 0;
  }

  override integer(n: number): void {
    if (this.#isNumber()) this.#number(n);
    else {
      super.integer(n);
      this.#next();
    }
  }

  override item(buf: Buffer, start: number, end: number): void {
    if (this.#isNumber()) {
      if (end - start > NUMBER_CHARS_MAX) throw this.#broken();
      this.#number(parseScore(buf.toString('latin1', start, end), this.#offset));
      return;
    }
    super.item(buf, start, end);
    this.#next();
  }

  override itemLength(bytes: number): void {
    if (this.#isNumber()) throw this.#broken();
    super.itemLength(bytes);
    this.#left = bytes;
  }

  #left = 0;

  override itemPart(buf: Buffer, start: number, end: number): void {
    super.itemPart(buf, start, end);
    this.#left -= end - start;
    if (this.#left === 0) this.#next();
  }

  override itemsEnd(): void {
    if (this.#at !== 0) throw this.#broken();
  }

  #broken(): FormatError {
    return new FormatError('malformed', `items of a ${this.#kind} that do not match`, this.#offset);
  }

  #isNumber(): boolean {
    return this.#kind !== 'hash' && this.#at === this.#size - 1;
  }

  #number(n: number): void {
    if (this.#kind === 'zset') this.sink.score(n);
    else this.sink.fieldExpireAt(n === 0 ? -1 : n);
    this.#at = 0;
  }

  #next(): void {
    this.#at++;
    if (this.#kind === 'hash' && this.#at === 2) {
      this.sink.fieldExpireAt(-1);
      this.#at = 0;
    }
  }
}

/** A big entry's value on its way into its sink. */
import { FormatError } from '../format-error.ts';
import type { ValueDecoder } from './value-decoder.ts';

/** How much of what was held is given out in one call: as much as a slice. */
const DRAIN_BYTES = 64 * 1024;

/** What was held of the value when it turned out to be big (up to `bigEntryBytes`) is given out piece by piece, before anything more is taken. */
export class BigValue {
  #decoder: ValueDecoder | undefined;
  /** still to be given out: `held[from, to)` */
  #held: Buffer | undefined;
  #from = 0;
  #to = 0;

  begin(decoder: ValueDecoder): void {
    this.#decoder = decoder;
  }

  hold(buf: Buffer, from: number, to: number): void {
    this.#held = buf;
    this.#from = from;
    this.#to = to;
  }

  drop(): void {
    this.#decoder = undefined;
    this.#held = undefined;
    this.#from = 0;
    this.#to = 0;
  }

  get draining(): boolean {
    return this.#from < this.#to;
  }

  /** The value is complete. */
  get done(): boolean {
    return this.#decoder?.done === true;
  }

  /** Gives out the next piece of what is held, and returns the position behind it. `base` is the absolute offset of `held[0]`. */
  drain(base: number): number {
    const stop = Math.min(this.#from + DRAIN_BYTES, this.#to);
    this.#from = this.write(this.#held as Buffer, this.#from, stop);
    if (this.done && this.draining) {
      throw new FormatError('malformed', 'a value ends too early', base + this.#from);
    }
    return this.#from;
  }

  write(buf: Buffer, pos: number, end: number): number {
    return (this.#decoder as ValueDecoder).write(buf, pos, end);
  }
}

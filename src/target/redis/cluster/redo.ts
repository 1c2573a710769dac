import { NaruError } from '../../../errors/errors.ts';
import type { RawCommandSink } from '../../target.ts';
import type { Undone } from './undone.ts';

/**
 * A stretch of commands that is given once more, where nobody can be asked what they wrote (a file): what was done is left out, and what was not is written.
 *
 * That is right as long as the commands of a key were done up to some place, and none behind it, which is so while a slot goes from one node to
 * another. Where one was done behind one that was not, as by a node that refuses everything for a while, nobody can put that right.
 */
export class Redo {
  readonly #undone: Undone;
  readonly #to: number;
  readonly #before: Redo | undefined;
  /** latin1 */
  readonly #keys = new Set<string>();

  /** Up to the offset `to` everything was given, and of that `undone` not done; of what stands behind that, what `before` says. */
  constructor(undone: Undone, to: number, before: Redo | undefined) {
    this.#undone = undone;
    this.#to = to;
    this.#before = before;
  }

  /** Whether what stands at an offset may have been done. */
  covers(offset: number): boolean {
    return offset < this.#to || this.#before?.covers(offset) === true;
  }

  /** Whether to write what a command at an offset does to a key, `buf[start, end)`. Throws TARGET_LOST_DATA. */
  wants(offset: number, slot: number, buf: Buffer, start: number, end: number): boolean {
    const wanted = this.#misses(offset, slot);
    const key = buf.toString('latin1', start, end);
    if (wanted) this.#keys.add(key);
    else if (this.#keys.has(key)) {
      const text =
        'The target has done a command of a key behind one that it has not, and a file can not be asked what the key holds: start again with an empty target';
      throw new NaruError('TARGET_LOST_DATA', text, { side: 'target', offset });
    }
    return wanted;
  }

  /** The same of a command that has no keys. */
  wantsKeyless(offset: number): boolean {
    return this.#misses(offset, undefined);
  }

  #misses(offset: number, slot: number | undefined): boolean {
    if (offset >= this.#to) return this.#before?.covers(offset) ? this.#before.#misses(offset, slot) : true;
    return slot === undefined ? this.#undone.hasKeyless(offset) : this.#undone.hasAt(offset, slot);
  }
}

function nothing(): void {}

/** Takes the place of a lane for what is not wanted. */
export const UNWANTED: RawCommandSink = {
  begin: nothing,
  arg: nothing,
  argText: nothing,
  argLength: nothing,
  argPart: nothing,
  end: nothing,
  raw: nothing,
};

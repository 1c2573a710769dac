import type { Place } from './acker.ts';
import type { Parts } from './parts.ts';
import type { Warn } from './precheck.ts';

/** The command is fine, and what the target holds at its keys is not: that is put right by copying them. */
const ABOUT_KEYS = /: (WRONGTYPE|BUSYGROUP|NOGROUP|BUSYKEY) /;

/**
 * The commands that a target refused, and the stretch of the stream that is looked at once more because of them, or of anything else that may not
 * have been done: the pump goes over it without applying it, so that the keys are found, and what else was made of those keys since.
 */
export class Refusals {
  readonly #warn: Warn;
  #look: { from: Place; to: number } | undefined;
  readonly #told = new Set<string>();

  constructor(warn: Warn) {
    this.#warn = warn;
  }

  /** Up to where the spool is needed no more, when `offset` is acknowledged. */
  releasable(offset: number): number {
    if (this.#look === undefined) return offset;
    if (offset <= this.#look.to) return this.#look.from.offset;
    this.#look = undefined;
    return offset;
  }

  /** Everything between the two has to be looked at; what was not looked at before still counts. */
  look(from: Place, to: number): void {
    this.#look ??= { from, to };
    this.#look.to = Math.max(this.#look.to, to);
  }

  /** The target is back at a place before what was to be looked at: all of that is given again. */
  goBack(place: Place): void {
    if (this.#look !== undefined && place.offset <= this.#look.from.offset) this.#look = undefined;
  }

  /** Where the pump goes on, for a target that stands at `place`. */
  from(place: Place): Place {
    if (this.#look === undefined) return place;
    this.#look.to = Math.max(this.#look.to, place.offset);
    return this.#look.from;
  }

  /** Names the commands at these spool offsets, so that they are not sent again. */
  async note(
    { pump, recopier }: Parts,
    refused: Iterable<readonly [offset: number, text: string]>,
  ): Promise<void> {
    for (const [offset, text] of refused) {
      const { command = '?', key } = await pump.explain(offset);
      const name = command.toUpperCase();
      recopier?.refuse(offset, !ABOUT_KEYS.test(text));
      if (this.#told.has(name)) continue;
      this.#told.add(name);
      const what = key === undefined ? name : `${name} of ${key}`;
      this.#warn(
        'COMMAND_COPIED',
        `${text} (${what}). What such commands write is read from the source instead.`,
      );
    }
  }
}

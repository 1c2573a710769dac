import { NaruError } from '../errors/errors.ts';
import { printable } from '../errors/printable.ts';
import type { EntryView } from '../protocol/rdb/sink.ts';

/** What a target may have no place for. */
export type Loss = 'fieldExpiries' | 'streams' | 'functions' | 'moduleValues';

const LOSSES: Readonly<Record<Loss, { what: string; needs: string }>> = {
  fieldExpiries: { what: 'a hash whose fields expire', needs: 'Redis 7.4 or Valkey 9' },
  streams: { what: 'a stream', needs: 'Redis 5' },
  functions: { what: 'a function library', needs: 'Redis 7' },
  moduleValues: { what: 'a value of a module', needs: 'the module' },
};

/** Where a loss is met: nothing of it is known for a function library but the offset. */
export interface LossPlace {
  readonly offset: number;
  readonly db?: number;
  readonly key?: string;
}

export interface LossesOptions {
  /** count and go on, instead of ending the run */
  lossy: boolean;
  /** the target in words: `redis 6.0.16` */
  target: string;
  node: string;
  /** Told of the first loss of each kind. */
  onFirst(message: string): void;
}

/**
 * Decides what becomes of something that the target can't hold: the end of the run (TARGET_TOO_OLD), or a count. What is given again after a
 * target was lost counts once, since offsets only grow.
 */
export class Losses {
  readonly #options: LossesOptions;
  readonly #counts: Record<Loss, number> = { fieldExpiries: 0, streams: 0, functions: 0, moduleValues: 0 };
  /** the furthest offset that was counted, for each kind: replies come later than what is written */
  readonly #counted: Record<Loss, number> = {
    fieldExpiries: -1,
    streams: -1,
    functions: -1,
    moduleValues: -1,
  };

  constructor(options: LossesOptions) {
    this.#options = options;
  }

  get counts(): Readonly<Record<Loss, number>> {
    return this.#counts;
  }

  get total(): number {
    let total = 0;
    for (const count of Object.values(this.#counts)) total += count;
    return total;
  }

  entry(loss: Loss, { offset, db, keyBuf, keyStart, keyEnd }: EntryView): void {
    if (this.#options.lossy && this.#counts[loss] > 0) this.#count(loss, offset);
    else this.add(loss, { offset, db, key: printable(keyBuf.subarray(keyStart, keyEnd)) });
  }

  /** Throws NaruError TARGET_TOO_OLD, unless losses are allowed. */
  add(loss: Loss, place: LossPlace): void {
    const { lossy, target, node, onFirst } = this.#options;
    const { what, needs } = LOSSES[loss];
    const message = `The target (${target}) can not hold ${what}: that needs ${needs}`;
    if (!lossy) throw new NaruError('TARGET_TOO_OLD', message, { side: 'target', node, ...place });
    if (this.#counts[loss] === 0)
      onFirst(place.key === undefined ? message : `${message}. First: ${place.key}`);
    this.#count(loss, place.offset);
  }

  #count(loss: Loss, offset: number): void {
    if (offset <= this.#counted[loss]) return;
    this.#counted[loss] = offset;
    this.#counts[loss]++;
  }
}

import { Batch } from './batch.ts';

/** SCAN and sizes run ahead of the values, which take longest: by so many keys, in so many batches. */
const AHEAD_KEYS = 4096;
const AHEAD_BATCHES = 16;

/** What is being read, in order: batches are finished one after the other, and used again. */
export class BatchQueue {
  readonly all: Batch[] = [];
  readonly #spare: Batch[] = [];

  /** An empty batch. */
  spare(): Batch {
    const batch = this.#spare.pop() ?? new Batch();
    batch.clear();
    return batch;
  }

  get takesMore(): boolean {
    if (this.all.length >= AHEAD_BATCHES) return false;
    let ahead = 0;
    for (const { count, wanted } of this.all) ahead += count - wanted;
    return ahead < AHEAD_KEYS;
  }

  /** The batch whose next key is the next to be asked for; undefined: there is none, or its size is not known yet. */
  get next(): Batch | undefined {
    for (const batch of this.all) {
      if (batch.wanted < batch.sizes.length) return batch;
      if (batch.wanted < batch.count) return undefined;
    }
    return undefined;
  }

  /** The batch that the next value is for. */
  get current(): Batch {
    for (const batch of this.all) if (batch.done < batch.count) return batch;
    throw new Error('A value came that nobody has asked for');
  }

  /** Takes the first batch out where all of it is done; to be given back to `reuse`. */
  shiftDone(): Batch | undefined {
    const [first] = this.all;
    return first !== undefined && first.done === first.count ? this.all.shift() : undefined;
  }

  reuse(batch: Batch): void {
    this.#spare.push(batch);
  }
}

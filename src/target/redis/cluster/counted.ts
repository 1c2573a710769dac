import type { LaneCounters } from '../lane-options.ts';

const CAPACITY = 1024;

/** Entries of the snapshot that one node has answered and that are not acknowledged: where they are given again, they are counted again. */
export class Counted {
  #offsets = new Float64Array(CAPACITY);
  #skipped = new Uint8Array(CAPACITY);
  #head = 0;
  #tail = 0;

  add(offset: number, skipped: boolean): void {
    if (this.#head - this.#tail === this.#offsets.length) this.#grow();
    const at = this.#head++ & (this.#offsets.length - 1);
    this.#offsets[at] = offset;
    this.#skipped[at] = skipped ? 1 : 0;
  }

  /** Nothing before this offset is given again. */
  acked(offset: number): void {
    const mask = this.#offsets.length - 1;
    while (this.#tail < this.#head && (this.#offsets[this.#tail & mask] as number) < offset) this.#tail++;
  }

  /** All that is not acknowledged is given again. */
  takeBack(counters: LaneCounters): void {
    const mask = this.#offsets.length - 1;
    for (; this.#tail < this.#head; this.#tail++) {
      if (this.#skipped[this.#tail & mask] === 1) counters.skipped--;
      else counters.keys--;
    }
  }

  #grow(): void {
    const { length } = this.#offsets;
    const [offsets, skipped] = [new Float64Array(2 * length), new Uint8Array(2 * length)];
    for (let i = this.#tail; i < this.#head; i++) {
      offsets[i & (2 * length - 1)] = this.#offsets[i & (length - 1)] as number;
      skipped[i & (2 * length - 1)] = this.#skipped[i & (length - 1)] as number;
    }
    this.#offsets = offsets;
    this.#skipped = skipped;
  }
}

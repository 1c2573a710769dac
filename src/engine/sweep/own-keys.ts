import { KeyHash } from '../../protocol/checksum/key-hash.ts';

const SLOTS_FIRST = 1024;
const LOAD_MAX = 0.9;
/** Growing by less would cost more than the room that is saved. */
const GROWTH = 1.3;
const RANGE = 0x1_0000_0000;
/** of a slot: both halves of the hash; a low half of 0: it is free */
const WORDS = 2;

/**
 * Keys that stood in the target before a run began, and did not come from the source: a sweep leaves them alone. One that the source has
 * written over is the source's from then on (`remove`).
 *
 * Of each key a hash of 64 bits is kept, in a table with linear probing of 8 bytes a slot. Two keys have the same one with a probability of 2^-64: then a
 * key that is gone at the source would stay.
 */
export class OwnKeys {
  readonly #hash: KeyHash;
  #slots = SLOTS_FIRST;
  #words: Uint32Array = new Uint32Array(SLOTS_FIRST * WORDS);
  #size = 0;

  constructor(seed?: number) {
    this.#hash = new KeyHash(seed);
  }

  get size(): number {
    return this.#size;
  }

  get bytes(): number {
    return this.#words.byteLength;
  }

  add(db: number, buf: Buffer, start: number, end: number): void {
    this.#hash.of(db, buf, start, end);
    const { high, low } = this.#hash;
    if (this.#size >= this.#slots * LOAD_MAX) this.#grow();
    this.#put(high, low);
  }

  has(db: number, buf: Buffer, start: number, end: number): boolean {
    if (this.#size === 0) return false;
    this.#hash.of(db, buf, start, end);
    return this.#words[this.#find(this.#hash.high, this.#hash.low) + 1] !== 0;
  }

  /** The source has it now. Moves up what was pushed behind the slot that becomes free. */
  remove(db: number, buf: Buffer, start: number, end: number): void {
    if (this.#size === 0) return;
    this.#hash.of(db, buf, start, end);
    const words = this.#words;
    let free = this.#find(this.#hash.high, this.#hash.low);
    if (words[free + 1] === 0) return;
    for (let at = this.#behind(free); words[at + 1] !== 0; at = this.#behind(at)) {
      const home = this.#home(words[at] as number);
      // Its home lies behind the free slot: it stays.
      if (free < at ? home > free && home <= at : home > free || home <= at) continue;
      words.copyWithin(free, at, at + WORDS);
      free = at;
    }
    words.fill(0, free, free + WORDS);
    this.#size--;
  }

  #put(high: number, low: number): void {
    const at = this.#find(high, low);
    if (this.#words[at + 1] !== 0) return;
    this.#words[at] = high;
    this.#words[at + 1] = low;
    this.#size++;
  }

  #grow(): void {
    const old = this.#words;
    this.#slots = Math.ceil(this.#slots * GROWTH);
    this.#words = new Uint32Array(this.#slots * WORDS);
    this.#size = 0;
    for (let from = 0; from < old.length; from += WORDS) {
      if (old[from + 1] !== 0) this.#put(old[from] as number, old[from + 1] as number);
    }
  }

  /** Its slot, or the free one where it would go. Ends, since a tenth of all slots is free. */
  #find(high: number, low: number): number {
    const words = this.#words;
    let at = this.#home(high);
    while (words[at + 1] !== 0 && (words[at + 1] !== low || words[at] !== high)) at = this.#behind(at);
    return at;
  }

  #home(high: number): number {
    return Math.floor((high / RANGE) * this.#slots) * WORDS;
  }

  #behind(at: number): number {
    const next = at + WORDS;
    return next === this.#words.length ? 0 : next;
  }
}

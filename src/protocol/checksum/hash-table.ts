const RANGE = 0x1_0000_0000;

/**
 * Slots of the same number of words, found by a hash of 64 bits whose low half is not 0 (KeyHash): open addressing with linear probing in one typed
 * array. Some slots have to stay free, by the owner's care: that is where a search ends.
 *
 *     slot = high (4 bytes) low (4 bytes, 0: the slot is free) { word (4 bytes) } x (width - 2)
 */
export class HashTable {
  /** Read and written by the owner, at what `find` returns; another array after `resize`. */
  words: Uint32Array;
  readonly #width: number;
  #slots: number;
  #size = 0;

  constructor(width: number, slots: number) {
    this.#width = width;
    this.#slots = slots;
    this.words = new Uint32Array(slots * width);
  }

  get slots(): number {
    return this.#slots;
  }

  get size(): number {
    return this.#size;
  }

  get bytes(): number {
    return this.words.byteLength;
  }

  /** The index of its slot's first word, or of the free slot where it would go. */
  find(high: number, low: number): number {
    const { words } = this;
    let at = this.#home(high);
    while (words[at + 1] !== 0 && (words[at + 1] !== low || words[at] !== high)) at = this.#behind(at);
    return at;
  }

  isFree(at: number): boolean {
    return this.words[at + 1] === 0;
  }

  /** Takes the free slot that `find` returned. */
  take(at: number, high: number, low: number): void {
    this.words[at] = high;
    this.words[at + 1] = low;
    this.#size++;
  }

  /** Frees a slot, and moves up what was pushed behind it, so that no search ends too early. */
  free(at: number): void {
    const { words } = this;
    const width = this.#width;
    let free = at;
    for (let next = this.#behind(free); words[next + 1] !== 0; next = this.#behind(next)) {
      const home = this.#home(words[next] as number);
      // Its home lies behind the free slot: it stays.
      if (free < next ? home > free && home <= next : home > free || home <= next) continue;
      words.copyWithin(free, next, next + width);
      free = next;
    }
    words.fill(0, free, free + width);
    this.#size--;
  }

  /** Of each slot that is taken and that `keeps` is true for, all words go over into so many slots. */
  resize(slots: number, keeps: (words: Uint32Array, at: number) => boolean = () => true): void {
    const old = this.words;
    const width = this.#width;
    this.#slots = slots;
    this.words = new Uint32Array(slots * width);
    this.#size = 0;
    for (let from = 0; from < old.length; from += width) {
      if (old[from + 1] === 0 || !keeps(old, from)) continue;
      const to = this.find(old[from] as number, old[from + 1] as number);
      for (let word = 0; word < width; word++) this.words[to + word] = old[from + word] as number;
      this.#size++;
    }
  }

  #home(high: number): number {
    return Math.floor((high / RANGE) * this.#slots) * this.#width;
  }

  #behind(at: number): number {
    const next = at + this.#width;
    return next === this.words.length ? 0 : next;
  }
}

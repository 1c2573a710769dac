/** It does not expire, or nothing is known of it. */
export const NEVER: number = Number.POSITIVE_INFINITY;

const TABLE_BYTES_MAX = 32 * 1024 * 1024;
const SLOTS_FIRST = 1024;
/** of a slot: both hashes and the time */
const WORDS = 3;
const LOAD_MAX = 0.8;
/** Times are kept this exactly, and rounded down: 32 bits of them are 497 days. */
const TICK_MS = 10;
const TICK_MAX = 0xffff_ffff;
const RANGE = 0x1_0000_0000;

/**
 * Times by a hash of 64 bits: open addressing with linear probing in one typed array, 12 bytes a slot, which grows up to a limit.
 *
 *     slot = high (4 bytes) low (4 bytes, 0: the slot is free) time (4 bytes, in ticks since the table was made)
 */
export class ExpiryTable {
  readonly #slotsMax: number;
  readonly #baseMs: number;
  #slots = SLOTS_FIRST;
  #words: Uint32Array = new Uint32Array(SLOTS_FIRST * WORDS);
  #size = 0;

  constructor(nowMs: number, bytesMax: number = TABLE_BYTES_MAX) {
    this.#baseMs = nowMs;
    this.#slotsMax = Math.max(SLOTS_FIRST, Math.floor(bytesMax / (WORDS * 4)));
  }

  get size(): number {
    return this.#size;
  }

  get bytes(): number {
    return this.#words.byteLength;
  }

  /** Its time in ms since 1970, up to a tick too early and never too late; NEVER: it has none. */
  get(high: number, low: number): number {
    const at = this.#find(high, low);
    return this.#words[at + 1] === 0 ? NEVER : this.#baseMs + (this.#words[at + 2] as number) * TICK_MS;
  }

  /** False: there is no room for one more. */
  set(high: number, low: number, atMs: number): boolean {
    let at = this.#find(high, low);
    if (this.#words[at + 1] === 0) {
      if (this.#size >= this.#slots * LOAD_MAX) {
        if (this.#slots === this.#slotsMax) return false;
        this.#resize(Math.min(this.#slots * 2, this.#slotsMax), 0);
        at = this.#find(high, low);
      }
      this.#words[at] = high;
      this.#words[at + 1] = low;
      this.#size++;
    }
    this.#words[at + 2] = this.#tick(atMs);
    return true;
  }

  /** Moves up what was pushed behind the slot that becomes free, so that no probe ends too early. */
  delete(high: number, low: number): void {
    const words = this.#words;
    let free = this.#find(high, low);
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

  /** Forgets all times before `ms`. */
  forgetBefore(ms: number): void {
    this.#resize(this.#slots, this.#tick(ms));
  }

  #tick(ms: number): number {
    return Math.min(Math.max(Math.floor((ms - this.#baseMs) / TICK_MS), 0), TICK_MAX);
  }

  #resize(slots: number, firstTick: number): void {
    const old = this.#words;
    this.#slots = slots;
    this.#words = new Uint32Array(slots * WORDS);
    this.#size = 0;
    for (let from = 0; from < old.length; from += WORDS) {
      if (old[from + 1] === 0 || (old[from + 2] as number) < firstTick) continue;
      const to = this.#find(old[from] as number, old[from + 1] as number);
      for (let word = 0; word < WORDS; word++) this.#words[to + word] = old[from + word] as number;
      this.#size++;
    }
  }

  /** The index of its slot, or of the free one where it would go. Ends, since a fifth of all slots is free. */
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

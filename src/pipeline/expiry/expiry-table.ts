import { HashTable } from '../../protocol/checksum/hash-table.ts';

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

/** Times by a hash of 64 bits (KeyHash), in ticks since the table was made: 12 bytes a slot, in a table that grows up to a limit. */
export class ExpiryTable {
  readonly #slotsMax: number;
  readonly #baseMs: number;
  readonly #table = new HashTable(WORDS, SLOTS_FIRST);

  constructor(nowMs: number, bytesMax: number = TABLE_BYTES_MAX) {
    this.#baseMs = nowMs;
    this.#slotsMax = Math.max(SLOTS_FIRST, Math.floor(bytesMax / (WORDS * 4)));
  }

  get size(): number {
    return this.#table.size;
  }

  get bytes(): number {
    return this.#table.bytes;
  }

  /** Its time in ms since 1970, up to a tick too early and never too late; NEVER: it has none. */
  get(high: number, low: number): number {
    const table = this.#table;
    const at = table.find(high, low);
    return table.isFree(at) ? NEVER : this.#baseMs + (table.words[at + 2] as number) * TICK_MS;
  }

  /** False: there is no room for one more. */
  set(high: number, low: number, atMs: number): boolean {
    const table = this.#table;
    let at = table.find(high, low);
    if (table.isFree(at)) {
      if (table.size >= table.slots * LOAD_MAX) {
        if (table.slots === this.#slotsMax) return false;
        table.resize(Math.min(table.slots * 2, this.#slotsMax));
        at = table.find(high, low);
      }
      table.take(at, high, low);
    }
    table.words[at + 2] = this.#tick(atMs);
    return true;
  }

  delete(high: number, low: number): void {
    const at = this.#table.find(high, low);
    if (!this.#table.isFree(at)) this.#table.free(at);
  }

  /** Forgets all times before `ms`. */
  forgetBefore(ms: number): void {
    const first = this.#tick(ms);
    this.#table.resize(this.#table.slots, (words, at) => (words[at + 2] as number) >= first);
  }

  #tick(ms: number): number {
    return Math.min(Math.max(Math.floor((ms - this.#baseMs) / TICK_MS), 0), TICK_MAX);
  }
}

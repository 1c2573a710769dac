import { HashTable } from '../../protocol/checksum/hash-table.ts';
import { KeyHash } from '../../protocol/checksum/key-hash.ts';

const SLOTS_FIRST = 1024;
const LOAD_MAX = 0.9;
/** Growing by less would cost more than the room that is saved. */
const GROWTH = 1.3;
/** of a slot: both halves of the hash */
const WORDS = 2;

/**
 * Keys that stood in the target before a run began, and did not come from the source: a sweep leaves them alone. One that the source has
 * written over is the source's from then on (`remove`).
 *
 * Of each key a hash of 64 bits is kept, 8 bytes a slot. Two keys have the same one with a probability of 2^-64: then a key that is gone at the
 * source would stay.
 */
export class OwnKeys {
  readonly #hash: KeyHash;
  readonly #table = new HashTable(WORDS, SLOTS_FIRST);

  constructor(seed?: number) {
    this.#hash = new KeyHash(seed);
  }

  get size(): number {
    return this.#table.size;
  }

  get bytes(): number {
    return this.#table.bytes;
  }

  add(db: number, buf: Buffer, start: number, end: number): void {
    const table = this.#table;
    if (table.size >= table.slots * LOAD_MAX) table.resize(Math.ceil(table.slots * GROWTH));
    const at = this.#find(db, buf, start, end);
    if (table.isFree(at)) table.take(at, this.#hash.high, this.#hash.low);
  }

  has(db: number, buf: Buffer, start: number, end: number): boolean {
    return this.#table.size > 0 && !this.#table.isFree(this.#find(db, buf, start, end));
  }

  /** The source has it now. */
  remove(db: number, buf: Buffer, start: number, end: number): void {
    if (this.#table.size === 0) return;
    const at = this.#find(db, buf, start, end);
    if (!this.#table.isFree(at)) this.#table.free(at);
  }

  #find(db: number, buf: Buffer, start: number, end: number): number {
    this.#hash.of(db, buf, start, end);
    return this.#table.find(this.#hash.high, this.#hash.low);
  }
}

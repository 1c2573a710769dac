import { KeyHash } from '../../protocol/checksum/key-hash.ts';
import { ExpiryChanges } from './expiry-changes.ts';
import { ExpiryTable, NEVER } from './expiry-table.ts';

/** A change that is no time: two databases were swapped. */
const SWAP = Number.NaN;
/** Added to a database's number: the times of a key's fields, and not its own. */
const FIELDS = 0x1_0000;
/** A source has surely removed what expired so long before the stream's place: clocks differ less. */
const SURELY_GONE_MS = 600_000;

/**
 * Which key expires when, as the snapshot and the stream up to its present place tell it: for each key its latest expiry, and for each hash the
 * earliest one of its fields. A time that is told may be too early, and never is too late.
 *
 * A source removes a key that expired by a command of the stream, and with that it is forgotten here. So what is known here lived at the
 * source at this place of the stream, whatever the time is by then.
 *
 * The simple idea that fails is a filter by time (a Bloom filter for each minute): a session whose life is extended all the time leaves its
 * old expiries in it, and would be taken for expired at each of them. When the table is full, each key that it does not hold counts as one that expires
 * with the first of those that found no room.
 */
export class ExpiryIndex {
  readonly #table: ExpiryTable;
  readonly #changes = new ExpiryChanges();
  readonly #hash = new KeyHash();
  /** database -> the number that its keys are kept under, where another one than its own */
  readonly #tags = new Map<number, number>();
  #hasFields = false;
  /** the first and the last time that found no room */
  #unknownFrom = NEVER;
  #unknownTo = 0;
  /** the source had run all before this time when it sent what the target has acknowledged */
  #streamMs = 0;
  /** nothing is looked for that could be forgotten before the stream gets here */
  #forgottenMs = 0;

  constructor(nowMs: number, bytesMax?: number) {
    this.#table = new ExpiryTable(nowMs, bytesMax);
  }

  get isEmpty(): boolean {
    return this.#table.size === 0 && this.#unknownFrom === NEVER;
  }

  get size(): number {
    return this.#table.size;
  }

  get bytes(): number {
    return this.#table.bytes;
  }

  /** When the key expires, ms since 1970; NEVER: it does not. */
  at(db: number, buf: Buffer, start: number, end: number): number {
    this.#hash.of(this.#tag(db), buf, start, end);
    return this.#known();
  }

  /** When the first of its fields expires. */
  fieldsAt(db: number, buf: Buffer, start: number, end: number): number {
    if (!this.#hasFields) return NEVER;
    this.#hash.of(this.#tag(db) + FIELDS, buf, start, end);
    return this.#known();
  }

  /** The key expires at this time (NEVER: it does not any more, or it is gone), as the stream at `offset` says; -1: as the snapshot does. */
  set(db: number, buf: Buffer, start: number, end: number, atMs: number, offset: number): void {
    this.#hash.of(this.#tag(db), buf, start, end);
    this.#change(atMs, offset);
  }

  setFields(db: number, buf: Buffer, start: number, end: number, atMs: number, offset: number): void {
    if (atMs === NEVER && !this.#hasFields) return;
    this.#hasFields = true;
    this.#hash.of(this.#tag(db) + FIELDS, buf, start, end);
    this.#change(atMs, offset);
  }

  swap(a: number, b: number, offset: number): void {
    this.#changes.push(a, b, SWAP, offset);
    this.#swap(a, b);
  }

  /** The target holds everything before `offset`; the source sent it after `streamMs`. */
  acked(offset: number, streamMs: number): void {
    this.#changes.acked(offset);
    this.#streamMs = streamMs;
    if (this.#unknownTo < streamMs - SURELY_GONE_MS) this.#unknownFrom = NEVER;
  }

  /** The stream is read again from `offset` on. */
  restart(offset: number): void {
    this.#changes.back(offset, (high, low, before) => {
      if (Number.isNaN(before)) this.#swap(high, low);
      else if (before === NEVER) this.#table.delete(high, low);
      else if (!this.#table.set(high, low, before)) this.#noRoomFor(before);
    });
  }

  #known(): number {
    const known = this.#table.get(this.#hash.high, this.#hash.low);
    return known === NEVER ? this.#unknownFrom : known;
  }

  #change(atMs: number, offset: number): void {
    const { high, low } = this.#hash;
    const table = this.#table;
    if (offset >= 0) {
      const before = table.get(high, low);
      if (before === atMs) return;
      this.#changes.push(high, low, before, offset);
    }
    if (atMs === NEVER) table.delete(high, low);
    else if (!table.set(high, low, atMs)) this.#makeRoomFor(high, low, atMs);
  }

  /** Forgets what the source has surely removed. */
  #makeRoomFor(high: number, low: number, atMs: number): void {
    const goneMs = this.#streamMs - SURELY_GONE_MS;
    if (goneMs > this.#forgottenMs) {
      this.#forgottenMs = goneMs + SURELY_GONE_MS / 10;
      this.#table.forgetBefore(goneMs);
    }
    if (!this.#table.set(high, low, atMs)) this.#noRoomFor(atMs);
  }

  #noRoomFor(atMs: number): void {
    this.#unknownFrom = Math.min(this.#unknownFrom, atMs);
    this.#unknownTo = Math.max(this.#unknownTo, atMs);
  }

  #tag(db: number): number {
    return this.#tags.size === 0 ? db : (this.#tags.get(db) ?? db);
  }

  #swap(a: number, b: number): void {
    const tag = this.#tag(a);
    this.#tags.set(a, this.#tag(b));
    this.#tags.set(b, tag);
  }
}

import type { Batch } from './batch.ts';

/** Keys that may have changed since they were read: from when that was told to when the target has acknowledged what was read then. */
export class DirtyKeys {
  readonly #max: number;
  /** by database: the key, and when it was told first */
  readonly #waiting = new Map<number, Map<string, number>>();
  #size = 0;
  /** what is read and not acknowledged: up to which spool offset, and since when */
  readonly #read: { offset: number; sinceMs: number }[] = [];
  /** batches that are being read */
  readonly #reading = new Map<Batch, number>();

  constructor(max: number) {
    this.#max = max;
  }

  /** Keys that wait to be read. */
  get size(): number {
    return this.#size;
  }

  /** Since when anything is not acknowledged, ms since 1970; undefined: all is. */
  get sinceMs(): number | undefined {
    let since = Number.POSITIVE_INFINITY;
    // Maps keep the order in which keys were added.
    for (const keys of this.#waiting.values())
      for (const ms of keys.values()) {
        since = Math.min(since, ms);
        break;
      }
    for (const ms of this.#reading.values()) since = Math.min(since, ms);
    for (const { sinceMs } of this.#read) since = Math.min(since, sinceMs);
    return since === Number.POSITIVE_INFINITY ? undefined : since;
  }

  /** False: there are more than can be held, and all were dropped. */
  add(db: number, buf: Buffer, start: number, end: number): boolean {
    const keys = this.#waiting.get(db) ?? new Map<string, number>();
    this.#waiting.set(db, keys);
    const key = buf.toString('latin1', start, end);
    if (keys.has(key)) return true;
    keys.set(key, Date.now());
    if (++this.#size <= this.#max) return true;
    this.clear();
    return false;
  }

  clear(): void {
    this.#waiting.clear();
    this.#size = 0;
  }

  /** The databases with keys that wait. */
  get databases(): number[] {
    return [...this.#waiting.keys()].filter((db) => (this.#waiting.get(db)?.size ?? 0) > 0);
  }

  /** Moves keys of a database into a batch: told again, they are dirty anew. */
  take(db: number, batch: Batch, count: number): void {
    const keys = this.#waiting.get(db) ?? new Map<string, number>();
    batch.again = true;
    for (const [key, ms] of keys) {
      if (batch.count === count) break;
      if (batch.count === 0) this.#reading.set(batch, ms);
      const bytes = Buffer.from(key, 'latin1');
      batch.add(bytes, 0, bytes.length);
      keys.delete(key);
      this.#size--;
    }
  }

  /** What was taken with this batch is in the spool, before `offset`. */
  read(batch: Batch, offset: number): void {
    const sinceMs = this.#reading.get(batch);
    if (sinceMs === undefined) return;
    this.#reading.delete(batch);
    this.#read.push({ offset, sinceMs });
  }

  acked(offset: number): void {
    while ((this.#read[0]?.offset ?? Number.POSITIVE_INFINITY) <= offset) this.#read.shift();
  }
}

import type { Batch } from './batch.ts';

/** Keys that may have changed since they were read: from when that was told to when the target has acknowledged what was read then. */
export class DirtyKeys {
  readonly #max: number;
  /** by database: the key, and when it was told first */
  readonly #waiting = new Map<number, Map<string, number>>();
  /** told without a database, and those of them for which the databases are asked */
  #anywhere = new Map<string, number>();
  #placing = new Map<string, number>();
  /** of a database: the next `left` keys to be taken may have been told as early as `ms` */
  readonly #floors = new Map<number, { ms: number; left: number }>();
  #placed: Promise<boolean> = Promise.resolve(true);
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
    for (const keys of [...this.#waiting.values(), this.#anywhere, this.#placing])
      since = Math.min(since, firstOf(keys));
    for (const { ms } of this.#floors.values()) since = Math.min(since, ms);
    for (const ms of this.#reading.values()) since = Math.min(since, ms);
    for (const { sinceMs } of this.#read) since = Math.min(since, sinceMs);
    return since === Number.POSITIVE_INFINITY ? undefined : since;
  }

  /** `db` undefined: in any database. False: there are more than can be held, and all were dropped. */
  add(db: number | undefined, buf: Buffer, start: number, end: number): boolean {
    const keys = db === undefined ? this.#anywhere : this.#of(db);
    const key = buf.toString('latin1', start, end);
    if (keys.has(key)) return true;
    keys.set(key, Date.now());
    if (++this.#size <= this.#max) return true;
    this.clear();
    return false;
  }

  clear(): void {
    this.#waiting.clear();
    this.#floors.clear();
    this.#anywhere = new Map();
    this.#placing = new Map();
    this.#size = 0;
  }

  /**
   * Puts keys that were told without a database into all that there are: `databases` is asked after they were told, so that one which is new is among them, and does not
   * reject. Resolves to false: there are more than can be held.
   */
  place(databases: () => Promise<readonly number[]>): Promise<boolean> {
    this.#placed = this.#placed.then(() => this.#place(databases));
    return this.#placed;
  }

  async #place(databases: () => Promise<readonly number[]>): Promise<boolean> {
    if (this.#anywhere.size === 0) return true;
    this.#placing = this.#anywhere;
    this.#anywhere = new Map();
    const found = await databases();
    const told = this.#placing;
    this.#placing = new Map();
    this.#size -= told.size;
    for (const db of found) this.put(db, told);
    if (this.#size <= this.#max) return true;
    this.clear();
    return false;
  }

  /** Keys that may have changed since then, the earliest of them first. */
  put(db: number, told: ReadonlyMap<string, number>): void {
    const keys = this.#of(db);
    const before = keys.size;
    for (const [key, ms] of told) if (!keys.has(key)) keys.set(key, ms);
    this.#size += keys.size - before;
    const ms = Math.min(firstOf(told), this.#floors.get(db)?.ms ?? Number.POSITIVE_INFINITY);
    if (keys.size > 0) this.#floors.set(db, { ms, left: keys.size });
  }

  #of(db: number): Map<string, number> {
    const keys = this.#waiting.get(db) ?? new Map<string, number>();
    this.#waiting.set(db, keys);
    return keys;
  }

  /** How many wait in a database. */
  waiting(db: number): number {
    return this.#waiting.get(db)?.size ?? 0;
  }

  /** The databases with keys that wait. */
  get databases(): number[] {
    return [...this.#waiting.keys()].filter((db) => this.waiting(db) > 0);
  }

  /** Moves keys of a database into a batch: told again, they are dirty anew. */
  take(db: number, batch: Batch, count: number): void {
    const keys = this.#of(db);
    const floor = this.#floors.get(db);
    batch.again = true;
    for (const [key, ms] of keys) {
      if (batch.count === count) break;
      if (batch.count === 0) this.#reading.set(batch, Math.min(ms, floor?.ms ?? ms));
      const bytes = Buffer.from(key, 'latin1');
      batch.add(bytes, 0, bytes.length);
      keys.delete(key);
      this.#size--;
    }
    if (floor === undefined) return;
    floor.left -= batch.count;
    if (floor.left <= 0) this.#floors.delete(db);
  }

  /** Since when the keys of a batch that is being read may have changed; undefined: they were not taken from here. */
  sinceOf(batch: Batch): number | undefined {
    return this.#reading.get(batch);
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

/** Maps keep the order in which keys were added. */
function firstOf(keys: ReadonlyMap<string, number>): number {
  for (const ms of keys.values()) return ms;
  return Number.POSITIVE_INFINITY;
}

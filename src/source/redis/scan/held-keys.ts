/** Keys that have to be read once more, by database. */
export class HeldKeys {
  #byDb = new Map<number, Map<string, Buffer>>();
  #taken = 0;

  /** Keys that were held and are not known to be in the target. */
  get count(): number {
    let count = this.#taken;
    for (const keys of this.#byDb.values()) count += keys.size;
    return count;
  }

  /** The key is copied. */
  hold(db: number, key: Buffer): void {
    const keys = this.#byDb.get(db) ?? new Map<string, Buffer>();
    this.#byDb.set(db, keys);
    keys.set(key.toString('latin1'), Buffer.from(key));
  }

  /** All that are held now, to be read. They count until `settled`. */
  take(): [db: number, keys: Iterable<Buffer>][] {
    this.#taken = this.count;
    const taken = [...this.#byDb].map(([db, keys]): [number, Iterable<Buffer>] => [db, keys.values()]);
    this.#byDb = new Map();
    return taken;
  }

  /** What was taken is in the target, or is held again. */
  settled(): void {
    this.#taken = 0;
  }
}

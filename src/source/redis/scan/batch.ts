/** A place in a scan: everything before the cursor of this walk through this database is done, and so are the databases and walks before it. */
export interface ScanPlace {
  readonly db: number;
  /** a walk's name */
  readonly walk: string;
  /** empty: the walk is at its end */
  readonly cursor: string;
}

const ARENA_BYTES = 32 * 1024;

/** Keys that are read together: their names one behind the other in one buffer, and how large each is. */
export class Batch {
  arena: Buffer = Buffer.allocUnsafe(ARENA_BYTES);
  /** where each key ends in `arena` */
  readonly ends: number[] = [];
  /** bytes of each value, roughly; as many as are known by now */
  readonly sizes: number[] = [];
  /** where the source does not tell sizes: what an element of each key takes, by its type */
  readonly units: number[] = [];
  /** how many were asked for their size, and for their value */
  asked = 0;
  wanted = 0;
  /** how many are in the spool, or have vanished */
  done = 0;
  /** where the scan stands once all of it is done; undefined: it is no part of a walk */
  place: ScanPlace | undefined;
  /** keys that somebody else has to read */
  readonly strays: Buffer[] = [];
  /** keys whose removal was written, where others may have their names in the target */
  readonly removed: Buffer[] = [];
  /** what is read takes the place of whatever the target holds, and what is gone is removed there */
  again = false;

  get count(): number {
    return this.ends.length;
  }

  start(index: number): number {
    return index === 0 ? 0 : (this.ends[index - 1] as number);
  }

  end(index: number): number {
    return this.ends[index] as number;
  }

  /** A copy. */
  key(index: number): Buffer {
    return Buffer.from(this.arena.subarray(this.start(index), this.end(index)));
  }

  add(buf: Buffer, start: number, end: number): void {
    const at = this.start(this.count);
    const stop = at + end - start;
    if (stop > this.arena.length) {
      const grown = Buffer.allocUnsafe(Math.max(stop, 2 * this.arena.length));
      this.arena.copy(grown, 0, 0, at);
      this.arena = grown;
    }
    buf.copy(this.arena, at, start, end);
    this.ends.push(stop);
  }

  /** Makes strays of the keys that are not wanted, before anything was asked about any. */
  sift(wanted: (buf: Buffer, start: number, end: number) => boolean): void {
    const { arena, ends } = this;
    const isWanted = ends.map((end, i) => wanted(arena, this.start(i), end));
    if (!isWanted.includes(false)) return;
    const keys = ends.map((_, i) => this.key(i));
    ends.length = 0;
    for (const [i, key] of keys.entries()) {
      if (isWanted[i]) this.add(key, 0, key.length);
      else this.strays.push(key);
    }
  }

  /** The connection was lost: what was not answered has to be asked again. */
  askAgain(): void {
    this.units.length = this.sizes.length;
    this.asked = this.sizes.length;
    this.wanted = this.done;
  }

  clear(): void {
    this.ends.length = 0;
    this.strays.length = 0;
    this.removed.length = 0;
    this.sizes.length = 0;
    this.units.length = 0;
    this.asked = 0;
    this.wanted = 0;
    this.done = 0;
    this.place = undefined;
    this.again = false;
  }
}

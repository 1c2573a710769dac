import type { Rules } from '../../rules/rules.ts';
import { NameSet } from './name-set.ts';

/** Each takes 16 bytes, 32 while the set grows: so many are 32 to 64 MiB. */
const NAMES_MAX = 2 * 1024 * 1024;

/**
 * The names that a run has written in the target, where rules give keys other names or databases: counts those that two keys have, and tells after a FLUSHALL
 * what of the target is to go where that can not be told from a name.
 *
 * With more than two million names it gives up: nothing is known then, and no more is counted.
 */
export class WrittenNames {
  /** by database of the target */
  readonly #all = new Map<number, NameSet>();
  /** by database of the source; the same where each has one of the target for itself */
  readonly #byDb: Map<number, NameSet>;
  /** what the stream writes is noted too */
  readonly complete: boolean;
  readonly #rules: Rules;
  #size = 0;
  #swappedTo = 0;

  constructor(rules: Rules, complete: boolean) {
    this.#rules = rules;
    this.complete = complete;
    this.#byDb = rules.mergesDbs ? new Map() : this.#all;
  }

  get isFull(): boolean {
    return this.#size >= NAMES_MAX;
  }

  /** `db` is the source's. False: it was written before. */
  add(db: number, buf: Buffer, start: number, end: number): boolean {
    if (this.isFull) return true;
    const toDb = this.#rules.mapDb(db);
    const isNew = setOf(this.#all, toDb).add(buf, start, end);
    if (this.#byDb !== this.#all && setOf(this.#byDb, db).add(buf, start, end)) this.#size++;
    if (isNew) this.#size++;
    return isNew;
  }

  /** Whether this name in the target's database `toDb` was written: for any key, or for one of the source's database `db`. Undefined: not known. */
  has(toDb: number, name: Buffer, db: number | undefined): boolean | undefined {
    if (!this.complete || this.isFull) return undefined;
    if (db !== undefined && this.#rules.mapDb(db) !== toDb) return false;
    const [names, place] =
      db === undefined || this.#byDb === this.#all ? [this.#all, toDb] : [this.#byDb, db];
    return names.get(place)?.has(name, 0, name.length) === true;
  }

  /** SWAPDB, which only rules allow that treat all databases alike. What is given again after an outage was swapped. */
  swapped(a: number, b: number, offset: number): void {
    if (offset < this.#swappedTo) return;
    this.#swappedTo = offset + 1;
    const [ofA, ofB] = [setOf(this.#all, a), setOf(this.#all, b)];
    this.#all.set(a, ofB).set(b, ofA);
  }
}

function setOf(names: Map<number, NameSet>, db: number): NameSet {
  let found = names.get(db);
  if (found === undefined) {
    found = new NameSet();
    names.set(db, found);
  }
  return found;
}

import { KeyHash } from '../../protocol/checksum/key-hash.ts';
import type { Rules } from '../../rules/rules.ts';
import type { CHANGED, Fingerprints, NEW, SAME } from '../../source/redis/scan/fingerprints.ts';
import type { Prints } from '../../source/redis/scan/memory.ts';

/**
 * Prints where several keys of the source may have one name in the target: databases that come together, and names that rules make one.
 *
 * A print for each key of the source would say that a key is as it was when it was read last, and not whether the target still holds that: another key of the same
 * name may have been written over it, or was removed with it. So there is one print for each name of the target, and the key is in the digest. Keys that share a name
 * take turns in it: each look at another one than the last says CHANGED, and the target holds what was read last.
 */
export class SharedNames implements Prints {
  readonly #prints: Fingerprints;
  readonly #rules: Rules | undefined;
  readonly #hash = new KeyHash();
  /** of the key that was located last */
  #db = 0;
  #name: Buffer = Buffer.alloc(0);
  #start = 0;
  #end = 0;

  /** `rules` undefined: all databases of the source go into one */
  constructor(prints: Fingerprints, rules: Rules | undefined) {
    this.#prints = prints;
    this.#rules = rules;
  }

  note(
    db: number,
    buf: Buffer,
    start: number,
    end: number,
    crcLow: number,
    crcHigh: number,
    expireAt: number,
  ): typeof SAME | typeof CHANGED | typeof NEW {
    this.#locate(db, buf, start, end);
    this.#hash.of(db, buf, start, end);
    const [low, high] = [crcLow ^ this.#hash.low, crcHigh ^ this.#hash.high];
    return this.#prints.note(this.#db, this.#name, this.#start, this.#end, low, high, expireAt);
  }

  has(db: number, buf: Buffer, start: number, end: number): boolean {
    this.#locate(db, buf, start, end);
    return this.#prints.has(this.#db, this.#name, this.#start, this.#end);
  }

  forget(db: number, buf: Buffer, start: number, end: number): void {
    this.#locate(db, buf, start, end);
    this.#prints.forget(this.#db, this.#name, this.#start, this.#end);
  }

  /**
   * The keys of the source's `databases` that have a name in common with one of these, by their database: that they are there is not said. Where rules rename by an
   * expression or a function they can not be told from the name, and only those of the same name in other databases are found.
   */
  others(databases: readonly number[], db: number, keys: readonly Buffer[]): Map<number, readonly Buffer[]> {
    const others = databases.filter((other) => other !== db);
    const rules = this.#rules;
    if (rules === undefined) return new Map(others.map((other) => [other, keys]));
    const kept = keys.filter((key) => rules.decide(db, key, 0, key.length, undefined) < 0);
    return new Map(
      [db, ...others]
        .filter((other) => rules.mapDb(other) === rules.mapDb(db))
        .map((other) => [other, kept.flatMap((key) => namesakes(rules, db, key, other))]),
    );
  }

  /** What rules leave out is in nobody's way: a database of its own. */
  #locate(db: number, buf: Buffer, start: number, end: number): void {
    const rules = this.#rules;
    const isDropped = rules !== undefined && rules.decide(db, buf, start, end, undefined) >= 0;
    if (rules === undefined || isDropped) {
      this.#db = isDropped ? -1 - db : 0;
      this.#name = buf;
      this.#start = start;
      this.#end = end;
      return;
    }
    this.#db = rules.mapDb(db);
    this.#name = rules.nameOf(db, buf.subarray(start, end));
    this.#start = 0;
    this.#end = this.#name.length;
  }
}

/** The keys of the database `other` that become what `key` of `db` becomes, without that one. */
function namesakes(rules: Rules, db: number, key: Buffer, other: number): Buffer[] {
  const name = rules.nameOf(db, key);
  const all = rules.invertible
    ? rules.origins(other, name)
    : [key].filter((one) => rules.nameOf(other, one).equals(name));
  return all.filter((one) => other !== db || !one.equals(key));
}

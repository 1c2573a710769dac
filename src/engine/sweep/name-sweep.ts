import { NaruError } from '../../errors/errors.ts';
import { NameSet } from '../../pipeline/rules/name-set.ts';
import type { Rules } from '../../rules/rules.ts';
import { removeKey, type TargetKeys } from '../target-keys.ts';
import type { OwnKeys } from './own-keys.ts';

/** Each takes 16 bytes, 32 while the set grows. */
const NAMES_MAX = 2 * 1024 * 1024;

interface Place {
  readonly db: number;
  readonly key: Buffer;
}

export interface NameSweepOptions {
  /** all keys of the source, by database */
  source: TargetKeys;
  target: TargetKeys;
  own: OwnKeys | undefined;
  /** A key has to be read once more, and written. */
  readAgain(db: number, key: Buffer): void;
}

/**
 * Finds what the source has no more where a name does not tell whose it is (rules rename by an expression or a function): all keys of the source are named,
 * and what the target holds beside these names goes.
 *
 * A key may come into being meanwhile. It is told (`taken`) before it is written: before its name is looked for, then it stays; or later, then it is read once
 * more when the name is gone.
 */
export class NameSweep {
  readonly #rules: Rules;
  /** what the source has, while a sweep is under way; by database of the target */
  #seen: Names | undefined;
  /** what was removed: who has it again is written, whatever was known of it */
  readonly #removed = new Names();
  /** what is being removed, and which key has that name again */
  readonly #removing = new Map<string, Place | undefined>();

  constructor(rules: Rules) {
    this.#rules = rules;
  }

  /** The source has a key now that becomes `name` in the target's database `toDb`. True: it has to be written. */
  taken(toDb: number, name: Buffer, db: number, key: Buffer): boolean {
    this.#seen?.add(toDb, name);
    if (this.#removing.size > 0) {
      const id = idOf(toDb, name);
      if (this.#removing.has(id)) this.#removing.set(id, { db, key: Buffer.from(key) });
    }
    return this.#removed.has(toDb, name);
  }

  /** Rejects with NaruError, SWEEP_IMPOSSIBLE where there are too many keys too. */
  async sweep({ source, target, own, readAgain }: NameSweepOptions): Promise<void> {
    const seen = new Names();
    this.#seen = seen;
    try {
      await source.eachInAll(async (db, keys) => {
        for (const key of keys) this.#see(seen, db, key);
      });
      await target.eachInAll(async (db, names, client) => {
        const gone = names.filter((name) => !own?.has(db, name, 0, name.length) && !seen.has(db, name));
        for (const name of gone) {
          this.#removed.add(db, name);
          this.#removing.set(idOf(db, name), undefined);
        }
        await Promise.all(gone.map((name) => removeKey(client, name)));
        for (const name of gone) {
          const place = this.#removing.get(idOf(db, name));
          this.#removing.delete(idOf(db, name));
          if (place !== undefined) readAgain(place.db, place.key);
        }
      });
    } finally {
      this.#seen = undefined;
      this.#removing.clear();
    }
  }

  #see(seen: Names, db: number, key: Buffer): void {
    const rules = this.#rules;
    if (rules.decide(db, key, 0, key.length, undefined) >= 0) return;
    seen.add(rules.mapDb(db), rules.nameOf(db, key));
  }
}

/** By database of the target. */
class Names {
  readonly #byDb = new Map<number, NameSet>();
  #size = 0;

  add(db: number, name: Buffer): void {
    let names = this.#byDb.get(db);
    if (names === undefined) {
      names = new NameSet();
      this.#byDb.set(db, names);
    }
    if (names.add(name, 0, name.length) && ++this.#size > NAMES_MAX) throw tooMany();
  }

  has(db: number, name: Buffer): boolean {
    return this.#byDb.get(db)?.has(name, 0, name.length) === true;
  }
}

function idOf(db: number, name: Buffer): string {
  return `${db} ${name.toString('latin1')}`;
}

function tooMany(): NaruError {
  const text =
    'Rules rename keys by an expression or a function, and there are more than two million: which keys of the target are gone at the source is not looked for';
  return new NaruError('SWEEP_IMPOSSIBLE', text, { side: 'target' });
}

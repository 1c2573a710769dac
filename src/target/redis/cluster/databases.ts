import { NaruError } from '../../../errors/errors.ts';

/** Which database of the target each one of the source goes to: to that with its number, or all to the one that there is. */
export class Databases {
  readonly #several: boolean;
  /** of the source, those that were written to */
  readonly #used = new Set<number>();
  #last = -1;

  constructor(several: boolean) {
    this.#several = several;
  }

  of(db: number): number {
    if (db !== this.#last) this.#used.add(db);
    this.#last = db;
    return this.#several ? db : 0;
  }

  /**
   * By what all keys go that are of a database of the source (undefined: of all); undefined: there are none. Throws COMMAND_REFUSED where nobody
   * can tell them from those of another database.
   */
  flushOf(db: number | undefined): 'FLUSHALL' | 'FLUSHDB' | undefined {
    if (db === undefined) return 'FLUSHALL';
    if (this.#several) return 'FLUSHDB';
    if (!this.#used.has(db)) return undefined;
    if (this.#used.size === 1) return 'FLUSHALL';
    const text = `FLUSHDB of database ${db}: in the target its keys are in one database with others`;
    throw new NaruError('COMMAND_REFUSED', text, { side: 'target' });
  }
}

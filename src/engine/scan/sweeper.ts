import { loadRules } from '../../config/rules-of-options.ts';
import type { ResolvedScanOptions } from '../../config/scan-options.ts';
import { isNaruError, NaruError } from '../../errors/errors.ts';
import { printable } from '../../errors/printable.ts';
import { discover } from '../../net/topology/discover.ts';
import type { Rules } from '../../rules/rules.ts';
import { NameSweep } from '../sweep/name-sweep.ts';
import { OwnKeys } from '../sweep/own-keys.ts';
import { SourceKeys, type SourceKeysOptions } from '../sweep/source-keys.ts';
import { readOwnKeys, sweep } from '../sweep/sweep.ts';
import { TargetKeys, targetKeys } from '../target-keys.ts';

export interface SweeperHost {
  /** Whoever has read these keys reads them again; `db` undefined: in all databases. */
  readAgain(db: number | undefined, keys: readonly Buffer[]): void;
  warn(code: string, message: string): void;
  onFailure(error: NaruError): void;
}

/** Finds what the source has no more, for all links of a scan together: one sweep at a time. */
export class Sweeper {
  readonly #options: ResolvedScanOptions;
  readonly #merged: boolean;
  readonly #signal: AbortSignal;
  readonly #host: SweeperHost;
  readonly #about: SourceKeysOptions;
  readonly #source: SourceKeys;
  /** undefined: from a name can be told whose it is */
  readonly #byName: NameSweep | undefined;
  readonly #rules: Rules | undefined;
  #own: OwnKeys | undefined;
  readonly #kept = new OwnKeys();
  #running: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  private constructor(
    options: ResolvedScanOptions,
    { merged, rules, signal }: { merged: boolean; rules: Rules | undefined; signal: AbortSignal },
    host: SweeperHost,
  ) {
    this.#rules = rules;
    this.#options = options;
    this.#merged = merged;
    this.#signal = signal;
    this.#host = host;
    const { from, fromTls, connectTimeout, giveUpAfter, fromAddressMap, fromTopology } = options;
    this.#byName = rules?.invertible === false ? new NameSweep(rules) : undefined;
    this.#about = {
      endpoint: from,
      find: () =>
        discover({
          endpoint: from,
          tls: fromTls,
          connectTimeoutMs: connectTimeout,
          side: 'source',
          addressMap: fromAddressMap,
          override: fromTopology,
          signal,
        }),
      tls: fromTls,
      connectTimeoutMs: connectTimeout,
      giveUpAfterMs: giveUpAfter,
      signal,
    };
    this.#source = new SourceKeys(this.#about);
    signal.addEventListener('abort', () => this.#source.close());
  }

  /** Before anything is written: what the target has by now is its own. Rejects with NaruError. */
  static async begin(
    options: ResolvedScanOptions,
    merged: boolean,
    signal: AbortSignal,
    host: SweeperHost,
  ): Promise<Sweeper> {
    const rules = await loadRules(options);
    if (rules !== undefined) rules.oneDatabase = merged;
    const sweeper = new Sweeper(options, { merged, rules, signal }, host);
    await sweeper.#unlessImpossible(async () => {
      sweeper.#own = await readOwnKeys(targetKeys(options, signal, rules), new OwnKeys());
    });
    return sweeper;
  }

  /** undefined: nothing has another name at the target */
  get rules(): Rules | undefined {
    return this.#rules;
  }

  /** As in ScanMemory. A key that the target had before the run began is its own for ever, where `--on-conflict` says so. */
  keptThere(db: number, buf: Buffer, start: number, end: number): boolean {
    const { onConflict } = this.#options;
    const own = this.#own;
    if (own === undefined || (onConflict !== 'skip' && onConflict !== 'fail')) return false;
    const rules = this.#rules;
    const toDb = rules === undefined ? (this.#merged ? 0 : db) : rules.mapDb(db);
    const name = rules === undefined ? buf.subarray(start, end) : rules.nameOf(db, buf.subarray(start, end));
    if (!own.has(toDb, name, 0, name.length)) return false;
    this.#kept.add(toDb, name, 0, name.length);
    if (onConflict === 'fail') {
      const text = `A key of the source exists in the target already: ${printable(name)}`;
      this.#host.onFailure(new NaruError('KEY_EXISTS', text, { side: 'target' }));
    }
    return true;
  }

  /** Keys of the source that were left out for that. */
  get kept(): number {
    return this.#kept.size;
  }

  /** As in ScanMemory. */
  taken(db: number, buf: Buffer, start: number, end: number): boolean {
    const rules = this.#rules;
    if (rules === undefined) {
      this.#own?.remove(this.#merged ? 0 : db, buf, start, end);
      return false;
    }
    const isWatched = this.#own !== undefined || this.#byName !== undefined;
    if (!isWatched || rules.decide(db, buf, start, end, undefined) >= 0) return false;
    const key = buf.subarray(start, end);
    const name = rules.nameOf(db, key);
    const toDb = rules.mapDb(db);
    this.#own?.remove(toDb, name, 0, name.length);
    return this.#byName?.taken(toDb, name, db, key) === true;
  }

  /** One that has not begun yet is for all who ask meanwhile. */
  sweep(): Promise<void> {
    this.#next ??= this.#running.then(() => {
      this.#next = undefined;
      const sweeping = this.#sweep();
      this.#running = sweeping.catch(() => {});
      return sweeping;
    });
    return this.#next;
  }

  #sweep(): Promise<void> {
    const target = targetKeys(this.#options, this.#signal, this.#rules);
    return this.#unlessImpossible(async () => {
      if (this.#byName !== undefined) {
        await this.#byName.sweep({
          source: new TargetKeys({ ...this.#about, side: 'source' }),
          target,
          own: this.#own,
          readAgain: (db, key) => this.#host.readAgain(db, [key]),
        });
        return;
      }
      await sweep({
        target,
        source: this.#source,
        own: this.#own,
        merged: this.#merged,
        rules: this.#rules,
        onGone: async (db, keys) =>
          this.#host.readAgain(this.#merged && this.#rules === undefined ? undefined : db, keys),
      });
    });
  }

  async #unlessImpossible(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!isNaruError(error) || error.code !== 'SWEEP_IMPOSSIBLE') throw error;
      const { onConflict } = this.#options;
      if (onConflict === 'skip' || onConflict === 'fail') throw error;
      this.#host.warn(
        'NOT_SWEPT',
        `${error.message}: what is removed at the source without being told stays there.`,
      );
    }
  }
}

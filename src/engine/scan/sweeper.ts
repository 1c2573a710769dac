import { loadRules } from '../../config/rules-of-options.ts';
import type { ResolvedScanOptions } from '../../config/scan-options.ts';
import { isNaruError } from '../../errors/errors.ts';
import { discover } from '../../net/topology/discover.ts';
import type { Rules } from '../../rules/rules.ts';
import { OwnKeys } from '../sweep/own-keys.ts';
import { SourceKeys } from '../sweep/source-keys.ts';
import { readOwnKeys, sweep } from '../sweep/sweep.ts';
import { targetKeys } from '../target-keys.ts';

export interface SweeperHost {
  /** Whoever has read these keys reads them again; `db` undefined: in all databases. */
  readAgain(db: number | undefined, keys: readonly Buffer[]): void;
  warn(code: string, message: string): void;
}

/** Finds what the source has no more, for all links of a scan together: one sweep at a time. */
export class Sweeper {
  readonly #options: ResolvedScanOptions;
  readonly #merged: boolean;
  readonly #signal: AbortSignal;
  readonly #host: SweeperHost;
  readonly #source: SourceKeys;
  readonly #rules: Rules | undefined;
  #own: OwnKeys | undefined;
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
    this.#source = new SourceKeys({
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
    });
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

  taken(db: number, buf: Buffer, start: number, end: number): void {
    if (this.#own === undefined) return;
    const rules = this.#rules;
    if (rules === undefined) this.#own.remove(this.#merged ? 0 : db, buf, start, end);
    else if (rules.decide(db, buf, start, end, undefined) < 0) {
      const name = rules.nameOf(db, buf.subarray(start, end));
      this.#own.remove(rules.mapDb(db), name, 0, name.length);
    }
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
    return this.#unlessImpossible(async () => {
      await sweep({
        target: targetKeys(this.#options, this.#signal, this.#rules),
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
      this.#host.warn(
        'NOT_SWEPT',
        `${error.message}: what is removed at the source without being told stays there.`,
      );
    }
  }
}

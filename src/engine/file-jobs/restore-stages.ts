import { checkpointKey } from '../../checkpoint/checkpoint.ts';
import type { ResolvedRestoreOptions } from '../../config/file-options.ts';
import { discover } from '../../net/topology/discover.ts';
import { KeyFinder } from '../../pipeline/keys/key-finder.ts';
import { KeyTable } from '../../pipeline/keys/key-table.ts';
import { RenamedTarget } from '../../pipeline/rules/renamed-target.ts';
import { RuledSnapshot } from '../../pipeline/rules/ruled-snapshot.ts';
import { RuledStream } from '../../pipeline/rules/ruled-stream.ts';
import type { SharedTarget } from '../../pipeline/shared-target.ts';
import { StreamApplier } from '../../pipeline/stream-applier.ts';
import type { AofSink } from '../../protocol/aof/aof-walker.ts';
import type { Rules } from '../../rules/rules.ts';
import type { Target } from '../../target/target.ts';
import { TargetKeys } from '../target-keys.ts';
import { BehindFlush } from './behind-flush.ts';
import { FileSnapshot } from './file-snapshot.ts';
import { WholeTransactions } from './whole-transactions.ts';

export interface RestoreStagesOptions {
  options: ResolvedRestoreOptions;
  rules: Rules | undefined;
  /** where Naru keeps its own place at the target */
  checkpointKey: string;
  /** the target's SET knows PXAT */
  setTakesPxat: boolean;
  /** commands above this are not held whole */
  commandBytesMax: number;
  /** since when a relative expiry counts, ms since 1970 */
  arrivalMs(): number;
  /** aborted when the run is over */
  signal: AbortSignal;
}

/** What stands between the decoder of a file and the target. */
export class RestoreStages {
  readonly snapshot: FileSnapshot;
  readonly stream: StreamApplier;
  /** for the decoder */
  readonly entries: AofSink['rdb'];
  readonly commands: WholeTransactions;
  readonly #shared: SharedTarget | undefined;
  readonly #behind: BehindFlush | undefined;

  constructor(target: Target, given: RestoreStagesOptions) {
    const { options, rules } = given;
    const copyFunctions = options.functions === 'copy';
    const finder = new KeyFinder(KeyTable.builtIn());
    const tracks = rules !== undefined && (rules.mergesDbs || !rules.invertible);
    const named = rules?.moves
      ? new RenamedTarget(target, rules, finder, checkpointKey(''), tracks)
      : undefined;
    this.#shared = rules && sharedByRules(given, rules, named);
    this.snapshot = new FileSnapshot(named ?? target, { functions: copyFunctions });
    this.stream = new StreamApplier(named ?? target, {
      publish: options.publish,
      functions: copyFunctions,
      protectTarget: false,
      shared: this.#shared,
      checkpointKey: given.checkpointKey,
      arrivalMs: given.arrivalMs,
      onGetAck: () => {},
      setTakesPxat: given.setTakesPxat,
    });
    this.entries = rules === undefined ? this.snapshot : new RuledSnapshot(this.snapshot, rules);
    if (rules !== undefined) {
      const ruled = new RuledStream(this.stream, { rules, finder, copier: undefined });
      this.#behind = new BehindFlush(ruled, this.stream, given.commandBytesMax);
    }
    this.commands = new WholeTransactions(this.#behind ?? this.stream, given.commandBytesMax);
  }

  /** A file begins. */
  partBegins(): void {
    this.stream.restart(0, 0);
    this.commands.restart();
  }

  /** Where rules say what is copied, a flush removes nothing else: resolves when that is done, for which all before it has to be `drained`. */
  settled(drained: () => Promise<void>): Promise<void> | undefined {
    if (this.#behind?.waits !== true) return undefined;
    return this.#behind.settle(async (db) => {
      await drained();
      await this.#shared?.removeKeys(db);
    });
  }
}

function sharedByRules(
  { options, signal }: RestoreStagesOptions,
  rules: Rules,
  named: RenamedTarget | undefined,
): SharedTarget {
  const { to, toTls, connectTimeout: connectTimeoutMs } = options;
  const about = { endpoint: to, tls: toTls, connectTimeoutMs, side: 'target', signal } as const;
  const keys = new TargetKeys({ ...about, find: () => discover(about), giveUpAfterMs: 0, rules });
  return { removeKeys: (db) => keys.removeMigrated(db, named?.written), endsTransactions: true };
}

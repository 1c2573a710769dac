import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { checkpointKey, formatCheckpoint } from '../../checkpoint/checkpoint.ts';
import type { ResolvedRestoreOptions } from '../../config/file-options.ts';
import { loadRules } from '../../config/rules-of-options.ts';
import { NaruError } from '../../errors/errors.ts';
import { delay } from '../../net/backoff.ts';
import type { AofSink } from '../../protocol/aof/aof-walker.ts';
import type { Rules } from '../../rules/rules.ts';
import { decodeFile } from '../../source/file/decode-file.ts';
import { type FilePart, type FileSource, openFileSource } from '../../source/file/file-source.ts';
import type { Pace } from '../../source/redis/scan/pace.ts';
import { RedisTarget } from '../../target/redis/redis-target.ts';
import { type CheckedTarget, checkTarget } from '../checked-target.ts';
import { toNaruError } from '../error-event.ts';
import type { Counters, DoneEvent, SyncEvent } from '../events.ts';
import { type NodeFacts, readFacts } from '../facts.ts';
import { Meter } from '../meter.ts';
import { paceOf } from '../pace.ts';
import { countKeys } from '../precheck.ts';
import { refuseMissing, rulesEvent } from '../rules-told.ts';
import { type Run, startRun } from '../run.ts';
import { TargetSession } from '../target-session.ts';
import { endWarnings } from './end-warnings.ts';
import { nameInFile } from './name-in-file.ts';
import { RestoreStages } from './restore-stages.ts';

const STDIN = '-';
/** Commands are held whole, as a server holds them that loads the file: see WholeTransactions. */
const COMMAND_BYTES_MAX = 1024 * 1024 * 1024;
/** There is no replication id; the checkpoint has a place for one. */
const NO_REPLID = '0'.repeat(40);

/** `naru restore`. */
export function restore(options: ResolvedRestoreOptions): Run {
  return startRun((emit) => new RestoreJob(options, emit));
}

/**
 * Writes what RDB and AOF files hold to a target. The entries of an RDB go as in a full copy; where commands follow, everything goes in
 * transactions, in order. Each file is acknowledged as a whole before the next one begins, so that offsets are those in one file.
 *
 * A target that is lost ends the run: what is read from a pipe could not be read again.
 */
export class RestoreJob {
  readonly #options: ResolvedRestoreOptions;
  readonly #emit: (event: SyncEvent) => void;
  readonly #meter = new Meter();
  readonly #job: string;
  readonly #session: TargetSession;
  readonly #opening = new AbortController();
  /** undefined: all is restored as it is */
  #rules: Rules | undefined;
  readonly #pace: Pace | undefined;
  #counted = { keys: 0, bytes: 0 };
  #source: FileSource | undefined;
  #checked!: CheckedTarget;
  #target: RedisTarget | undefined;
  #stages!: RestoreStages;
  #part: FilePart | undefined;
  #ackedOffset = 0;
  #failure: NaruError | undefined;
  /** ms since 1970 of what is read now, by the file's own timestamps; undefined: it has told none yet */
  #writtenAtMs: number | undefined;
  #warnedOfTime = false;

  constructor(options: ResolvedRestoreOptions, emit: (event: SyncEvent) => void) {
    this.#options = options;
    this.#emit = emit;
    this.#pace = paceOf(options);
    this.#job = `file:${options.from === STDIN ? STDIN : resolve(options.from)}`;
    this.#session = new TargetSession({
      endpoint: options.to,
      tls: options.toTls,
      connectTimeoutMs: options.connectTimeout,
      giveUpAfterMs: 0,
      job: this.#job,
      checkpointKey: checkpointKey(this.#job),
      onRetry: () => {},
    });
  }

  stop(): void {
    const error = new NaruError('STOPPED_EARLY', 'Stopped before all of the file was restored');
    this.#session.abort(error);
    this.#fail(error);
    this.#target?.fail(error);
  }

  async run(): Promise<DoneEvent> {
    let timer: NodeJS.Timeout | undefined;
    try {
      this.#rules = await loadRules(this.#options);
      const source = await openFileSource(this.#options.from, this.#opening.signal);
      this.#source = source;
      const target = await this.#begin(source);
      timer = setInterval(() => this.#progress(source), this.#options.progressInterval);
      await this.#transfer(source, target);
      await this.#finish(target);
      return this.#done(source, target);
    } catch (error) {
      const failure = await this.#explained(this.#failure ?? toNaruError(error));
      await this.#abandon();
      throw failure;
    } finally {
      clearInterval(timer);
      this.#source?.close();
    }
  }

  // ---- the beginning

  async #begin(source: FileSource): Promise<RedisTarget> {
    this.#check();
    const client = await this.#session.open();
    try {
      this.#checkCluster(await readFacts(client));
      if (this.#rules?.mapsDbs) await refuseMissing(client, this.#rules);
      this.#checked = await checkTarget(this.#session, client, undefined, this.#options, (code, message) =>
        this.#warn(code, message),
      );
      this.#checkKeys(source);
      const target = this.#assemble(source);
      this.#check();
      target.attach(client.connection, this.#isExact(source), 0, 0);
      this.#target = target;
      this.#started(source);
      return target;
    } catch (error) {
      client.connection.destroy();
      throw error;
    }
  }

  #checkCluster({ inCluster }: NodeFacts): void {
    if (!inCluster) return;
    const text =
      'The target is a node of a cluster, which takes its own slots only: restore into a server without a cluster, and sync from that to the cluster';
    throw new NaruError('CONFIG_INVALID', text, { side: 'target', node: this.#session.node });
  }

  /** Entries overwrite one by one. Commands change what is there, and nobody could tell which keys to spare. */
  #checkKeys({ kind }: FileSource): void {
    const { onConflict } = this.#options;
    if (kind === 'rdb' || countKeys(this.#checked.facts) === 0) return;
    if (onConflict !== 'overwrite') {
      const text = `--on-conflict ${onConflict} can not be kept with an AOF: its commands change the keys that exist`;
      throw new NaruError('CONFIG_INVALID', text, { side: 'config' });
    }
    this.#warn(
      'AOF_INTO_KEYS',
      'The target holds keys: the commands of an AOF change what is there, so that a list that exists becomes longer.',
    );
  }

  #isExact({ kind }: FileSource): boolean {
    return kind !== 'rdb' || (this.#options.onConflict ?? 'overwrite') !== 'overwrite';
  }

  #assemble(source: FileSource): RedisTarget {
    const { inFlight, onConflict } = this.#options;
    const key = checkpointKey(this.#job);
    const target = new RedisTarget(
      {
        inFlightBytes: inFlight,
        onConflict: onConflict ?? 'overwrite',
        dialect: this.#checked.dialect,
        losses: this.#checked.losses,
        bigEntryBytes: this.#options.bigKeySize,
        job: this.#job,
        checkpointKey: key,
        checkpointAt: (offset, db) => formatCheckpoint({ phase: 'snapshot', replid: NO_REPLID, offset, db }),
      },
      {
        onAcked: (offset) => {
          this.#ackedOffset = offset;
        },
        onFailure: (error) => this.#fail(error),
      },
    );
    this.#stages = new RestoreStages(target, {
      options: this.#options,
      rules: this.#rules,
      checkpointKey: key,
      setTakesPxat: this.#checked.dialect.pxat,
      commandBytesMax: COMMAND_BYTES_MAX,
      arrivalMs: () => this.#arrivalMs(source),
      signal: this.#opening.signal,
    });
    return target;
  }

  #started({ kind }: FileSource): void {
    this.#emit({
      event: 'started',
      source: this.#options.from,
      target: this.#session.node,
      sourceVersion: kind === 'rdb' ? 'RDB' : 'AOF',
      targetVersion: this.#checked.facts.version,
      replid: '',
      offset: 0,
    });
  }

  // ---- moving data

  async #transfer(source: FileSource, target: RedisTarget): Promise<void> {
    const { bigKeySize, until } = this.#options;
    const decoded = await decodeFile(source, {
      sink: this.#sink(source),
      bigEntryBytes: bigKeySize,
      bigCommandBytes: COMMAND_BYTES_MAX,
      ...(until === undefined ? {} : { until }),
      partBegins: (part) => this.#partBegins(part),
      partEnds: () => this.#partEnds(target),
      breathe: () => this.#breathe(target),
    });
    await this.#drained(target);
    for (const { code, message } of endWarnings(decoded, until)) this.#warn(code, message);
  }

  #sink({ kind }: FileSource): AofSink {
    return {
      rdb: this.#stages.entries,
      stream: kind === 'rdb' ? noCommands : this.#stages.commands,
      timestamp: (seconds) => {
        this.#writtenAtMs = seconds * 1000;
      },
    };
  }

  #partBegins(part: FilePart): void {
    this.#part = part;
    this.#stages.partBegins();
  }

  async #partEnds(target: RedisTarget): Promise<void> {
    await this.#drained(target);
    const connection = target.detach();
    if (connection !== undefined) target.attach(connection, true, 0, 0);
  }

  #breathe(target: RedisTarget): Promise<void> | undefined {
    this.#check();
    target.breathe(false);
    const settled = this.#stages.settled(() => this.#drained(target));
    return settled === undefined ? this.#onceReady(target) : settled.then(() => this.#onceReady(target));
  }

  #onceReady(target: RedisTarget): Promise<void> | undefined {
    const pace = this.#pace;
    if (pace !== undefined) return this.#paced(pace, target);
    return target.ready ? undefined : target.whenReady().then(() => this.#check());
  }

  /** Waits until the limits of keys and bytes allow for what was given. */
  async #paced(pace: Pace, target: RedisTarget): Promise<void> {
    const { keys, bytes } = this.#counted;
    this.#counted = {
      keys: this.#stages.snapshot.given + this.#stages.stream.given,
      bytes: this.#source?.bytesRead ?? 0,
    };
    pace.took(this.#counted.keys - keys, this.#counted.bytes - bytes);
    if (!target.ready) await target.whenReady();
    for (; pace.waitMs > 0; this.#check())
      await delay(Math.min(pace.waitMs, 100), this.#opening.signal).catch(() => {});
  }

  async #drained(target: RedisTarget): Promise<void> {
    await target.drained();
    this.#check();
  }

  /** From when a relative expiry counts: when the file says that it was written, else when the file was changed last. */
  #arrivalMs({ kind }: FileSource): number {
    if (this.#writtenAtMs !== undefined) return this.#writtenAtMs;
    if (!this.#warnedOfTime && kind !== 'rdb') {
      this.#warnedOfTime = true;
      this.#warn(
        'EXPIRY_BY_FILE_TIME',
        'The AOF has relative expiries and no timestamps: they count from when the file was changed last.',
      );
    }
    const path = this.#part?.path ?? STDIN;
    return path === STDIN ? Date.now() : Math.floor(statSync(path).mtimeMs);
  }

  // ---- the end

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  #fail(error: NaruError): void {
    this.#failure ??= error;
    // A pipe that gives nothing must not keep a run from ending.
    this.#opening.abort();
    this.#source?.close();
  }

  async #finish(target: RedisTarget): Promise<void> {
    const connection = target.detach();
    this.#check();
    if (connection !== undefined) await this.#session.finish(connection);
  }

  async #explained(error: NaruError): Promise<NaruError> {
    const { side, offset } = error.place;
    const part = this.#part;
    // What came through a pipe can not be read again.
    if (side !== 'target' || offset === undefined || part?.bytes === undefined) return error;
    const found = await nameInFile(part.path, offset);
    return new NaruError(error.code, error.message, { ...error.place, ...found }, { cause: error });
  }

  async #abandon(): Promise<void> {
    if (this.#target === undefined) return;
    this.#target.detach()?.destroy();
    await this.#session.cleanUp([0, this.#stages.snapshot.db, ...this.#checked.facts.keyspace.keys()]);
  }

  // ---- telling

  #counters(source: FileSource, target: RedisTarget): Counters {
    const { keys, skipped, commands } = target.counters;
    return {
      keys,
      skipped,
      lost: this.#checked.losses.total,
      commands,
      recopied: 0,
      split: 0,
      bytes: source.bytesRead,
    };
  }

  #progress(source: FileSource): void {
    if (this.#target === undefined) return;
    this.#emit(
      this.#meter.progress({
        ...this.#counters(source, this.#target),
        phase: 'snapshot',
        lagMs: 0,
        lagBytes: 0,
        spoolDiskBytes: 0,
        snapshotBytes: source.bytesTotal,
        snapshotAckedBytes: source.bytesRead,
        waiting: undefined,
      }),
    );
  }

  #done(source: FileSource, target: RedisTarget): DoneEvent {
    const counters = this.#counters(source, target);
    const { keys, skipped, bytes } = counters;
    const ms = this.#meter.elapsedMs;
    this.#emit({ event: 'snapshot_done', keys, skipped, bytes, ms });
    if (this.#rules !== undefined) this.#emit(rulesEvent([this.#rules]));
    return { event: 'done', ...counters, ms, lagMs: 0, lagBytes: 0, replid: '', offset: this.#ackedOffset };
  }

  #warn(code: string, message: string): void {
    this.#emit({ event: 'warning', code, message });
  }
}

const refuse = (): never => {
  throw new NaruError('BAD_FORMAT', 'Commands stand behind an RDB that does not say so', { side: 'source' });
};

/** An RDB that is not the beginning of an AOF has nothing behind it. */
const noCommands = { command: refuse, bigCommand: refuse, bigCommandPart: refuse, bigCommandEnd: refuse };

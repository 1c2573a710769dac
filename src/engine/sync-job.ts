import path from 'node:path';
import { type Checkpoint, checkpointKey, formatCheckpoint } from '../checkpoint/checkpoint.ts';
import type { ResolvedSyncOptions } from '../config/sync-options.ts';
import { NaruError } from '../errors/errors.ts';
import { openClient, type RespClient } from '../net/client.ts';
import type { Connection } from '../net/connection.ts';
import { describeEndpoint } from '../net/url.ts';
import { Pump } from '../pipeline/pump.ts';
import { SnapshotApplier } from '../pipeline/snapshot-applier.ts';
import { StreamApplier } from '../pipeline/stream-applier.ts';
import { ReplicationLink } from '../source/redis/link.ts';
import { Spool } from '../spool/spool.ts';
import { RedisTarget } from '../target/redis/redis-target.ts';
import { errorEvent, toNaruError } from './error-event.ts';
import type { Counters, DoneEvent, Phase, SyncEvent } from './events.ts';
import { canRestore, type NodeFacts, readFacts, readOffset } from './facts.ts';
import { Meter, type Reading } from './meter.ts';
import { countKeys, precheck } from './precheck.ts';
import { watchForSynced } from './synced-watch.ts';
import { TargetSession } from './target-session.ts';

/** A place in the spool: everything before `offset` is done, and the source is in `db` there. */
interface Place {
  offset: number;
  db: number;
}

/**
 * One migration from one source node to one target node: wires link, spool, pump and target, decides what a failure of either side means,
 * and tells what happens.
 *
 * The pump's loop is the only thing that moves data. Everything else only sets what this class looks at between two runs of it: a failure, a
 * lost target, a wish to stop.
 */
export class SyncJob {
  readonly #options: ResolvedSyncOptions;
  readonly #emit: (event: SyncEvent) => void;
  readonly #meter = new Meter();
  readonly #sourceNode: string;
  readonly #checkpointKey: string;
  readonly #session: TargetSession;
  readonly #watching = new AbortController();
  readonly #connecting = new AbortController();
  #spool!: Spool;
  #link!: ReplicationLink;
  #target!: RedisTarget;
  #pump!: Pump;
  #asker: RespClient | undefined;
  #targetFacts!: NodeFacts;
  #protectTarget = false;
  #phase: Phase = 'connecting';
  #snapshotBytes: number | undefined;
  #snapshotEnd = 0;
  /** up to where the target has acknowledged */
  #acked: Place = { offset: 0, db: 0 };
  /** up to where a checkpoint in the target is acknowledged */
  #checkpointed = 0;
  #failure: NaruError | undefined;
  #targetLost: NaruError | undefined;
  #stopping = false;
  #waiting: string | undefined;
  #progressTimer: NodeJS.Timeout | undefined;
  #drainTimer: NodeJS.Timeout | undefined;
  /** spool offset up to which a stopped run applies */
  #drainEnd: number | undefined;
  #late = false;

  constructor(options: ResolvedSyncOptions, emit: (event: SyncEvent) => void) {
    this.#options = options;
    this.#emit = emit;
    this.#sourceNode = describeEndpoint(options.from);
    this.#checkpointKey = checkpointKey(this.#sourceNode);
    this.#session = new TargetSession({
      endpoint: options.to,
      tls: options.toTls,
      connectTimeoutMs: options.connectTimeout,
      giveUpAfterMs: options.giveUpAfter,
      job: this.#sourceNode,
      checkpointKey: this.#checkpointKey,
      onRetry: (error, delayMs) => this.#retrying(error, delayMs),
    });
  }

  /** Takes no more from the source than needed to end at a whole transaction, applies that, and ends. */
  stop(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    if (this.#phase === 'connecting') this.#stopConnecting();
    else if (this.#targetLost !== undefined) {
      this.#session.abort(new NaruError('STOPPED_EARLY', 'Stopped while the target was away'));
    }
    this.#pump?.stop();
  }

  /** Runs to the end. Rejects with NaruError. */
  async run(): Promise<DoneEvent> {
    try {
      await this.#begin();
      await this.#transfer();
      await this.#finish();
      return this.#done();
    } catch (error) {
      const failure = await this.#explained(toNaruError(error));
      await this.#abandon();
      throw failure;
    } finally {
      await this.#close();
    }
  }

  // ---- the beginning

  async #begin(): Promise<void> {
    const { from, to } = this.#options;
    if (from.db !== 0 || to.db !== 0) {
      this.#warn(
        'DATABASE_IGNORED',
        'An address names a database; all databases are copied, each to the one with its number.',
      );
    }
    const targetClient = await this.#session.open();
    const onStop = (): void => {
      targetClient.connection.destroy(this.#connecting.signal.reason);
      this.#asker?.connection.destroy(this.#connecting.signal.reason);
    };
    this.#connecting.signal.addEventListener('abort', onStop);
    try {
      this.#asker = await this.#openSource();
      const source = await readFacts(this.#asker);
      await this.#checkTarget(source, targetClient);
      await this.#assemble(source, targetClient);
    } catch (error) {
      targetClient.connection.destroy();
      throw error;
    }
  }

  #stopConnecting(): void {
    const reason = new NaruError('STOPPED_EARLY', 'Stopped before the full copy began');
    this.#connecting.abort(reason);
    this.#session.abort(reason);
    this.#link?.abort(reason);
  }

  async #checkTarget(source: NodeFacts, client: RespClient): Promise<void> {
    const { onConflict } = this.#options;
    let target = await readFacts(client);
    const input = { source, sourceNode: this.#sourceNode, targetNode: this.#session.node, onConflict };
    if (target.role === 'master' && source.runId !== target.runId) {
      await this.#session.sweep(client, target);
      target = await readFacts(client);
    }
    for (const { code, message } of precheck({ ...input, target })) this.#warn(code, message);
    await this.#session.adopt(client, target.runId);
    this.#targetFacts = target;
    this.#protectTarget = countKeys(target) > 0 && onConflict !== 'overwrite';
  }

  async #assemble(source: NodeFacts, targetClient: RespClient): Promise<void> {
    const { from, fromTls, connectTimeout, psyncCommand, giveUpAfter, bigKeySize } = this.#options;
    this.#spool = await Spool.open({
      dir: path.join(this.#options.dir, fileName(`${this.#sourceNode}--${this.#session.node}`)),
      memoryBytes: this.#options.spoolMemory,
      diskBytesMax: this.#options.spoolMax,
      // A snapshot that breaks off is of no use later: only what memory can't hold goes to disk.
      writeBehindBytes: Number.POSITIVE_INFINITY,
    });
    this.#link = new ReplicationLink(
      {
        endpoint: { ...from, db: 0 },
        tls: fromTls ?? {},
        connectTimeoutMs: connectTimeout,
        psyncCommand,
        giveUpAfterMs: giveUpAfter,
        spool: this.#spool,
      },
      {
        onSnapshotStart: (replid, offset) => this.#started(source, replid, offset),
        onSnapshotSize: (bytes) => {
          this.#snapshotBytes = bytes;
        },
        onSnapshotEnd: (end, streamStart) => {
          this.#snapshotEnd = end;
          this.#snapshotBytes = end;
          this.#pump.snapshotEnds(end, streamStart);
        },
        onReplid: () => {},
        onRetry: (error, delayMs) => this.#retrying(error, delayMs),
        onReconnected: () => {
          this.#waiting = undefined;
        },
        onFailure: (error) => this.#fail(error),
      },
    );
    this.#target = this.#makeTarget();
    const { snapshot, stream } = this.#makeAppliers();
    this.#pump = new Pump({
      spool: this.#spool,
      target: this.#target,
      snapshot,
      stream,
      bigEntryBytes: bigKeySize,
      node: this.#sourceNode,
      onSnapshotApplied: () => this.#snapshotApplied(),
    });
    this.#connecting.signal.throwIfAborted();
    await this.#link.start();
    this.#phase = 'snapshot';
    this.#target.attach(targetClient.connection, this.#exact, 0, 0);
    this.#progressTimer = setInterval(() => this.#progress(), this.#options.progressInterval);
  }

  #makeTarget(): RedisTarget {
    return new RedisTarget(
      {
        inFlightBytes: this.#options.inFlight,
        onConflict: this.#options.onConflict ?? 'overwrite',
        job: this.#sourceNode,
        checkpointKey: this.#checkpointKey,
        checkpointAt: (offset, db) => formatCheckpoint(this.#checkpointAt(offset, db)),
      },
      {
        onAcked: (offset, db, checkpointed) => this.#onAcked(offset, db, checkpointed),
        onFailure: (error) => this.#targetFailed(error),
      },
    );
  }

  #makeAppliers(): { snapshot: SnapshotApplier; stream: StreamApplier } {
    const functions = this.#options.functions === 'copy';
    const snapshot = new SnapshotApplier(this.#target, {
      functions,
      checkVersion: (version) => this.#checkVersion(version),
    });
    const stream = new StreamApplier(this.#target, {
      publish: this.#options.publish,
      functions,
      protectTarget: this.#protectTarget,
      checkpointKey: this.#checkpointKey,
      arrivalMs: (offset) => this.#spool.arrivalMs(offset),
      onGetAck: (offset) => this.#link.ackWhen(this.#link.streamOffset(offset)),
    });
    return { snapshot, stream };
  }

  #openSource(): Promise<RespClient> {
    const { from, fromTls = {}, connectTimeout } = this.#options;
    const { signal } = this.#connecting;
    return openClient(
      { ...from, db: 0 },
      { tls: fromTls, timeoutMs: connectTimeout, side: 'source', signal },
    );
  }

  #checkVersion(version: number): void {
    if (canRestore(this.#targetFacts, version)) return;
    throw new NaruError(
      'TARGET_TOO_OLD',
      `The source writes RDB version ${version}, which ${this.#targetFacts.flavour} ${this.#targetFacts.version} can not read`,
      { side: 'target', node: this.#session.node },
    );
  }

  #started(source: NodeFacts, replid: string, offset: number): void {
    this.#emit({
      event: 'started',
      source: this.#sourceNode,
      target: this.#session.node,
      sourceVersion: source.version,
      targetVersion: this.#targetFacts.version,
      replid,
      offset,
    });
  }

  // ---- moving data

  async #transfer(): Promise<void> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#targetLost !== undefined) await this.#recover(this.#targetLost);
      else if (!this.#stopping) await this.#pump.run();
      else if (await this.#drain()) return;
    }
  }

  get #exact(): boolean {
    return this.#pump.phase === 'stream' || (this.#options.onConflict ?? 'overwrite') !== 'overwrite';
  }

  #onAcked(offset: number, db: number, checkpointed: boolean): void {
    this.#acked = { offset, db };
    if (checkpointed) {
      this.#checkpointed = offset;
      this.#session.proved();
    }
    this.#spool.release(offset);
    if (this.#pump.phase === 'stream') this.#link.applied(this.#link.streamOffset(offset));
  }

  #snapshotApplied(): void {
    const { keys, skipped } = this.#target.counters;
    this.#acked = { offset: this.#spool.position, db: 0 };
    this.#spool.release(this.#spool.position);
    this.#spool.writeBehindBytes = 0;
    this.#target.beginStream();
    this.#link.applied(this.#link.streamOffset(this.#spool.position));
    this.#phase = 'stream';
    this.#emit({
      event: 'snapshot_done',
      keys,
      skipped,
      bytes: this.#snapshotEnd,
      ms: this.#meter.elapsedMs,
    });
    void this.#watch();
  }

  /** Tells when the lag is zero for the first time, which may be all that is wanted. */
  async #watch(): Promise<void> {
    const offset = await watchForSynced(
      {
        lagBytes: () => this.#spool.end - this.#acked.offset,
        ackedOffset: () => this.#link.streamOffset(this.#acked.offset),
        sourceOffset: () => this.#askOffset(),
      },
      this.#watching.signal,
    );
    if (offset === undefined) return;
    this.#emit({ event: 'synced', ...this.#counters(), offset, ms: this.#meter.elapsedMs });
    if (this.#options.untilSynced) this.stop();
  }

  async #askOffset(): Promise<number> {
    try {
      if (!this.#asker?.connection.isOpen) this.#asker = await this.#openSource();
      return await readOffset(this.#asker);
    } catch (error) {
      this.#asker?.connection.destroy();
      throw error;
    }
  }

  async #drain(): Promise<boolean> {
    if (this.#pump.phase === 'snapshot') {
      throw new NaruError('STOPPED_EARLY', 'Stopped while the full copy was under way');
    }
    this.#phase = 'draining';
    // Both hold for all of it, also where the target is lost on the way.
    this.#drainEnd ??= this.#spool.end;
    this.#drainTimer ??= setTimeout(() => this.#drainIsLate(), this.#options.drainTimeout);
    await this.#pump.run(this.#drainEnd);
    if (this.#late) throw this.#notDrained();
    return this.#failure === undefined && this.#targetLost === undefined;
  }

  #drainIsLate(): void {
    this.#late = true;
    this.#session.abort(this.#notDrained());
    this.#pump.stop();
  }

  #notDrained(): NaruError {
    const left = this.#spool.end - this.#acked.offset;
    return new NaruError(
      'STOPPED_EARLY',
      `${left} bytes that were received could not be applied within --drain-timeout`,
    );
  }

  // ---- failures

  #fail(error: NaruError): void {
    this.#failure ??= error;
    this.#pump.stop();
  }

  #targetFailed(error: NaruError): void {
    if (error.retry) this.#targetLost = error;
    else this.#failure ??= error;
    this.#pump.stop();
  }

  #retrying(error: NaruError, delayMs: number): void {
    const side = error.place.side ?? 'link';
    this.#waiting = `${side} lost, trying again in ${delayMs} ms: ${error.message}`;
    this.#emit(errorEvent(error, true));
  }

  async #recover(cause: NaruError): Promise<void> {
    try {
      const { connection, checkpoint } = await this.#session.reopen(cause);
      this.#targetLost = undefined;
      this.#waiting = undefined;
      this.#resumeAt(connection, this.#checkLoss(connection, checkpoint));
    } catch (error) {
      if (!this.#stopping) throw error;
      throw new NaruError('STOPPED_EARLY', `Stopped while the target was away: ${cause.message}`);
    }
  }

  #resumeAt(connection: Connection, place: Place): void {
    this.#acked = place;
    this.#pump.restart(place.offset, place.db);
    this.#spool.release(place.offset);
    this.#target.attach(connection, this.#exact, place.offset, place.db);
  }

  /** Where to go on: what the target's own checkpoint says, which is never behind what it has acknowledged unless it lost data. */
  #restartPlace(checkpoint: Checkpoint | undefined): Place {
    const offset = checkpoint === undefined ? 0 : this.#offsetOf(checkpoint);
    if (offset < this.#checkpointed) {
      throw new NaruError(
        'TARGET_LOST_DATA',
        `The target's checkpoint is ${checkpoint === undefined ? 'gone' : `at ${offset}`}, it had acknowledged ${this.#checkpointed}`,
        { side: 'target', node: this.#session.node, offset },
      );
    }
    if (!this.#exact || checkpoint === undefined || offset <= this.#acked.offset) return this.#acked;
    return { offset, db: checkpoint.db };
  }

  #checkpointAt(offset: number, db: number): Checkpoint {
    const phase = this.#pump.phase;
    return {
      phase,
      replid: this.#link.replid,
      offset: phase === 'snapshot' ? offset : this.#link.streamOffset(offset),
      db,
    };
  }

  #offsetOf(checkpoint: Checkpoint): number {
    return checkpoint.phase === 'snapshot' ? checkpoint.offset : this.#link.spoolOffset(checkpoint.offset);
  }

  /** Adds to a refusal of the target which key and command it was about, and turns spool offsets into the source's own. */
  async #explained(error: NaruError): Promise<NaruError> {
    const { side, offset } = error.place;
    if (side !== 'target' || offset === undefined || this.#pump === undefined) return error;
    const found = await this.#pump.explain(offset);
    const place = {
      ...error.place,
      ...found,
      offset: this.#pump.phase === 'stream' ? this.#link.streamOffset(offset) : offset,
    };
    return new NaruError(error.code, error.message, place, { cause: error });
  }

  // ---- the end

  /** The target may break even now: then it has to show that it still holds what it acknowledged. */
  async #finish(): Promise<void> {
    await this.#link.stop();
    for (let connection = this.#target.detach(); ; ) {
      try {
        if (connection === undefined)
          throw this.#targetLost ?? this.#failure ?? new Error('No connection to the target');
        await this.#session.finish(connection);
        return;
      } catch (error) {
        const back = await this.#session.reopen(toNaruError(error));
        connection = back.connection;
        // Gone without a restart: the try before has removed it, and only the answer was lost.
        if (back.checkpoint !== undefined || back.restarted)
          this.#checkLoss(back.connection, back.checkpoint);
      }
    }
  }

  #checkLoss(connection: Connection, checkpoint: Checkpoint | undefined): Place {
    try {
      return this.#restartPlace(checkpoint);
    } catch (error) {
      connection.destroy();
      throw error;
    }
  }

  /** After a failure: Naru's own keys are removed from the target where that can be done. */
  async #abandon(): Promise<void> {
    this.#watching.abort();
    if (this.#phase === 'connecting') return;
    this.#target.detach()?.destroy();
    await this.#session.cleanUp([0, this.#acked.db, ...this.#targetFacts.keyspace.keys()]);
  }

  async #close(): Promise<void> {
    this.#watching.abort();
    clearInterval(this.#progressTimer);
    clearTimeout(this.#drainTimer);
    this.#asker?.connection.destroy();
    await this.#link?.stop();
    await this.#spool?.close();
  }

  #done(): DoneEvent {
    this.#phase = 'done';
    const { lagMs, lagBytes } = this.#reading();
    const offset = this.#link.streamOffset(this.#acked.offset);
    const ms = this.#meter.elapsedMs;
    return { event: 'done', ...this.#counters(), ms, lagMs, lagBytes, replid: this.#link.replid, offset };
  }

  // ---- telling

  #counters(): Counters {
    const { keys, skipped, commands } = this.#target.counters;
    return { keys, skipped, commands, bytes: this.#spool.end };
  }

  #reading(): Reading {
    const lagBytes = this.#spool.end - this.#acked.offset;
    return {
      ...this.#counters(),
      phase: this.#phase,
      lagMs: lagBytes === 0 ? 0 : Math.max(0, Date.now() - this.#spool.arrivalMs(this.#acked.offset)),
      lagBytes,
      spoolDiskBytes: this.#spool.diskBytes,
      snapshotBytes: this.#snapshotBytes,
      snapshotAckedBytes: this.#acked.offset,
      waiting: this.#waiting,
    };
  }

  #progress(): void {
    this.#emit(this.#meter.progress(this.#reading()));
  }

  #warn(code: string, message: string): void {
    this.#emit({ event: 'warning', code, message });
  }
}

function fileName(text: string): string {
  return text.replace(/[^\w.-]+/g, '_');
}

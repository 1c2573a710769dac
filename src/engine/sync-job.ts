import { checkpointKey } from '../checkpoint/checkpoint.ts';
import type { ResolvedSyncOptions } from '../config/sync-options.ts';
import { NaruError } from '../errors/errors.ts';
import type { RespClient } from '../net/client.ts';
import { describeEndpoint } from '../net/url.ts';
import { type Assembly, assemble } from './assembly.ts';
import { type CheckedTarget, checkTarget } from './checked-target.ts';
import { errorEvent, toNaruError } from './error-event.ts';
import type { DoneEvent, Phase, SyncEvent } from './events.ts';
import type { NodeFacts } from './facts.ts';
import { Meter } from './meter.ts';
import { countKeys } from './precheck.ts';
import { countersOf, doneEvent, lagOf } from './reading.ts';
import { Recovery } from './recovery.ts';
import { SourceAsker } from './source-asker.ts';
import { watchForSynced } from './synced-watch.ts';
import { TargetSession } from './target-session.ts';

/**
 * One migration from one source node to one target node: decides what a failure of either side means, and tells what happens.
 *
 * The pump's loop is the only thing that moves data. Everything else only sets what this class looks at between two runs of it: a failure, a
 * lost target, a wish to stop.
 */
export class SyncJob {
  readonly #options: ResolvedSyncOptions;
  readonly #emit: (event: SyncEvent) => void;
  readonly #meter = new Meter();
  readonly #sourceNode: string;
  readonly #session: TargetSession;
  readonly #asker: SourceAsker;
  readonly #recovery: Recovery;
  readonly #watching = new AbortController();
  readonly #connecting = new AbortController();
  /** undefined: still connecting and checking */
  #parts: Assembly | undefined;
  #targetDbs: readonly number[] = [];
  #phase: Phase = 'connecting';
  #snapshotBytes: number | undefined;
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
    this.#session = new TargetSession({
      endpoint: options.to,
      tls: options.toTls,
      connectTimeoutMs: options.connectTimeout,
      giveUpAfterMs: options.giveUpAfter,
      job: this.#sourceNode,
      checkpointKey: checkpointKey(this.#sourceNode),
      onRetry: (error, delayMs) => this.#retrying(error, delayMs),
    });
    this.#recovery = new Recovery(this.#session, (code, message) => this.#warn(code, message));
    this.#asker = new SourceAsker({
      endpoint: options.from,
      tls: options.fromTls,
      connectTimeoutMs: options.connectTimeout,
      signal: this.#connecting.signal,
    });
  }

  /** Takes no more from the source than needed to end at a whole transaction, applies that, and ends. */
  stop(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    const parts = this.#parts;
    if (this.#phase === 'connecting') this.#stopConnecting();
    else if (parts?.pump.phase === 'stream') this.#beginDrain(parts);
    else this.#session.abort(new NaruError('STOPPED_EARLY', 'Stopped while the target was away'));
    parts?.pump.stop();
  }

  /** Runs to the end. Rejects with NaruError. */
  async run(): Promise<DoneEvent> {
    try {
      const parts = await this.#begin();
      await this.#transfer(parts);
      await this.#finish(parts);
      return doneEvent(parts, this.#meter.elapsedMs);
    } catch (error) {
      const failure = await this.#explained(toNaruError(error));
      await this.#abandon();
      throw failure;
    } finally {
      await this.#close();
    }
  }

  // ---- the beginning

  async #begin(): Promise<Assembly> {
    const { from, to } = this.#options;
    if (from.db !== 0 || to.db !== 0) {
      this.#warn(
        'DATABASE_IGNORED',
        'An address names a database; all databases are copied, each to the one with its number.',
      );
    }
    const client = await this.#session.open();
    const { signal } = this.#connecting;
    signal.addEventListener('abort', () => client.connection.destroy(signal.reason));
    try {
      const source = await this.#asker.facts();
      const target = await checkTarget(
        this.#session,
        client,
        { facts: source, node: this.#sourceNode },
        this.#options,
        (code, message) => this.#warn(code, message),
      );
      return await this.#start(source, target, client);
    } catch (error) {
      client.connection.destroy();
      throw error;
    }
  }

  #stopConnecting(): void {
    const reason = new NaruError('STOPPED_EARLY', 'Stopped before the full copy began');
    this.#connecting.abort(reason);
    this.#session.abort(reason);
    this.#parts?.link.abort(reason);
  }

  async #start(source: NodeFacts, checked: CheckedTarget, client: RespClient): Promise<Assembly> {
    const { facts: targetFacts, dialect, losses, commands } = checked;
    const tables = { source: await this.#asker.commands(), target: commands };
    const parts = await assemble({
      options: this.#options,
      sourceNode: this.#sourceNode,
      targetNode: this.#session.node,
      sourceFacts: source,
      targetAheadMs: targetFacts.aheadMs,
      dialect,
      losses,
      tables,
      protectTarget: countKeys(targetFacts) > 0 && this.#options.onConflict !== 'overwrite',
      link: {
        onSnapshotStart: (replid, offset) => this.#started(source, targetFacts, replid, offset),
        onSnapshotSize: (bytes) => this.#snapshotSize(bytes),
        onSnapshotEnd: (bytes) => {
          this.#snapshotSize(bytes);
          parts.heldBack.begin();
        },
        onReplid: () => {},
        onRetry: (error, delayMs) => this.#retrying(error, delayMs),
        onReconnected: () => {
          this.#waiting = undefined;
          parts.heldBack.begin();
        },
        onFailure: (error) => this.#fail(error),
      },
      target: {
        onAcked: (offset, db, checkpointed) => this.#onAcked(parts, offset, db, checkpointed),
        onRefused: (offset) => this.#recovery.refused(offset),
        onFailure: (error) => this.#targetFailed(error),
      },
      asker: this.#asker,
      signal: this.#watching.signal,
      onSnapshotApplied: () => this.#snapshotApplied(parts),
    });
    this.#parts = parts;
    this.#targetDbs = [...targetFacts.keyspace.keys()];
    this.#connecting.signal.throwIfAborted();
    await parts.link.start();
    this.#phase = 'snapshot';
    parts.target.attach(client.connection, this.#isExact(parts), 0, 0);
    this.#progressTimer = setInterval(() => this.#progress(parts), this.#options.progressInterval);
    return parts;
  }

  #started(source: NodeFacts, target: NodeFacts, replid: string, offset: number): void {
    this.#emit({
      event: 'started',
      source: this.#sourceNode,
      target: this.#session.node,
      sourceVersion: source.version,
      targetVersion: target.version,
      replid,
      offset,
    });
  }

  #snapshotSize(bytes: number): void {
    this.#snapshotBytes = bytes;
  }

  // ---- moving data

  async #transfer(parts: Assembly): Promise<void> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#targetLost !== undefined) await this.#recover(parts, this.#targetLost);
      else if (!this.#stopping) await parts.pump.run();
      else if (await this.#drain(parts)) return;
    }
  }

  /** Whether doing a write twice would matter. */
  #isExact({ pump }: Assembly): boolean {
    return pump.phase === 'stream' || (this.#options.onConflict ?? 'overwrite') !== 'overwrite';
  }

  #onAcked(parts: Assembly, offset: number, db: number, checkpointed: boolean): void {
    const { acker, spool, pump, link, recopier, target } = parts;
    if (pump.phase === 'stream' && recopier?.ranLate(offset)) {
      target.fail(this.#recovery.ranLate());
      return;
    }
    acker.ack(offset, db, checkpointed);
    if (checkpointed) this.#session.proved();
    const released = this.#recovery.releasable(offset);
    spool.release(released);
    recopier?.acked(offset, released);
    if (pump.phase === 'stream') link.applied(link.streamOffset(offset));
  }

  #snapshotApplied(parts: Assembly): void {
    const { acker, spool, target, link } = parts;
    const streamStart = spool.position;
    acker.ack(streamStart, 0, false);
    spool.release(streamStart);
    spool.writeBehindBytes = 0;
    target.beginStream();
    link.applied(link.streamOffset(streamStart));
    this.#phase = 'stream';
    const { keys, skipped } = target.counters;
    const bytes = this.#snapshotBytes ?? 0;
    this.#emit({ event: 'snapshot_done', keys, skipped, bytes, ms: this.#meter.elapsedMs });
    void this.#watch(parts);
  }

  /** Tells when the lag is zero for the first time, which may be all that is wanted. */
  async #watch(parts: Assembly): Promise<void> {
    const { spool, acker, link, recopier } = parts;
    const offset = await watchForSynced(
      {
        lagBytes: () => spool.end - acker.acked.offset + (recopier?.held ?? 0),
        ackedOffset: () => link.streamOffset(acker.acked.offset),
        sourceOffset: () => this.#asker.offset(),
      },
      this.#watching.signal,
    );
    if (offset === undefined) return;
    this.#emit({ event: 'synced', ...countersOf(parts), offset, ms: this.#meter.elapsedMs });
    if (this.#options.untilSynced) this.stop();
  }

  async #drain(parts: Assembly): Promise<boolean> {
    if (parts.pump.phase === 'snapshot') {
      throw new NaruError('STOPPED_EARLY', 'Stopped while the full copy was under way');
    }
    await parts.pump.run(this.#beginDrain(parts));
    if (this.#late) throw this.#notDrained(parts);
    return this.#failure === undefined && this.#targetLost === undefined;
  }

  /** The end and the deadline hold for all of the drain, also where the target is away when it begins or is lost on the way. */
  #beginDrain(parts: Assembly): number {
    this.#phase = 'draining';
    this.#drainTimer ??= setTimeout(() => this.#drainIsLate(parts), this.#options.drainTimeout);
    this.#drainEnd ??= parts.spool.end;
    return this.#drainEnd;
  }

  #drainIsLate(parts: Assembly): void {
    this.#late = true;
    this.#session.abort(this.#notDrained(parts));
    parts.pump.stop();
  }

  #notDrained({ spool, acker }: Assembly): NaruError {
    const left = spool.end - acker.acked.offset;
    return new NaruError(
      'STOPPED_EARLY',
      `${left} bytes that were received could not be applied within --drain-timeout`,
    );
  }

  // ---- failures

  #fail(error: NaruError): void {
    this.#failure ??= error;
    this.#parts?.pump.stop();
  }

  #targetFailed(error: NaruError): void {
    const copies = error.code === 'COMMAND_REFUSED' && this.#parts?.recopier !== undefined;
    if (error.retry || copies) this.#targetLost = error;
    else this.#failure ??= error;
    this.#parts?.pump.stop();
  }

  #retrying(error: NaruError, delayMs: number): void {
    const side = error.place.side ?? 'link';
    this.#waiting = `${side} lost, trying again in ${delayMs} ms: ${error.message}`;
    this.#emit(errorEvent(error, true));
  }

  async #recover(parts: Assembly, cause: NaruError): Promise<void> {
    try {
      await this.#recovery.recover(parts, cause, this.#isExact(parts));
      this.#targetLost = undefined;
      this.#waiting = undefined;
    } catch (error) {
      if (!this.#stopping) throw error;
      throw new NaruError('STOPPED_EARLY', `Stopped while the target was away: ${cause.message}`);
    }
  }

  /** Adds to a refusal of the target which key and command it was about, and turns its spool offset into the source's own. */
  async #explained(error: NaruError): Promise<NaruError> {
    const { side, offset } = error.place;
    if (side !== 'target' || offset === undefined || this.#parts === undefined) return error;
    const { pump, link } = this.#parts;
    const found = await pump.explain(offset);
    const own = pump.phase === 'stream' ? link.streamOffset(offset) : offset;
    return new NaruError(
      error.code,
      error.message,
      { ...error.place, ...found, offset: own },
      { cause: error },
    );
  }

  // ---- the end

  /** The target may break even now: then it has to show that it still holds what it acknowledged. */
  async #finish(parts: Assembly): Promise<void> {
    await parts.link.stop();
    for (let connection = parts.target.detach(); ; ) {
      try {
        if (connection === undefined) {
          throw this.#targetLost ?? this.#failure ?? new Error('No connection to the target');
        }
        await this.#session.finish(connection);
        return;
      } catch (error) {
        const back = await this.#session.reopen(toNaruError(error));
        connection = back.connection;
        // Gone without a restart: the try before has removed it, and only the answer was lost.
        if (back.checkpoint !== undefined || back.restarted) {
          this.#recovery.checkLoss(parts, back.connection, back.checkpoint, this.#isExact(parts));
        }
      }
    }
  }

  /** After a failure: Naru's own keys are removed from the target where that can be done. */
  async #abandon(): Promise<void> {
    this.#watching.abort();
    if (this.#parts === undefined || this.#phase === 'connecting') return;
    const { target, acker } = this.#parts;
    target.detach()?.destroy();
    await this.#session.cleanUp([0, acker.acked.db, ...this.#targetDbs]);
  }

  async #close(): Promise<void> {
    this.#watching.abort();
    clearInterval(this.#progressTimer);
    clearTimeout(this.#drainTimer);
    this.#asker.close();
    await this.#parts?.link.stop();
    await this.#parts?.spool.close();
  }

  // ---- telling

  #progress(parts: Assembly): void {
    this.#emit(
      this.#meter.progress({
        ...countersOf(parts),
        ...lagOf(parts),
        phase: this.#phase,
        spoolDiskBytes: parts.spool.diskBytes,
        snapshotBytes: this.#snapshotBytes,
        snapshotAckedBytes: parts.acker.acked.offset,
        waiting: this.#waiting,
      }),
    );
  }

  #warn(code: string, message: string): void {
    this.#emit({ event: 'warning', code, message });
  }
}

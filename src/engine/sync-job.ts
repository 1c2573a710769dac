import type { ResolvedSyncOptions } from '../config/sync-options.ts';
import { NaruError } from '../errors/errors.ts';
import type { Rules } from '../rules/rules.ts';
import { type Assembly, assemble } from './assembly.ts';
import type { CheckedTarget } from './checked-target.ts';
import { toNaruError } from './error-event.ts';
import type { Phase } from './events.ts';
import type { NodeFacts } from './facts.ts';
import type { LinkHost } from './link-host.ts';
import type { Reading } from './meter.ts';
import { type Position, positionOf, readingOf } from './reading.ts';
import { checkDatabases } from './rules-told.ts';
import { SourceAsker } from './source-asker.ts';
import type { TargetSide } from './target-side.ts';
import { Transfer } from './transfer.ts';

/**
 * Everything for one source node (a link): decides what a failure of either side means, and tells its host what happens.
 *
 * The pump's loop is the only thing that moves data. Everything else only sets what this class looks at between two runs of it: a failure, a
 * lost target, a wish to stop.
 */
export class SyncJob {
  readonly #options: ResolvedSyncOptions;
  readonly #host: LinkHost;
  readonly #transfer: Transfer;
  readonly #side: TargetSide;
  readonly #asker: SourceAsker;
  readonly #watching = new AbortController();
  readonly #connecting = new AbortController();
  /** undefined: still connecting and checking */
  #parts: Assembly | undefined;
  #checked: Checked | undefined;
  #targetDbs: readonly number[] = [];
  #phase: Phase = 'connecting';
  #snapshotBytes: number | undefined;
  #drainTimer: NodeJS.Timeout | undefined;
  /** spool offset up to which a stopped run applies */
  #drainEnd: number | undefined;
  #late = false;

  constructor(options: ResolvedSyncOptions, host: LinkHost) {
    this.#options = options;
    this.#host = host;
    this.#transfer = new Transfer(options, { ...host, onWentBack: () => host.cluster?.wentBack() });
    this.#side = this.#transfer.side;
    this.#asker = new SourceAsker({
      endpoint: () => host.questions(),
      tls: options.fromTls,
      connectTimeoutMs: options.connectTimeout,
      signal: this.#connecting.signal,
    });
  }

  /** Takes no more from the source than needed to end at a whole transaction, applies that, and ends. */
  stop(): void {
    if (this.#transfer.stopping) return;
    this.#transfer.stopping = true;
    const parts = this.#parts;
    if (this.#phase === 'connecting') this.#stopConnecting();
    else if (parts?.pump.phase === 'stream') this.#beginDrain(parts);
    else this.#side.abort(new NaruError('STOPPED_EARLY', 'Stopped while the target was away'));
    parts?.pump.stop();
  }

  /** Another server has taken over: what is connected to the old one goes there. */
  moveOn(): void {
    this.#asker.close();
    this.#parts?.link.moveOn();
  }

  /** Ends the run of this link with a failure that is not its own. */
  abort(reason: NaruError): void {
    this.#transfer.failure ??= reason;
    this.#connecting.abort(reason);
    this.#side.abort(reason);
    this.#parts?.link.abort(reason);
    this.#parts?.pump.stop();
  }

  /**
   * Connects to both sides and looks whether the target may be written to, without writing more than it takes to remove what an earlier run
   * left. `lookForKeys`: the target's own keys count. Rejects with NaruError.
   */
  async check(lookForKeys: boolean): Promise<{ source: NodeFacts; target: CheckedTarget }> {
    try {
      const source = await this.#asker.facts();
      const { onConflict = lookForKeys ? undefined : 'overwrite' } = this.#options;
      const target = await this.#side.open({ facts: source, node: this.#host.node }, onConflict);
      await checkDatabases(this.#options, this.#host.target, this.#connecting.signal);
      this.#checked = { source, target };
      return { source, target };
    } catch (error) {
      this.#side.abort(toNaruError(error));
      this.#asker.close();
      throw error;
    }
  }

  /** After `check`, runs to the end. `protectTarget`: the target holds keys of its own that stay. Rejects with NaruError. */
  async run(protectTarget: boolean): Promise<void> {
    try {
      const parts = await this.#start(this.#checked as Checked, protectTarget);
      await this.#move(parts);
      await this.#finish(parts);
      this.#phase = 'done';
    } catch (error) {
      const failure = await this.#transfer.explained(toNaruError(error), (offset) => this.#ownOffset(offset));
      if (this.#phase === 'connecting') this.#side.abort(failure);
      await this.#abandon();
      throw failure;
    } finally {
      await this.#close();
    }
  }

  // ---- what it shows

  /** undefined: it has not begun. */
  get reading(): Reading | undefined {
    if (this.#parts === undefined) return undefined;
    return readingOf(this.#parts, this.#phase, this.#snapshotBytes, this.#transfer.waiting);
  }

  /** Up to where the target holds everything; undefined: not even the snapshot. */
  get position(): Position | undefined {
    return this.#parts && positionOf(this.#parts);
  }

  /** undefined: all is copied as it is */
  get rules(): Rules | undefined {
    return this.#parts?.rules;
  }

  /** Keys that are being copied again. */
  get held(): number {
    return this.#parts?.recopier?.held ?? 0;
  }

  /** Copies keys again from its source, whatever the target has of them; only once the full copy is applied. */
  copyAgain(keys: readonly Buffer[]): void {
    for (const key of keys) this.#parts?.recopier?.hold(0, key);
    this.#parts?.pump.nudge();
  }

  /** Rejects with NaruError. */
  keysInSlot(slot: number): Promise<Buffer[]> {
    return this.#asker.keysInSlot(slot);
  }

  /** Whether its source has a key now. Rejects with NaruError. */
  has(key: Buffer): Promise<boolean> {
    return this.#asker.has(key);
  }

  /** The source's offset of its newest write. Rejects with NaruError. */
  newest(): Promise<number> {
    return this.#asker.offset();
  }

  // ---- the beginning

  #stopConnecting(): void {
    const reason = new NaruError('STOPPED_EARLY', 'Stopped before the full copy began');
    this.#connecting.abort(reason);
    this.#side.abort(reason);
    this.#parts?.link.abort(reason);
  }

  async #start({ source, target: checked }: Checked, protectTarget: boolean): Promise<Assembly> {
    const { facts: targetFacts } = checked;
    const parts = await assemble({
      options: this.#options,
      sourceNode: this.#host.node,
      sourceFacts: source,
      sourceCommands: await this.#asker.commands(),
      side: this.#side,
      checked,
      protectTarget,
      link: {
        onSnapshotStart: (replid, offset) => this.#host.onStarted({ replid, offset }),
        onSnapshotSize: (bytes) => this.#snapshotSize(bytes),
        onSnapshotEnd: (bytes) => {
          this.#snapshotSize(bytes);
          parts.heldBack.begin();
          this.#host.turns.give(this);
        },
        onReplid: () => {
          parts.recopier?.newHistory(parts.spool.end);
          parts.pump.nudge();
        },
        onRetry: (error) => this.#transfer.retrying(error),
        onReconnected: () => {
          this.#transfer.waiting = undefined;
          parts.heldBack.begin();
        },
        onFailure: (error) => this.#transfer.fail(error),
      },
      target: {
        onAcked: (offset, db, checkpointed) => this.#onAcked(parts, offset, db, checkpointed),
        onFailure: (error) => this.#transfer.targetFailed(error),
      },
      onUnanswered: (error) => this.#transfer.unanswered(error),
      onAnswered: () => this.#transfer.answered(),
      stream: () => this.#host.stream(),
      asker: this.#asker,
      pace: this.#host.pace,
      cluster: this.#host.cluster,
      signal: this.#watching.signal,
      onSnapshotApplied: () => this.#snapshotApplied(parts),
    });
    this.#parts = parts;
    this.#transfer.parts = parts;
    this.#targetDbs = [...targetFacts.keyspace.keys()];
    await this.#host.turns.take(this, this.#connecting.signal);
    this.#connecting.signal.throwIfAborted();
    await parts.link.start();
    this.#phase = 'snapshot';
    this.#side.begin(this.#transfer.isExact);
    return parts;
  }

  #snapshotSize(bytes: number): void {
    this.#snapshotBytes = bytes;
  }

  // ---- moving data

  async #move(parts: Assembly): Promise<void> {
    for (;;) {
      if (this.#transfer.failure !== undefined) throw this.#transfer.failure;
      if (this.#transfer.targetLost !== undefined)
        await this.#transfer.recover(parts, this.#transfer.targetLost);
      else if (!this.#transfer.stopping) await parts.pump.run();
      else if (await this.#drain(parts)) return;
    }
  }

  #onAcked(parts: Assembly, offset: number, db: number, checkpointed: boolean): void {
    const { acker, spool, pump, link, recopier, target } = parts;
    if (pump.phase === 'stream' && recopier?.ranLate(offset)) {
      target.fail(this.#side.ranLate());
      return;
    }
    acker.ack(offset, db, checkpointed);
    if (checkpointed) this.#side.proved();
    const released = this.#side.releasable(offset);
    spool.release(released);
    recopier?.acked(offset, released, target.isDrained);
    // A key that waits to be copied again is not in the target: who waits at the source (WAIT) has to wait for it too.
    const right = Math.min(offset, pump.rightTo);
    if (pump.phase === 'stream') link.applied(link.streamOffset(right));
  }

  #snapshotApplied(parts: Assembly): void {
    const { acker, spool, target, link } = parts;
    const streamStart = spool.position;
    acker.ack(streamStart, 0, false);
    this.#side.beginStream(streamStart);
    spool.release(streamStart);
    spool.writeBehindBytes = 0;
    target.beginStream();
    link.applied(link.streamOffset(streamStart));
    this.#phase = 'stream';
    this.#host.onSnapshotApplied();
  }

  async #drain(parts: Assembly): Promise<boolean> {
    if (parts.pump.phase === 'snapshot') {
      throw new NaruError('STOPPED_EARLY', 'Stopped while the full copy was under way');
    }
    await parts.pump.run(this.#beginDrain(parts));
    if (this.#late) throw this.#notDrained(parts);
    if (this.#transfer.failure === undefined && this.#transfer.targetLost === undefined)
      await this.#side.settled();
    return this.#transfer.failure === undefined && this.#transfer.targetLost === undefined;
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
    this.#side.abort(this.#notDrained(parts));
    parts.pump.stop();
  }

  #notDrained({ spool, acker }: Assembly): NaruError {
    const left = spool.end - acker.acked.offset;
    return new NaruError(
      'STOPPED_EARLY',
      `${left} bytes that were received could not be applied within --drain-timeout`,
    );
  }

  /** Of the stream the replication offset, of the full copy the RDB's. */
  #ownOffset(spoolOffset: number): number {
    const { pump, link } = this.#parts as Assembly;
    return pump.phase === 'stream' ? link.streamOffset(spoolOffset) : spoolOffset;
  }

  // ---- the end

  async #finish(parts: Assembly): Promise<void> {
    await parts.link.stop();
    await this.#side.finish(
      parts,
      this.#transfer.isExact,
      this.#transfer.targetLost ?? this.#transfer.failure,
    );
  }

  /** After a failure: Naru's own keys are removed from the target where that can be done. */
  async #abandon(): Promise<void> {
    this.#watching.abort();
    if (this.#parts === undefined || this.#phase === 'connecting') return;
    const { acker } = this.#parts;
    await this.#side.cleanUp([0, acker.acked.db, ...this.#targetDbs]);
  }

  async #close(): Promise<void> {
    this.#watching.abort();
    this.#host.turns.give(this);
    clearTimeout(this.#drainTimer);
    this.#asker.close();
    this.#side.abort(new NaruError('STOPPED_EARLY', 'The run is over'));
    await this.#parts?.link.stop();
    await this.#parts?.spool.close();
  }
}

interface Checked {
  source: NodeFacts;
  target: CheckedTarget;
}

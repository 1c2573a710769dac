import { checkpointKey, formatCheckpoint } from '../checkpoint/checkpoint.ts';
import type { TargetOptions } from '../config/sync-options.ts';
import { NaruError } from '../errors/errors.ts';
import type { RespClient } from '../net/client.ts';
import type { Connection } from '../net/connection.ts';
import { nodeEndpoint, type Topology, type TopologyNode } from '../net/topology/topology.ts';
import type { Endpoint } from '../net/url.ts';
import { RedisTarget } from '../target/redis/redis-target.ts';
import type { OnConflict } from '../target/target.ts';
import type { Place } from './acker.ts';
import { type CheckedTarget, checkTarget } from './checked-target.ts';
import { toNaruError } from './error-event.ts';
import { findTarget } from './find-target.ts';
import { History } from './history.ts';
import type { Parts } from './parts.ts';
import type { CheckedNode, Warn } from './precheck.ts';
import { answersLost, wentBack } from './reading.ts';
import { Refusals } from './refusals.ts';
import { TargetReplicas } from './target-replicas.ts';
import { TargetSession } from './target-session.ts';
import type { EngineTarget, MakeTarget, TargetSide } from './target-side.ts';

/** What follows the checkpoints that a target may come back with is kept: a quarter of the spool's memory, and where replicas lag, half of its disk. */
const KEPT_OF_MEMORY = 4;
const KEPT_OF_DISK = 2;

export interface SideOptions {
  options: TargetOptions;
  /** names the run at the target */
  job: string;
  warn: Warn;
  onRetry(error: NaruError, delayMs: number): void;
  /** The target had lost what it had acknowledged, and is given it again. */
  onWentBack(): void;
}

/**
 * One server as target. Its checkpoint stands in the transactions of the writes, so that it tells itself what it has done.
 *
 * Commands that were refused are in a transaction that the target did without them, so its checkpoint is behind them, and they are looked for.
 */
export class OneNodeSide implements TargetSide {
  readonly #side: SideOptions;
  readonly #session: TargetSession;
  readonly #refusals: Refusals;
  readonly #past = new History();
  readonly #replicas: TargetReplicas;
  #client: RespClient | undefined;
  #target!: RedisTarget;
  /** commands that were refused and that nothing was done about yet: spool offset, what was answered */
  #refused: [offset: number, text: string][] = [];
  #ranLate = false;
  #hasReplicas = false;

  constructor(side: SideOptions, topology: Topology) {
    const { options, job, warn, onRetry } = side;
    this.#side = side;
    this.#refusals = new Refusals(warn);
    this.#replicas = new TargetReplicas(() => this.#session.open());
    this.#session = new TargetSession({
      endpoint: options.to,
      where: whereIs(topology, options),
      tls: options.toTls,
      connectTimeoutMs: options.connectTimeout,
      giveUpAfterMs: options.giveUpAfter,
      job,
      checkpointKey: checkpointKey(job),
      onRetry,
    });
  }

  get node(): string {
    return this.#session.node;
  }

  async open(source: CheckedNode | undefined, onConflict: OnConflict | undefined): Promise<CheckedTarget> {
    const client = await this.#session.open();
    this.#client = client;
    try {
      const { options, warn } = this.#side;
      return await checkTarget(this.#session, client, source, { ...options, onConflict }, warn);
    } catch (error) {
      client.connection.destroy();
      throw error;
    }
  }

  make({ acker, checked, listener }: MakeTarget): EngineTarget {
    const { options, job } = this.#side;
    const { dialect, losses } = checked;
    this.#target = new RedisTarget(
      {
        inFlightBytes: options.inFlight,
        onConflict: options.onConflict ?? 'overwrite',
        job,
        bigEntryBytes: options.bigKeySize,
        dialect,
        losses,
        checkpointKey: checkpointKey(job),
        checkpointAt: (offset, db) => formatCheckpoint(acker.checkpointAt({ offset, db })),
      },
      {
        ...listener,
        onAcked: (offset, db, checkpointed) => {
          if (checkpointed) this.#past.add({ offset, db }, this.#target.counters);
          else this.#past.passed({ offset, db });
          listener.onAcked(offset, db, checkpointed);
        },
        onRefused: (offset, text) => this.#refused.push([offset, text]),
      },
    );
    this.#hasReplicas = checked.facts.hasReplicas;
    return this.#target;
  }

  begin(exact: boolean): void {
    this.#target.attach((this.#client as RespClient).connection, exact, 0, 0);
    this.#replicas.begin(this.#hasReplicas, 0);
  }

  settled(): Promise<void> {
    return this.#replicas.settled();
  }

  beginStream(offset: number): void {
    this.#past.beginStream(offset);
  }

  ranLate(): NaruError {
    this.#ranLate = true;
    const text = 'Keys expired in the target before what it was sent had run';
    return new NaruError('LINK_LOST', text, { side: 'target', node: this.node });
  }

  proved(): void {
    this.#session.proved();
  }

  /** A target that comes back with less than it had acknowledged is given it again as far as the spool reaches. */
  releasable(offset: number): number {
    this.#replicas.acked(offset);
    return Math.min(this.#refusals.releasable(offset), this.#keptFrom(offset));
  }

  /** Behind what is acknowledged. */
  #keptFrom(offset: number): number {
    const { spoolMemory, spoolMax } = this.#side.options;
    const kept = offset - Math.min(spoolMemory, spoolMax) / KEPT_OF_MEMORY;
    const least = offset - spoolMax / KEPT_OF_DISK;
    return this.#past.forget(Math.min(kept, this.#replicas.durableTo), least);
  }

  canRecover(error: NaruError, parts: Parts | undefined): boolean {
    return error.retry || (error.code === 'COMMAND_REFUSED' && parts?.recopier !== undefined);
  }

  async recover(parts: Parts, cause: NaruError, exact: boolean): Promise<void> {
    const refused = cause.code === 'COMMAND_REFUSED';
    const own = refused || this.#ranLate;
    this.#ranLate = false;
    await this.#refusals.note(parts, this.#refused);
    this.#refused = [];
    this.#replicas.close();
    const back = await (own ? this.#session.renew() : this.#session.reopen(cause));
    const { connection, checkpoint } = back;
    const place = this.#placeOf(connection, () =>
      parts.acker.restartPlace(checkpoint, exact, (offset) => this.#goBack(parts, offset)),
    );
    // One that has just taken over has none for a while.
    this.#hasReplicas ||= back.hasReplicas;
    // What the target did without our knowing when may have come too late for a key that expired there.
    const unsure = parts.recopier !== undefined && parts.pump.phase === 'stream';
    if (refused || unsure) this.#refusals.look(parts.acker.acked, place.offset);
    this.#goOn(parts, connection, place, exact, own);
  }

  /** Throws TARGET_LOST_DATA, and closes the connection then. */
  #placeOf(connection: Connection, find: () => Place): Place {
    try {
      return find();
    } catch (error) {
      connection.destroy();
      throw error;
    }
  }

  /** What was acknowledged behind this checkpoint is lost: it is given again, and counted again. */
  #goBack({ acker, spool }: Parts, offset: number): Place | undefined {
    const past = this.#past.backTo(offset);
    if (past === undefined || past.offset < spool.released) return undefined;
    const lost = acker.acked.offset - past.offset;
    this.#side.warn('TARGET_WENT_BACK', wentBack(lost));
    this.#target.recount(past.counters);
    this.#refusals.goBack(past);
    this.#side.onWentBack();
    return past;
  }

  #goOn(parts: Parts, connection: Connection, place: Place, exact: boolean, own: boolean): void {
    const { acker, pump, spool, recopier } = parts;
    const unseen = place.offset - acker.acked.offset;
    if (unseen > 0) this.#past.add(place, this.#target.counters);
    if (unseen > 0 && !own) {
      this.#side.warn('ANSWERS_LOST', answersLost(unseen));
      recopier?.doubt(place.offset);
    }
    const from = this.#refusals.from(place);
    acker.ack(place.offset, place.db, unseen > 0);
    recopier?.restart(place.offset, from.offset);
    pump.restart(from.offset, from.db, place.offset);
    this.#target.attach(connection, exact, place.offset, place.db);
    this.#replicas.begin(this.#hasReplicas, place.offset);
    spool.release(Math.min(from.offset, this.#keptFrom(place.offset)));
  }

  /** The target may break even now: then it has to show that it still holds what it acknowledged. */
  async finish(parts: Parts, exact: boolean, lost: NaruError | undefined): Promise<void> {
    this.#replicas.close();
    for (let connection = this.#target.detach(); ; ) {
      try {
        if (connection === undefined) throw lost ?? new Error('No connection to the target');
        await this.#session.finish(connection);
        return;
      } catch (error) {
        const back = await this.#session.reopen(toNaruError(error));
        connection = back.connection;
        // Gone without a restart: the try before has removed it, and only the answer was lost.
        if (back.checkpoint !== undefined || back.restarted) {
          this.#placeOf(back.connection, () => parts.acker.restartPlace(back.checkpoint, exact));
        }
      }
    }
  }

  async cleanUp(dbs: Iterable<number>): Promise<void> {
    this.#replicas.close();
    this.#target?.detach()?.destroy();
    await this.#session.cleanUp(dbs);
  }

  abort(reason: NaruError): void {
    this.#replicas.close();
    this.#client?.connection.destroy(reason);
    this.#session.abort(reason);
  }
}

/** The server to write to: where sentinels name it they are asked each time. */
function whereIs(topology: Topology, options: TargetOptions): (signal: AbortSignal) => Promise<Endpoint> {
  if (topology.kind !== 'sentinel') return () => Promise.resolve(options.to);
  return async (signal) => {
    const found = await findTarget(options, signal);
    return nodeEndpoint(options.to, found.nodes[0] as TopologyNode);
  };
}

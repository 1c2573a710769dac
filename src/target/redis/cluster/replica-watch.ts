import type { RespClient } from '../../../net/client.ts';
import { ServerError } from '../../../net/client.ts';
import { parseInfo } from '../../../net/info.ts';

/** What was done at a node by the time of a question. */
interface Sample {
  /** the node's own replication offset then */
  readonly position: number;
  /** index of the lane's first command that was not answered then */
  readonly index: number;
  /** the source's offset from which on commands have that index or a higher one */
  readonly from: number;
}

export interface WatchedLane {
  readonly answered: number;
  /** the source's offset of the first command that is not answered, or of the last one that is */
  readonly answeredTo: number;
}

const ALONE_MS = 1000;
/** A master that was frozen does not know at once that a replica has taken its place: that it lost them all is the first that shows. */
const ORPHANED_MS = 2000;
const PAUSE_MS = 50;
/** More than any server has: so WAIT never succeeds, but has the replicas say at once how far they are, which they do once a second else. */
const MORE_REPLICAS = 1000;
const WAIT_MS = 5;

/**
 * Up to where all online replicas of a node have what a lane wrote to it. A replica that takes over has at least that: what is behind it may
 * be lost by a failover, though it was answered, since replication is asynchronous.
 *
 * `INFO replication` (Redis server.c, genRedisInfoString) tells the node's offset and those that its replicas acknowledged. Without replicas all
 * that is answered counts.
 */
export class ReplicaWatch {
  readonly #client: RespClient;
  readonly #lane: WatchedLane;
  readonly #onDurable: () => void;
  readonly #nowMs: () => number;
  #samples: Sample[] = [];
  #durable: number;
  #from: number;
  #aloneSince = Number.NEGATIVE_INFINITY;
  /** when it was first seen without replicas after it had some; Infinity: it has some; undefined: it never had */
  #orphanedSince: number | undefined;
  #asking = false;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(
    client: RespClient,
    lane: WatchedLane,
    onDurable: () => void,
    nowMs: () => number = () => performance.now(),
  ) {
    this.#client = client;
    this.#lane = lane;
    this.#onDurable = onDurable;
    this.#nowMs = nowMs;
    this.#durable = lane.answered;
    this.#from = lane.answeredTo;
  }

  /** Index behind the last command that all replicas have. */
  get durable(): number {
    return this.#isAlone ? this.#lane.answered : this.#durable;
  }

  /** The source's offset from which on replicas may not have what was answered. */
  get durableTo(): number {
    return this.#isAlone ? this.#lane.answeredTo : this.#from;
  }

  /** Something was answered. */
  look(): void {
    if (this.#closed || this.#asking || this.#timer !== undefined || this.#lane.answered === this.#durable)
      return;
    this.#asking = true;
    this.#ask().then(
      () => this.#over(),
      // Where it is not lost already: its owner has to see that it is of no use.
      () => this.#client.connection.destroy(),
    );
  }

  get closed(): boolean {
    return this.#closed;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#client.connection.destroy();
  }

  get #isAlone(): boolean {
    return this.#nowMs() - this.#aloneSince < ALONE_MS;
  }

  #over(): void {
    this.#asking = false;
    if (this.#closed) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.look();
      },
      this.#isAlone ? ALONE_MS / 2 : PAUSE_MS,
    );
    this.#onDurable();
  }

  async #ask(): Promise<void> {
    const { answered: index, answeredTo: from } = this.#lane;
    if (this.#samples.length > 0)
      await this.#client.call('WAIT', MORE_REPLICAS, WAIT_MS).catch(unlessRefused);
    const info = parseInfo(String(await this.#client.call('INFO', 'replication')));
    // It acknowledges nothing any more, and where nothing is written to it nobody else would notice.
    if (info.get('role') !== 'master') throw new Error('The node is a replica now');
    const replicas = [...info].flatMap(([name, value]) => onlineOffset(name, value));
    this.#samples.push({ position: Number(info.get('master_repl_offset')), index, from });
    if (this.#isOrphaned(replicas.length)) return;
    this.#aloneSince = replicas.length === 0 ? this.#nowMs() : Number.NEGATIVE_INFINITY;
    const replicated = Math.min(...replicas);
    const waits = this.#samples.findIndex(({ position }) => position > replicated);
    const done = this.#samples.splice(0, waits < 0 ? this.#samples.length : waits).at(-1);
    if (done === undefined) return;
    this.#durable = done.index;
    this.#from = done.from;
  }

  /** It had replicas, and has none since a moment ago. */
  #isOrphaned(replicas: number): boolean {
    if (replicas > 0) this.#orphanedSince = Number.POSITIVE_INFINITY;
    if (this.#orphanedSince === undefined || replicas > 0) return false;
    const nowMs = this.#nowMs();
    this.#orphanedSince = Math.min(this.#orphanedSince, nowMs);
    return nowMs - this.#orphanedSince < ORPHANED_MS;
  }
}

/** `slave0:ip=127.0.0.1,port=6380,state=online,offset=1234,lag=0` */
function onlineOffset(name: string, value: string): number[] {
  const match = /^slave\d+$/.test(name) ? /state=online,offset=(\d+)/.exec(value) : null;
  return match === null ? [] : [Number(match[1])];
}

function unlessRefused(error: unknown): void {
  if (!(error instanceof ServerError)) throw error;
}

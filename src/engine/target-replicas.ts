import { delay } from '../net/backoff.ts';
import type { RespClient } from '../net/client.ts';
import { ReplicaWatch, type WatchedLane } from '../target/redis/cluster/replica-watch.ts';

const AGAIN_MS = 1000;
/** Replicas that hang are not waited for any longer. */
const SETTLED_MS = 10_000;
const LOOK_MS = 20;

/**
 * Up to where the replicas of a target of one server have what it acknowledged, asked on a connection of its own. Places are spool offsets;
 * acknowledgements are numbered beside that, since keys that are copied again can be written at a place that was acknowledged before.
 */
export class TargetReplicas {
  readonly #open: () => Promise<RespClient>;
  /** the acknowledgements so far, and the place of the last one */
  readonly #lane: { -readonly [name in keyof WatchedLane]: WatchedLane[name] } = {
    answered: 0,
    answeredTo: 0,
  };
  #watch: ReplicaWatch | undefined;
  #ending: AbortController | undefined;
  /** the same, as far as they had it when they were last asked */
  #durable = 0;
  #durableTo = 0;

  /** `open` connects to the server that is written to. */
  constructor(open: () => Promise<RespClient>) {
    this.#open = open;
  }

  /** A server is written to that holds what stands before `offset`, and maybe less than it had acknowledged; `has`: it has replicas. */
  begin(has: boolean, offset: number): void {
    this.close();
    this.acked(offset);
    this.#durableTo = Math.min(this.#durableTo, offset);
    if (!has) return;
    const ending = new AbortController();
    this.#ending = ending;
    // It ends with `close`.
    this.#keepWatching(ending.signal).catch(() => {});
  }

  acked(offset: number): void {
    this.#lane.answered++;
    this.#lane.answeredTo = offset;
    this.#watch?.look();
  }

  /** Spool offset before which the replicas have everything; where there are none, or nobody can tell, what is acknowledged. */
  get durableTo(): number {
    if (this.#ending === undefined) return this.#lane.answeredTo;
    this.#note();
    return this.#durableTo;
  }

  /** Resolves when they have everything, after ten seconds, or at the next `close`. */
  async settled(): Promise<void> {
    const signal = this.#ending?.signal;
    const late = performance.now() + SETTLED_MS;
    while (signal?.aborted === false && this.#lacks && performance.now() < late) {
      await delay(LOOK_MS, signal).catch(() => {});
    }
  }

  close(): void {
    this.#note();
    this.#ending?.abort();
    this.#ending = undefined;
    this.#watch?.close();
    this.#watch = undefined;
  }

  get #lacks(): boolean {
    this.#note();
    return this.#durable < this.#lane.answered;
  }

  #note(): void {
    if (this.#watch === undefined) return;
    this.#durable = Math.max(this.#durable, this.#watch.durable);
    this.#durableTo = Math.max(this.#durableTo, this.#watch.durableTo);
  }

  async #keepWatching(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#follow(signal).catch(() => {});
      await delay(AGAIN_MS, signal);
    }
  }

  /** Until the connection is lost. */
  async #follow(signal: AbortSignal): Promise<void> {
    const client = await this.#open();
    if (signal.aborted) {
      client.connection.destroy();
      return;
    }
    // What was acknowledged before is not known to be with the replicas.
    const lane = { ...this.#lane };
    Object.assign(this.#lane, { answered: this.#durable, answeredTo: this.#durableTo });
    const watch = new ReplicaWatch(client, this.#lane, () => {});
    Object.assign(this.#lane, lane);
    this.#watch = watch;
    watch.look();
    await client.connection.closed;
    watch.close();
    if (this.#watch !== watch) return;
    this.#note();
    this.#watch = undefined;
  }
}

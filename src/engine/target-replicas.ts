import { delay } from '../net/backoff.ts';
import type { RespClient } from '../net/client.ts';
import { ReplicaWatch, type WatchedLane } from '../target/redis/cluster/replica-watch.ts';

const AGAIN_MS = 1000;
/** Replicas that hang are not waited for any longer. */
const SETTLED_MS = 10_000;
const LOOK_MS = 20;

/** Up to where the replicas of a target of one server have what it acknowledged, asked on a connection of its own. Counted in spool offsets. */
export class TargetReplicas {
  readonly #open: () => Promise<RespClient>;
  #lane: { -readonly [name in keyof WatchedLane]: WatchedLane[name] } = { answered: 0, answeredTo: 0 };
  #watch: ReplicaWatch | undefined;
  #ending: AbortController | undefined;
  /** up to where they had it when they were last asked */
  #durable = 0;

  /** `open` connects to the server that is written to. */
  constructor(open: () => Promise<RespClient>) {
    this.#open = open;
  }

  /** A server is written to, behind what it has by now; `has`: it has replicas. */
  begin(has: boolean): void {
    this.close();
    if (!has) return;
    const ending = new AbortController();
    this.#ending = ending;
    // It ends with `close`.
    this.#keepWatching(ending.signal).catch(() => {});
  }

  acked(offset: number): void {
    this.#lane.answered = offset;
    this.#lane.answeredTo = offset;
    this.#watch?.look();
  }

  /** Spool offset before which the replicas have everything; where there are none, or nobody can tell, what is acknowledged. */
  get durableTo(): number {
    if (this.#ending === undefined) return this.#lane.answeredTo;
    this.#durable = Math.max(this.#durable, this.#watch?.durableTo ?? 0);
    return this.#durable;
  }

  /** Resolves when they have everything, after ten seconds, or at the next `close`. */
  async settled(): Promise<void> {
    const signal = this.#ending?.signal;
    const late = performance.now() + SETTLED_MS;
    while (signal?.aborted === false && this.durableTo < this.#lane.answeredTo && performance.now() < late) {
      await delay(LOOK_MS, signal).catch(() => {});
    }
  }

  close(): void {
    this.#ending?.abort();
    this.#ending = undefined;
    this.#watch?.close();
    this.#watch = undefined;
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
    const { answered } = this.#lane;
    this.acked(this.#durable);
    const watch = new ReplicaWatch(client, this.#lane, () => {});
    this.#watch = watch;
    this.acked(answered);
    await client.connection.closed;
    this.#durable = Math.max(this.#durable, watch.durableTo);
    watch.close();
    if (this.#watch === watch) this.#watch = undefined;
  }
}

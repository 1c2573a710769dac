/** Keeps the knowledge of a side's servers up to date: told of a redirect or a failure, it asks again. */
import { isNaruError, type NaruError } from '../../errors/errors.ts';
import { mayComeBack } from '../../errors/silence.ts';
import { Backoff, delay } from '../backoff.ts';
import { abortedError } from '../dial-errors.ts';
import { describeEndpoint, type HostPort } from '../url.ts';
import { type DiscoverOptions, discover } from './discover.ts';
import { nodeAt, ownerOf, sameRoutes, type Topology } from './topology.ts';

export interface WatcherOptions extends DiscoverOptions {
  /** Called when what was found leads to other connections or other routes than before. */
  readonly onChanged: (topology: Topology) => void;
  /** A round of asking failed; it goes on, but for a code to stop. For the status line. */
  readonly onProblem?: (error: NaruError) => void;
  /** Ms from one round's end to the next one's begin, at least: a slot move gives as many redirects as there are commands under way. */
  readonly pauseMs?: number;
  /** Takes the place of `discover`. */
  readonly find?: (options: DiscoverOptions) => Promise<Topology>;
}

const PAUSE_MS = 500;

/**
 * Whoever meets a redirect or a lost connection says so, as often as it happens, and waits for nothing; however many say so during a round, one
 * more round follows it, since the one under way may have asked before. A round that fails for a reason that may pass is tried again without
 * end. `signal` ends it all.
 */
export class TopologyWatcher {
  readonly #options: WatcherOptions;
  readonly #find: (options: DiscoverOptions) => Promise<Topology>;
  #current: Topology;
  #running: Promise<Topology> | undefined;
  #next: Promise<Topology> | undefined;
  #endedAt = Number.NEGATIVE_INFINITY;

  constructor(topology: Topology, options: WatcherOptions) {
    this.#current = topology;
    this.#options = options;
    this.#find = options.find ?? discover;
  }

  /** As it was last found; frozen data, replaced as a whole. */
  get current(): Topology {
    return this.#current;
  }

  /** A node answered MOVED. Nothing is asked where the present topology says the same. */
  moved(slot: number, place: HostPort): void {
    const owner = ownerOf(this.#current, slot);
    if (owner !== undefined && nodeAt(this.#current, place) === owner) return;
    this.suspect();
  }

  /** A connection was lost, or a node refuses what its role should allow (READONLY, CLUSTERDOWN): something may have changed. */
  suspect(): void {
    // Problems are told through onProblem.
    this.refresh().catch(() => {});
  }

  /**
   * What a round finds that begins after this call. Rejects with NaruError where asking is of no use any more: the signal, or a code to
   * stop.
   */
  refresh(): Promise<Topology> {
    if (this.#next === undefined && this.#running === undefined) return this.#start();
    this.#next ??= (this.#running as Promise<Topology>).then(
      () => this.#start(),
      () => this.#start(),
    );
    return this.#next;
  }

  #start(): Promise<Topology> {
    this.#next = undefined;
    const running = this.#untilFound().finally(() => {
      this.#endedAt = performance.now();
      this.#running = undefined;
    });
    this.#running = running;
    return running;
  }

  async #untilFound(): Promise<Topology> {
    const backoff = new Backoff();
    await this.#wait(this.#endedAt + (this.#options.pauseMs ?? PAUSE_MS) - performance.now());
    for (;;) {
      try {
        return this.#take(await this.#find(this.#question()));
      } catch (error) {
        if (!isNaruError(error) || this.#options.signal?.aborted) throw error;
        this.#options.onProblem?.(error);
        if (!mayComeBack(error)) throw error;
        await this.#wait(backoff.next());
      }
    }
  }

  /** Nodes that were reached before are asked first, masters before replicas as they stand. */
  #question(): DiscoverOptions {
    const { kind, nodes } = this.#current;
    if (kind !== 'cluster') return this.#options;
    const known = nodes.filter(({ reached }) => reached).map(({ host, port }) => ({ host, port }));
    return { ...this.#options, known };
  }

  #take(found: Topology): Topology {
    const changed = !sameRoutes(this.#current, found);
    this.#current = found;
    if (changed) this.#options.onChanged(found);
    return found;
  }

  async #wait(ms: number): Promise<void> {
    const { signal, side, endpoint } = this.#options;
    const aborted = () => abortedError(signal?.reason, { side, node: describeEndpoint(endpoint) });
    if (signal?.aborted) throw aborted();
    if (ms <= 0) return;
    await delay(ms, signal).catch(() => {
      throw aborted();
    });
  }
}

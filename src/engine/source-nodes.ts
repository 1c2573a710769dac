import type { SourceOptions } from '../config/sync-options.ts';
import { NaruError } from '../errors/errors.ts';
import { delay } from '../net/backoff.ts';
import { type DiscoverOptions, discover } from '../net/topology/discover.ts';
import { nodeEndpoint, type Topology, type TopologyNode } from '../net/topology/topology.ts';
import { TopologyWatcher } from '../net/topology/watcher.ts';
import { describeEndpoint, describeHostPort, type Endpoint } from '../net/url.ts';
import { chooseReplica } from './replica-choice.ts';
import { Shard } from './shard.ts';

/** One link's place at the source. */
export interface SourcePlace {
  /** names the link */
  readonly node: string;
  /** undefined: the source is no cluster */
  readonly shard: Shard | undefined;
}

export interface SourceNodesListener {
  /** A round of asking found something else than before. */
  onChanged(): void;
  /** Another server has taken over: what is connected has to go there. */
  onMoved(place: SourcePlace): void;
  onWarning(code: string, message: string): void;
}

/** An attempt to connect waits no longer than this to be told where. */
const WHERE_MS = 10_000;

/**
 * The servers of a source, and which of them a link has to read from now. A single server is where its address says; of a cluster or a group
 * with sentinels the others are asked each time that a link has to connect anew.
 */
export class SourceNodes {
  readonly #options: SourceOptions;
  readonly #listener: SourceNodesListener;
  readonly #signal: AbortSignal;
  readonly #watcher: TopologyWatcher;
  readonly #places: SourcePlace[] = [];
  /** links that have connected once: before that what was found at the start holds */
  readonly #asked = new Set<string>();
  readonly #warned = new Set<string>();
  #problem: NaruError | undefined;

  private constructor(
    topology: Topology,
    options: SourceOptions,
    listener: SourceNodesListener,
    signal: AbortSignal,
  ) {
    this.#options = options;
    this.#listener = listener;
    this.#signal = signal;
    this.#watcher = new TopologyWatcher(topology, {
      ...questionOf(options, signal),
      onChanged: () => this.#changed(),
      onProblem: (error) => {
        this.#problem = error;
      },
    });
    for (const { code, message } of topology.warnings) this.#warn(code, message);
  }

  /** Finds out what the source is. Rejects with NaruError. */
  static async find(
    options: SourceOptions,
    listener: SourceNodesListener,
    signal: AbortSignal,
  ): Promise<SourceNodes> {
    return new SourceNodes(await discover(questionOf(options, signal)), options, listener, signal);
  }

  get isCluster(): boolean {
    return this.#watcher.current.kind === 'cluster';
  }

  get topology(): Topology {
    return this.#watcher.current;
  }

  get places(): readonly SourcePlace[] {
    return this.#places;
  }

  /** A place for each master that owns slots and has none yet. */
  newPlaces(): SourcePlace[] {
    const before = this.#places.length;
    if (this.isCluster) {
      const taken = this.#masterIds();
      for (const master of this.topology.nodes) {
        if (master.role !== 'master' || master.slots.length === 0 || taken.has(master.id)) continue;
        this.#places.push({ node: this.#nameFor(master), shard: new Shard(master, this.topology) });
      }
    } else if (before === 0) {
      this.#places.push({ node: describeEndpoint(this.#options.from), shard: undefined });
    }
    return this.#places.slice(before);
  }

  /** A link keeps its name when another server takes over, and the first one may come back with slots of its own. */
  #nameFor({ announced }: TopologyNode): string {
    const name = describeHostPort(announced);
    const isTaken = (text: string): boolean => this.#places.some(({ node }) => node === text);
    for (let n = 2, other = name; ; n++) {
      if (!isTaken(other)) return other;
      other = `${name}#${n}`;
    }
  }

  /** Its link has ended. */
  drop(place: SourcePlace): void {
    const index = this.#places.indexOf(place);
    if (index !== -1) this.#places.splice(index, 1);
    this.#asked.delete(place.node);
  }

  /** Asks anew. Rejects with NaruError where asking is of no use any more. */
  async refresh(): Promise<Topology> {
    return this.#watcher.refresh();
  }

  suspect(): void {
    this.#watcher.suspect();
  }

  /** Where the stream of a place is to be had. */
  async stream(place: SourcePlace): Promise<Endpoint> {
    const endpoint = await this.questions(place);
    if (!this.#options.preferReplica) return endpoint;
    const chosen = await chooseReplica(this.topology, this.#masterOf(place), {
      ...questionOf(this.#options, this.#signal),
      endpoint: this.#options.from,
    });
    if (chosen === undefined) {
      const text = `No replica of ${place.node} can be read from (its link is down, or it is behind): the master is.`;
      this.#warn('NO_REPLICA', text);
      return endpoint;
    }
    return chosen;
  }

  /** The master of a place. */
  async questions(place: SourcePlace): Promise<Endpoint> {
    const { from } = this.#options;
    if (this.topology.kind === 'standalone' || this.topology.kind === 'proxy') return from;
    if (this.#asked.has(place.node)) await this.#freshly(place);
    this.#asked.add(place.node);
    const master = this.#masterOf(place);
    if (place.shard?.lost || master === undefined) {
      throw new NaruError('CLUSTER_DOWN', `Nobody has taken over from ${place.node}`, {
        side: 'source',
        node: place.node,
      });
    }
    return nodeEndpoint(from, master);
  }

  #masterOf({ shard }: SourcePlace): TopologyNode | undefined {
    const { nodes } = this.topology;
    return shard === undefined ? nodes[0] : nodes.find(({ id }) => id === shard.masterId);
  }

  async #freshly({ node }: SourcePlace): Promise<void> {
    const waiting = new AbortController();
    const late = delay(WHERE_MS, AbortSignal.any([waiting.signal, this.#signal])).then(() => {
      const why = this.#problem?.message ?? 'its servers do not say who is the master';
      throw new NaruError('LINK_LOST', `Where to go on is not known yet: ${why}`, { side: 'source', node });
    });
    try {
      await Promise.race([this.refresh(), late]);
    } finally {
      waiting.abort();
      late.catch(() => {});
    }
  }

  #changed(): void {
    if (this.isCluster) {
      for (const place of this.#places) {
        const others = this.#masterIds(place);
        if (place.shard?.follow(this.topology, others)) this.#listener.onMoved(place);
      }
    } else {
      for (const place of this.#places) this.#listener.onMoved(place);
    }
    this.#listener.onChanged();
  }

  #masterIds(without?: SourcePlace): Set<string> {
    const ids = new Set<string>();
    for (const place of this.#places) {
      if (place !== without && place.shard !== undefined && !place.shard.lost) ids.add(place.shard.masterId);
    }
    return ids;
  }

  #warn(code: string, message: string): void {
    if (this.#warned.has(message)) return;
    this.#warned.add(message);
    this.#listener.onWarning(code, message);
  }
}

export function questionOf(options: SourceOptions, signal: AbortSignal): DiscoverOptions {
  return {
    endpoint: options.from,
    tls: options.fromTls,
    connectTimeoutMs: options.connectTimeout,
    side: 'source',
    addressMap: options.fromAddressMap,
    override: options.fromTopology,
    signal,
  };
}

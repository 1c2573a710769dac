import type { ResolvedDumpOptions } from '../../config/file-options.ts';
import { NaruError } from '../../errors/errors.ts';
import { delay } from '../../net/backoff.ts';
import type { Topology } from '../../net/topology/topology.ts';
import type { Endpoint } from '../../net/url.ts';
import type { Warn } from '../precheck.ts';
import { askOffset } from '../replica-choice.ts';
import { questionOf, SourceNodes, type SourcePlace } from '../source-nodes.ts';

/** While slots are on their way between the source's nodes, they are looked at so often. */
const MOVING_MS = 500;
/** A replica that is behind is asked so often. */
const BEHIND_MS = 100;

/**
 * The servers that a dump asks for their full copies. Each copy is as of a moment of its own, so that a key whose slot is moved meanwhile could be
 * in two of them or in none: a dump begins with all slots at rest, and holds only if they are where they were at its end.
 */
export class DumpSource {
  readonly #options: ResolvedDumpOptions;
  readonly #nodes: SourceNodes;
  readonly #signal: AbortSignal;
  readonly #owners: ReadonlyMap<SourcePlace, ReadonlySet<number>>;
  readonly #begun: Topology;
  readonly places: readonly SourcePlace[];

  private constructor(
    options: ResolvedDumpOptions,
    nodes: SourceNodes,
    begun: Topology,
    signal: AbortSignal,
  ) {
    this.#options = options;
    this.#nodes = nodes;
    this.#begun = begun;
    this.#signal = signal;
    this.places = nodes.newPlaces();
    this.#owners = new Map(this.places.map((place) => [place, slotsOf(place, begun)]));
  }

  /** Rejects with NaruError. */
  static async find(options: ResolvedDumpOptions, warn: Warn, signal: AbortSignal): Promise<DumpSource> {
    const { fromTopology } = options;
    if (fromTopology?.endsWith('proxy')) {
      const text = `dump can not copy from a proxy (--from-topology ${fromTopology}): none passes PSYNC on`;
      throw new NaruError('CONFIG_INVALID', text, { side: 'config' });
    }
    const listener = { onChanged: () => {}, onMoved: () => {}, onWarning: warn };
    const nodes = await SourceNodes.find(options, listener, signal);
    return new DumpSource(options, nodes, await atRest(nodes, warn, signal), signal);
  }

  get isCluster(): boolean {
    return this.#nodes.isCluster;
  }

  /** undefined: it has all slots */
  owns(place: SourcePlace): ((slot: number) => boolean) | undefined {
    const slots = this.#owners.get(place);
    return this.isCluster && slots !== undefined ? (slot) => slots.has(slot) : undefined;
  }

  /** Where to ask for its copy. */
  async endpoint(place: SourcePlace): Promise<Endpoint> {
    const endpoint = await this.#nodes.stream(place);
    if (this.isCluster && this.#options.preferReplica) await this.#catchesUp(endpoint, place);
    return endpoint;
  }

  /** A replica may be behind the moment at which all slots were at rest. One that can't be asked will say so when it is asked for its copy. */
  async #catchesUp(replica: Endpoint, place: SourcePlace): Promise<void> {
    const asking = questionOf(this.#options, this.#signal);
    const newest = (await askOffset(await this.#nodes.questions(place), asking)) ?? 0;
    for (;;) {
      const offset = (await askOffset(replica, asking)) ?? newest;
      if (offset >= newest) return;
      await delay(BEHIND_MS, this.#signal);
    }
  }

  /** All copies have come. Rejects with SLOTS_MOVED where they may not belong together. */
  async check(): Promise<void> {
    if (!this.isCluster) return;
    const now = await this.#nodes.refresh();
    this.#signal.throwIfAborted();
    const { epoch, owners } = this.#begun;
    const same = owners.every((owner, slot) => idOf(this.#begun, owner) === idOf(now, now.owners[slot]));
    if (same && now.epoch === epoch && now.moves.length === 0) return;
    const text =
      'Slots moved between the nodes of the source, or another node took over, while they were dumped: keys may be in two copies, or in none';
    throw new NaruError('SLOTS_MOVED', text, { side: 'source' });
  }
}

async function atRest(nodes: SourceNodes, warn: Warn, signal: AbortSignal): Promise<Topology> {
  let found = nodes.topology;
  while (found.moves.length > 0) {
    warn('SLOTS_MOVING', 'Slots move between the nodes of the source: the end of that is waited for.');
    await delay(MOVING_MS, signal);
    found = await nodes.refresh();
  }
  return found;
}

function slotsOf({ shard }: SourcePlace, topology: Topology): Set<number> {
  const slots = new Set<number>();
  topology.owners.forEach((owner, slot) => {
    if (idOf(topology, owner) === shard?.masterId) slots.add(slot);
  });
  return slots;
}

function idOf({ nodes }: Topology, index: number | undefined): string | undefined {
  return nodes[index ?? -1]?.id;
}

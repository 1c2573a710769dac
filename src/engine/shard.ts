import { ownerOf, type Topology, type TopologyNode } from '../net/topology/topology.ts';

/** One master of a cluster and whoever takes over from it: what one link follows. */
export class Shard {
  #masterId: string;
  #slots: TopologyNode['slots'];
  #lost = false;

  constructor(master: TopologyNode) {
    this.#masterId = master.id;
    this.#slots = master.slots;
  }

  /** the present master's node id */
  get masterId(): string {
    return this.#masterId;
  }

  /** Nobody has taken over: its slots are other shards', and so is the server perhaps. */
  get lost(): boolean {
    return this.#lost;
  }

  /**
   * Looks who the master is now. `others` are the ids of other shards' masters: a master that loses its last slot becomes a replica of the one that
   * took it (redis/src/cluster.c, clusterUpdateSlotsConfigWith), and that is no failover. True: it is another one than before.
   */
  follow(topology: Topology, others: ReadonlySet<string>): boolean {
    const known = topology.nodes.find(({ id }) => id === this.#masterId);
    const heir = known?.role === 'master' && !known.failed ? known : this.#heir(topology, known);
    this.#lost = heir === undefined || others.has(heir.id);
    if (heir === undefined || this.#lost) return false;
    const changed = heir.id !== this.#masterId;
    this.#masterId = heir.id;
    if (heir.slots.length > 0) this.#slots = heir.slots;
    return changed;
  }

  #heir({ nodes, ...rest }: Topology, known: TopologyNode | undefined): TopologyNode | undefined {
    if (known?.role === 'replica') return nodes.find(({ id }) => id === known.masterId);
    for (const { first } of this.#slots) {
      const owner = ownerOf({ nodes, ...rest }, first);
      if (owner !== undefined) return owner;
    }
    return undefined;
  }
}

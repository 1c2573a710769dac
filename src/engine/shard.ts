import { ownerOf, type Topology, type TopologyNode } from '../net/topology/topology.ts';

/** One master of a cluster and whoever takes over from it: what one link follows. */
export class Shard {
  #masterId: string;
  #slots: TopologyNode['slots'];
  #replicas: ReadonlySet<string>;
  #lost = false;

  constructor(master: TopologyNode, topology: Topology) {
    this.#masterId = master.id;
    this.#slots = master.slots;
    this.#replicas = replicasOf(master.id, topology);
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
    const heir = this.#isMaster(known, topology) ? known : this.#heir(topology, known);
    this.#lost = heir === undefined || others.has(heir.id);
    if (heir === undefined || this.#lost) return false;
    const changed = heir.id !== this.#masterId;
    this.#masterId = heir.id;
    if (heir.slots.length > 0) this.#slots = heir.slots;
    this.#replicas = replicasOf(heir.id, topology);
    return changed;
  }

  /** For a moment of a failover the old master has not heard of the new one, and seems to be a master that has lost its slots. */
  #isMaster(known: TopologyNode | undefined, topology: Topology): boolean {
    if (known?.role !== 'master' || known.failed) return false;
    return known.slots.length > 0 || !this.#replicas.has(this.#owner(topology)?.id ?? '');
  }

  #heir(topology: Topology, known: TopologyNode | undefined): TopologyNode | undefined {
    if (known?.role === 'replica') return topology.nodes.find(({ id }) => id === known.masterId);
    return this.#owner(topology);
  }

  /** of the slots that it had */
  #owner(topology: Topology): TopologyNode | undefined {
    for (const { first } of this.#slots) {
      const owner = ownerOf(topology, first);
      if (owner !== undefined) return owner;
    }
    return undefined;
  }
}

function replicasOf(master: string, { nodes }: Topology): ReadonlySet<string> {
  return new Set(nodes.filter(({ masterId }) => masterId === master).map(({ id }) => id));
}

import type { Topology } from '../../net/topology/topology.ts';
import type { SourcePlace } from '../source-nodes.ts';

/** Which slots the nodes of a source had when they were last begun to be read. */
export class SlotGains {
  readonly #had = new Map<SourcePlace, ReadonlySet<number>>();

  /** A node is about to be read. */
  begin(place: SourcePlace, topology: Topology): void {
    this.#had.set(place, slotsOf(place, topology));
  }

  /** How many slots a node has that it had not then; it counts as begun anew. A failover moves none. */
  gained(place: SourcePlace, topology: Topology): number {
    const had = this.#had.get(place);
    this.begin(place, topology);
    return [...slotsOf(place, topology)].filter((slot) => !had?.has(slot)).length;
  }
}

function slotsOf({ shard }: SourcePlace, { owners, nodes }: Topology): Set<number> {
  const slots = new Set<number>();
  owners.forEach((owner, slot) => {
    if (nodes[owner]?.id === shard?.masterId) slots.add(slot);
  });
  return slots;
}

/** What an address stands for: which servers there are, and which of them holds which slots. Plain data; nothing here asks anybody. */
import { describeHostPort, type Endpoint, type HostPort } from '../url.ts';
import { SLOTS } from './slot.ts';

/**
 * `standalone`: the one server at the address. `sentinel`: the master that sentinels name. `cluster`: the nodes of a cluster.
 * `proxy`: something that passes commands on to servers that can not be asked about.
 */
export type TopologyKind = 'standalone' | 'sentinel' | 'cluster' | 'proxy';

/** A cloud's proxy, by which the shards behind it can be asked one by one: Alibaba Cloud's (Tair) and Tencent Cloud's. */
export type CloudProxy = 'aliyun-proxy' | 'tencent-proxy';

/** What an operator may say that an address stands for. */
export type TopologyName = TopologyKind | CloudProxy;

/** Slots `first` to `last`, both included. */
export interface SlotRange {
  first: number;
  last: number;
}

export interface TopologyNode extends HostPort {
  /** the cluster's node id (40 hex digits); elsewhere `host:port` as announced. */
  id: string;
  /** Where to dial: `announced` by way of the address map. A node that gives no host has that of the node that was asked. */
  host: string;
  port: number;
  /** Instead of `host` and `port`, where the address is a unix socket. */
  path?: string;
  /** As the servers name it, in MOVED too. */
  announced: HostPort;
  role: 'master' | 'replica';
  /** of a replica: its master's `id`, where it is known */
  masterId?: string;
  /** of a cluster's master: the slots it owns, ascending */
  slots: readonly SlotRange[];
  /** of a replica: the link to its master is up; of a master: it answered */
  linkUp: boolean;
  /** a cluster's nodes or the sentinels agree that it is down */
  failed: boolean;
  /** It was asked and answered. Replicas of a standalone server are not asked. */
  reached: boolean;
  /** of the server; a Valkey's own version. Absent where it was not asked. */
  version?: string;
  flavour?: 'redis' | 'valkey';
}

/** A slot that is being moved: some keys are at the owner's still, some at the importer's already. Either side may be the only one to know. */
export interface SlotMove {
  slot: number;
  /** the node that owns it, and answers ASK for keys that have gone */
  ownerId: string;
  /** the node that will own it, and takes commands after ASKING */
  importerId: string;
}

export interface TopologyWarning {
  code: string;
  message: string;
}

export interface Topology {
  kind: TopologyKind;
  /** The masters first, in the order of their slots. Of a standalone server or a sentinel group the one to talk to is the first. */
  nodes: readonly TopologyNode[];
  /** slot -> index in `nodes` of the node that owns it, -1 where nobody does. Without a cluster all are 0. */
  owners: Int16Array;
  /** ascending by slot */
  moves: readonly SlotMove[];
  /** The highest config epoch, of the cluster or of the sentinels; 0 elsewhere. */
  epoch: number;
  /** of a proxy, where it is known whose it is */
  proxy?: CloudProxy;
  /** How many databases a server has, where it says so; in a cluster 1, but for Valkey 9 with `cluster-databases`. */
  databases?: number;
  /** What hinders nothing but should be known. */
  warnings: readonly TopologyWarning[];
}

/** The endpoint of one node: its address, with user, password and TLS of the address that led to it. */
export function nodeEndpoint(endpoint: Endpoint, node: HostPort & { path?: string }): Endpoint {
  const { db, tls, username, password } = endpoint;
  return {
    ...(node.path === undefined ? { host: node.host, port: node.port } : { path: node.path }),
    db,
    tls,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
  };
}

/** The node that MOVED or ASK names; undefined where this topology does not know it. */
export function nodeAt(topology: Topology, { host, port }: HostPort): TopologyNode | undefined {
  const name = host.toLowerCase();
  const found = topology.nodes.find(
    ({ announced }) => announced.port === port && announced.host.toLowerCase() === name,
  );
  return found ?? topology.nodes.find((node) => node.port === port && node.host.toLowerCase() === name);
}

/** The slot's owner; undefined where nobody owns it. */
export function ownerOf(topology: Topology, slot: number): TopologyNode | undefined {
  const index = topology.owners[slot];
  return index === undefined || index < 0 ? undefined : topology.nodes[index];
}

/** `0-99, 200, 300-16383`, shortened behind the first few. */
export function describeSlots(slots: readonly SlotRange[]): string {
  const shown = slots
    .slice(0, RANGES_SHOWN)
    .map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`));
  const more = slots.length - shown.length;
  return more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ');
}

const RANGES_SHOWN = 8;

/** The ranges of slots that the test holds for. */
export function rangesWhere(holds: (slot: number) => boolean): SlotRange[] {
  const ranges: SlotRange[] = [];
  for (let slot = 0; slot < SLOTS; slot++) {
    if (!holds(slot)) continue;
    const range = ranges.at(-1);
    if (range !== undefined && range.last === slot - 1) range.last = slot;
    else ranges.push({ first: slot, last: slot });
  }
  return ranges;
}

/** All slots belong to the first node. */
export function oneOwner(): Int16Array {
  return new Int16Array(SLOTS);
}

/** Whether both lead to the same connections and the same routes; what was only told on the way (versions, warnings) does not count. */
export function sameRoutes(a: Topology, b: Topology): boolean {
  return a.kind === b.kind && a.epoch === b.epoch && routesOf(a) === routesOf(b);
}

function routesOf({ nodes, moves }: Topology): string {
  const lines = nodes.map(
    (node) =>
      `${node.id} ${describeHostPort(node)} ${describeHostPort(node.announced)} ${node.role} ${node.masterId} ${node.linkUp} ${node.failed} ${node.reached} ${JSON.stringify(node.slots)}`,
  );
  return [...lines.sort(), JSON.stringify(moves)].join('\n');
}

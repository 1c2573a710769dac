/** A cluster as one of its nodes sees it: the replies to CLUSTER NODES and CLUSTER SLOTS, read into one. */
import type { Reply } from '../../protocol/resp/reply.ts';
import type { HostPort } from '../url.ts';
import type { SlotMove, SlotRange } from './topology.ts';

export interface SeenNode {
  id: string;
  /** as the node that was asked would name it to a client */
  announced: HostPort;
  master: boolean;
  /** of a replica */
  masterId?: string;
  /** The majority of masters took it to be down. */
  failed: boolean;
  /** The one that was asked has a connection to it on the cluster's bus. */
  connected: boolean;
  /** of a replica its master's */
  epoch: number;
  slots: readonly SlotRange[];
}

export interface ClusterView {
  /** the node that was asked */
  selfId: string;
  nodes: ReadonlyMap<string, SeenNode>;
  /** what that node itself moves: nodes show only their own part of it */
  moves: readonly SlotMove[];
}

/**
 * `nodesText` is the reply to CLUSTER NODES, `slots` the one to CLUSTER SLOTS, `asked` where the node was reached. Nodes that are still being
 * introduced (`handshake`) or have no address (`noaddr`) are left out. Undefined where it can not be read.
 */
export function readClusterView(nodesText: string, slots: Reply, asked: HostPort): ClusterView | undefined {
  const lines = nodesText.split('\n').filter((line) => line.trim() !== '');
  const read = lines.map(readNodeLine);
  if (read.some((line) => line === undefined)) return undefined;
  const known = (read as NodeLine[]).filter(({ flags }) => !flags.has('handshake') && !flags.has('noaddr'));
  const self = known.find(({ flags }) => flags.has('myself'));
  if (self === undefined) return undefined;
  const endpoints = readEndpoints(slots, asked);
  const byName = prefersNames(known, endpoints);
  const nodes = new Map<string, SeenNode>();
  for (const line of known) {
    const host = byName && line.hostname !== '' ? line.hostname : line.ip;
    const plain = { host: host === '' ? asked.host : host, port: line.port };
    nodes.set(line.id, seenNode(line, endpoints.get(line.id) ?? plain));
  }
  return { selfId: self.id, nodes, moves: self.moves };
}

function seenNode(line: NodeLine, announced: HostPort): SeenNode {
  const { id, masterId, epoch, slots, flags } = line;
  return {
    id,
    announced,
    master: flags.has('master'),
    ...(masterId === '-' ? {} : { masterId }),
    failed: flags.has('fail'),
    connected: flags.has('myself') || line.connected,
    epoch,
    slots,
  };
}

interface NodeLine {
  id: string;
  ip: string;
  port: number;
  hostname: string;
  flags: ReadonlySet<string>;
  masterId: string;
  epoch: number;
  connected: boolean;
  slots: SlotRange[];
  moves: SlotMove[];
}

/**
 *     line  = id place flags master ping pong epoch link { part }                 redis/src/cluster.c, clusterGenNodeDescription
 *     place = ip ":" port [ "@" busPort ] { "," hostname-or-name=value }          before 4.0 without bus port, before 7.0 without names
 *     flags = flag { "," flag }        master = id | "-"        link = "connected" | "disconnected"
 *     part  = slot | first "-" last | "[" slot "->-" id "]" | "[" slot "-<-" id "]"
 *
 * IPv6 stands without brackets.
 */
function readNodeLine(text: string): NodeLine | undefined {
  const [id = '', place = '', flags = '', masterId = '-', , , epoch = '', link, ...parts] = text
    .trim()
    .split(' ');
  const [address = '', ...names] = place.split(',');
  const match = /^(.*):(\d+)(?:@\d+)?$/.exec(address);
  if (id === '' || match === null || !/^\d+$/.test(epoch)) return undefined;
  const line: NodeLine = {
    id,
    ip: match[1] as string,
    port: Number(match[2]),
    hostname: names.find((name) => !name.includes('=')) ?? '',
    flags: new Set(flags.split(',')),
    masterId,
    epoch: Number(epoch),
    connected: link === 'connected',
    slots: [],
    moves: [],
  };
  return parts.every((part) => readPart(part, line)) ? line : undefined;
}

/** Gives false for what is not a part of the grammar. */
function readPart(part: string, line: NodeLine): boolean {
  const range = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part);
  if (range !== null) {
    const first = Number(range[1]);
    line.slots.push({ first, last: Number(range[2] ?? first) });
    return true;
  }
  const move = /^\[(\d{1,5})-([<>])-([^\]]+)\]$/.exec(part);
  if (move === null) return false;
  const other = move[3] as string;
  const leaves = move[2] === '>';
  line.moves.push({
    slot: Number(move[1]),
    ownerId: leaves ? line.id : other,
    importerId: leaves ? other : line.id,
  });
  return true;
}

/**
 *     slots = { [ first, last, { node } ] }        node = [ host, port, [ id, [ name, value, ... ] ] ]
 *
 * The host is what the server wants clients to use (cluster-preferred-endpoint-type); null or empty is that of the node that was asked,
 * `?` a name that was not set. Before Redis 4 there is no id, and CLUSTER NODES has to do.
 */
function readEndpoints(slots: Reply, asked: HostPort): Map<string, HostPort> {
  const endpoints = new Map<string, HostPort>();
  for (const range of Array.isArray(slots) ? slots : []) {
    if (!Array.isArray(range)) continue;
    for (const node of range.slice(2)) {
      if (!Array.isArray(node) || node.length < 3) continue;
      const host = String(node[0] ?? '');
      if (host === '?') continue;
      endpoints.set(String(node[2]), { host: host === '' ? asked.host : host, port: Number(node[1]) });
    }
  }
  return endpoints;
}

/** Nodes without slots do not stand in CLUSTER SLOTS: what holds for the others holds for them. */
function prefersNames(lines: readonly NodeLine[], endpoints: ReadonlyMap<string, HostPort>): boolean {
  return lines.some(
    ({ id, hostname, ip }) => hostname !== '' && hostname !== ip && endpoints.get(id)?.host === hostname,
  );
}

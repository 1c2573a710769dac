/** The topology of one server, or of one address that nothing more can be known of. */
import { describeEndpoint, describeHostPort, type HostPort } from '../url.ts';
import { AddressMap } from './address-map.ts';
import type { AskOptions, ServerFacts } from './node-questions.ts';
import { oneOwner, type Topology, type TopologyKind, type TopologyNode } from './topology.ts';

interface Answered {
  facts: ServerFacts | undefined;
  databases: number | undefined;
}

/** The server that was asked comes first, a replica too; behind it its master or its replicas, which are not asked. */
export function standalone({ facts, databases }: Answered, options: AskOptions): Topology {
  const topology = oneNode('standalone', options);
  const [only] = topology.nodes as [TopologyNode];
  if (facts === undefined) return topology;
  const { role, linkUp, version, flavour } = facts;
  const node: TopologyNode = { ...only, role, linkUp, reached: true, version, flavour };
  const others = relatives(facts, options);
  if (role === 'replica') node.masterId = (others[0] as TopologyNode).id;
  else for (const other of others) other.masterId = node.id;
  return { ...topology, nodes: [node, ...others], ...(databases !== undefined && { databases }) };
}

/** One node that has not been asked, at the address that was given. */
export function oneNode(kind: TopologyKind, { endpoint }: AskOptions): Topology {
  const { host = 'localhost', port = 6379, path } = endpoint;
  const node: TopologyNode = {
    id: describeEndpoint(endpoint),
    host,
    port,
    ...(path !== undefined && { path }),
    announced: { host, port },
    role: 'master',
    slots: [],
    linkUp: true,
    failed: false,
    reached: false,
  };
  return { kind, nodes: [node], owners: oneOwner(), moves: [], epoch: 0, warnings: [] };
}

function relatives(facts: ServerFacts, options: AskOptions): TopologyNode[] {
  const { masterHost = '', masterPort = 0, linkUp } = facts;
  if (facts.role === 'replica') {
    return [relative({ host: masterHost, port: masterPort }, 'master', linkUp, options)];
  }
  return replicasOf(facts).map(([place, online]) => relative(place, 'replica', online, options));
}

/** Lines such as `slave0:ip=10.0.0.5,port=6380,state=online,offset=14,lag=0` (redis/src/server.c, genRedisInfoString). */
function replicasOf({ info }: ServerFacts): [HostPort, boolean][] {
  const found: [HostPort, boolean][] = [];
  for (const [name, value] of info) {
    const match = /^ip=([^,]+),port=(\d+),state=([^,]+)/.exec(value);
    if (!/^slave\d+$/.test(name) || match === null) continue;
    found.push([{ host: match[1] as string, port: Number(match[2]) }, match[3] === 'online']);
  }
  return found;
}

function relative(
  announced: HostPort,
  role: TopologyNode['role'],
  linkUp: boolean,
  { addressMap = AddressMap.NONE }: AskOptions,
): TopologyNode {
  const at = addressMap.translate(announced.host, announced.port);
  const id = describeHostPort(announced);
  return { id, ...at, announced, role, slots: [], linkUp, failed: false, reached: false };
}

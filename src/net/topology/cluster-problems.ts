/** What a cluster must be before anything is routed by it: each slot with an owner that all nodes agree on and that can be reached from here. */
import { NaruError } from '../../errors/errors.ts';
import { describeHostPort } from '../url.ts';
import type { Crawl } from './cluster-crawl.ts';
import type { Merged, MergeOptions } from './cluster-merge.ts';
import { LASTING_MS, type Problem } from './finding.ts';
import { describeSlots, rangesWhere, type Topology, type TopologyNode } from './topology.ts';

/** The first one, the cause before its consequences. */
export function clusterProblem(
  topology: Topology,
  merged: Merged,
  crawl: Crawl,
  options: MergeOptions,
): Problem | undefined {
  return (
    unreachable(topology, merged, crawl, options) ??
    down(topology, options) ??
    disagreement(topology, merged, options) ??
    uncovered(topology, options)
  );
}

/** A master that has just died is about to be replaced; one to which the others are connected is there, and only not for us. */
function unreachable(
  { nodes }: Topology,
  { views }: Merged,
  { away }: Crawl,
  options: MergeOptions,
): Problem | undefined {
  const node = nodes.find(({ id, slots, failed }) => slots.length > 0 && !failed && away.has(id));
  if (node === undefined) return undefined;
  const seen = views.map(({ nodes: known }) => known.get(node.id)).filter((other) => other !== undefined);
  return {
    error: unreachableError(node, away.get(node.id) as NaruError, 'cluster', options),
    ...(seen.every(({ connected }) => connected) && { patienceMs: LASTING_MS }),
  };
}

/** Names the address that was announced, the one that was dialed, and the way out. */
export function unreachableError(
  node: TopologyNode,
  cause: NaruError,
  group: 'cluster' | 'sentinels',
  { side }: MergeOptions,
): NaruError {
  const [announced, dialed] = [describeHostPort(node.announced), describeHostPort(node)];
  const option = `--${side === 'source' ? 'from' : 'to'}-address-map`;
  const who =
    group === 'cluster' ? `The cluster announces a ${node.role}` : 'The sentinels announce the master';
  const where =
    announced === dialed
      ? `${who} at ${announced}, which can not be reached from here. If it has another address here, name that with ${option} ${announced}=host:port.`
      : `${who} at ${announced}, which ${option} makes ${dialed}, and that can not be reached from here.`;
  return new NaruError('NODE_UNREACHABLE', `${where} ${cause.message}`, { side, node: dialed }, { cause });
}

function down({ nodes }: Topology, { side }: MergeOptions): Problem | undefined {
  const node = nodes.find(({ slots, failed }) => slots.length > 0 && failed);
  if (node === undefined) return undefined;
  const sentence = `The cluster takes the master ${describeHostPort(node.announced)} to be down, and no replica has taken over its slots ${describeSlots(node.slots)}.`;
  const error = new NaruError('CLUSTER_DOWN', sentence, { side, node: describeHostPort(node) });
  return { error };
}

function disagreement(topology: Topology, merged: Merged, { side }: MergeOptions): Problem | undefined {
  const { ids, views, claims, owners } = merged;
  const conflicts = conflictsOf(merged);
  const [slot] = conflicts.keys();
  if (slot === undefined) return undefined;
  const at = claims.findIndex((claim) => claim[slot] !== owners[slot]);
  const name = (id: string | undefined): string => nameOf(topology, id);
  const node = name(views[at]?.selfId);
  const ranges = describeSlots(rangesWhere((other) => conflicts.has(other)));
  const said = name(ids[claims[at]?.[slot] as number]);
  const owner = name(ids[owners[slot] as number]);
  const sentence = `The nodes do not agree on who owns the slots ${ranges}: ${node} says of ${slot} that it is ${said}, others that it is ${owner}.`;
  return { error: new NaruError('CLUSTER_DISAGREES', sentence, { side, node }), conflicts };
}

/** Ascending by slot; the ids of all that are said to own it, in an order of their own, since nodes answer in any. */
function conflictsOf({ ids, claims, owners }: Merged): Map<number, string> {
  const conflicts = new Map<number, string>();
  for (let slot = 0; slot < owners.length; slot++) {
    const owner = owners[slot];
    if (claims.every((claim) => claim[slot] === owner)) continue;
    const said = new Set(claims.map((claim) => ids[claim[slot] as number] ?? 'nobody'));
    conflicts.set(slot, [...said].sort().join());
  }
  return conflicts;
}

function nameOf({ nodes }: Topology, id: string | undefined): string {
  const node = nodes.find((other) => other.id === id);
  return node === undefined ? 'nobody' : describeHostPort(node.announced);
}

function uncovered({ owners }: Topology, { side, allowUncovered }: MergeOptions): Problem | undefined {
  const ranges = rangesWhere((slot) => owners[slot] === -1);
  if (allowUncovered || ranges.length === 0) return undefined;
  const error = new NaruError('CLUSTER_UNCOVERED', `No node owns the slots ${describeSlots(ranges)}.`, {
    side,
  });
  return { error, patienceMs: LASTING_MS };
}

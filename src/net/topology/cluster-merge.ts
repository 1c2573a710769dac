/** Makes one cluster of what its nodes said. Where they differ the highest config epoch is right, as it is for the nodes themselves. */
import type { NaruError } from '../../errors/errors.ts';
import { describeHostPort } from '../url.ts';
import { AddressMap } from './address-map.ts';
import type { Crawl } from './cluster-crawl.ts';
import { clusterProblem } from './cluster-problems.ts';
import type { ClusterView, SeenNode } from './cluster-view.ts';
import type { Finding } from './finding.ts';
import type { AskOptions } from './node-questions.ts';
import { SLOTS } from './slot.ts';
import {
  rangesWhere,
  type SlotMove,
  type Topology,
  type TopologyNode,
  type TopologyWarning,
} from './topology.ts';

export interface MergeOptions extends AskOptions {
  /** Slots that nobody owns are no problem. */
  readonly allowUncovered?: boolean | undefined;
}

/** slot -> place in the list of ids, -1 for nobody */
export type Claims = Int16Array;

export interface Merged {
  /** all ids that the views have */
  ids: readonly string[];
  /** of masters, unless no master was asked: what a replica hears later changes nothing */
  views: readonly ClusterView[];
  /** of each view, in the same order */
  claims: readonly Claims[];
  owners: Claims;
}

export function mergeViews(crawl: Crawl, options: MergeOptions): Finding {
  const merged = mergeClaims([...[...crawl.visited.values()].map(({ view }) => view), ...crawl.others]);
  const nodes = merged.ids.map((id, index) => topologyNode(id, index, merged, crawl, options));
  const order = nodes.map((_, index) => index).sort((a, b) => compare(nodes[a], nodes[b]));
  const placeOf = new Map(order.map((index, place) => [index, place]));
  const topology: Topology = {
    kind: 'cluster',
    nodes: order.map((index) => nodes[index] as TopologyNode),
    owners: merged.owners.map((index) => placeOf.get(index) ?? -1),
    moves: mergeMoves(merged),
    epoch: Math.max(
      0,
      ...merged.views.flatMap(({ nodes: seen }) => [...seen.values()].map(({ epoch }) => epoch)),
    ),
    warnings: warningsOf(nodes, crawl, options),
  };
  return { topology, problem: clusterProblem(topology, merged, crawl, options) };
}

function mergeClaims(all: readonly ClusterView[]): Merged {
  const masters = all.filter(({ selfId, nodes }) => nodes.get(selfId)?.master);
  const views = masters.length > 0 ? masters : all;
  const ids = [...new Set(views.flatMap(({ nodes }) => [...nodes.keys()]))];
  const indexOf = new Map(ids.map((id, index) => [id, index]));
  const owners: Claims = new Int16Array(SLOTS).fill(-1);
  const best = new Float64Array(SLOTS).fill(-1);
  const claims = views.map(({ nodes }) => {
    const claim: Claims = new Int16Array(SLOTS).fill(-1);
    for (const { id, epoch, slots } of nodes.values()) {
      for (const { first, last } of slots) {
        claim.fill(indexOf.get(id) as number, first, last + 1);
        for (let slot = first; slot <= last; slot++) {
          if (epoch <= (best[slot] as number)) continue;
          best[slot] = epoch;
          owners[slot] = indexOf.get(id) as number;
        }
      }
    }
    return claim;
  });
  return { ids, views, claims, owners };
}

/** A node that was asked knows best what it is itself. */
function topologyNode(
  id: string,
  index: number,
  { views, owners }: Merged,
  { visited }: Crawl,
  options: MergeOptions,
): TopologyNode {
  const own = visited.get(id);
  const others = views.map(({ nodes }) => nodes.get(id)).filter((node) => node !== undefined);
  const announced = (others[0] as SeenNode).announced;
  const { master, masterId } = own?.view.nodes.get(id) ?? (others[0] as SeenNode);
  const at = own?.at ?? (options.addressMap ?? AddressMap.NONE).translate(announced.host, announced.port);
  return {
    id,
    host: at.host,
    port: at.port,
    announced,
    role: master ? 'master' : 'replica',
    ...(!master && masterId !== undefined && { masterId }),
    slots: rangesWhere((slot) => owners[slot] === index),
    linkUp: own !== undefined && (master || own.facts.linkUp),
    failed: own === undefined && others.some(({ failed }) => failed),
    reached: own !== undefined,
    ...(own !== undefined && { version: own.facts.version, flavour: own.facts.flavour }),
  };
}

function compare(a: TopologyNode | undefined, b: TopologyNode | undefined): number {
  const [first, second] = [rank(a), rank(b)];
  return first === second ? String(a?.id).localeCompare(String(b?.id)) : first - second;
}

/** Masters by their first slot, those without slots behind them, then replicas. */
function rank(node: TopologyNode | undefined): number {
  return node?.slots[0]?.first ?? (node?.role === 'master' ? SLOTS : SLOTS + 1);
}

/** Marks that a finished or broken-off move left behind are not of the slot's present owner, and are dropped. */
function mergeMoves({ ids, views, owners }: Merged): SlotMove[] {
  const moves = new Map<number, SlotMove>();
  for (const move of views.flatMap((view) => view.moves)) {
    const owner = ids[owners[move.slot] as number];
    if (owner === move.ownerId && owner !== move.importerId && !moves.has(move.slot))
      moves.set(move.slot, move);
  }
  return [...moves.values()].sort((a, b) => a.slot - b.slot);
}

function warningsOf(
  nodes: readonly TopologyNode[],
  { away }: Crawl,
  { side }: MergeOptions,
): TopologyWarning[] {
  const warnings: TopologyWarning[] = [];
  const count = new Map<string, number>();
  for (const { version, flavour } of nodes) {
    if (version === undefined) continue;
    const name = `${flavour} ${version}`;
    count.set(name, (count.get(name) ?? 0) + 1);
  }
  if (count.size > 1) {
    const versions = [...count].map(([name, n]) => `${n} of ${name}`).sort();
    warnings.push({
      code: 'MIXED_VERSIONS',
      message: `The ${side} cluster's nodes differ in version: ${versions.join(', ')}.`,
    });
  }
  for (const { id, announced, slots, role, failed } of nodes) {
    if (slots.length > 0 || !(failed || away.has(id))) continue;
    const reason = failed ? 'the cluster takes it to be down.' : ((away.get(id) as NaruError).message ?? '');
    const message = `The ${role} ${describeHostPort(announced)} can not be asked: ${reason}`;
    warnings.push({ code: 'NODE_AWAY', message });
  }
  return warnings;
}

import type { Topology } from '../net/topology/topology.ts';
import { ClusterSide } from './cluster-side.ts';
import { OneNodeSide, type SideOptions } from './one-node-side.ts';
import type { TargetSide } from './target-side.ts';

/** The target side of a run, by what the target is. */
export function makeSide(side: SideOptions, topology: Topology): TargetSide {
  const several = topology.kind === 'cluster' || topology.kind === 'proxy';
  return several ? new ClusterSide(side, topology) : new OneNodeSide(side, topology);
}

import { OneNodeSide, type SideOptions } from './one-node-side.ts';
import type { TargetSide } from './target-side.ts';

/** The target side of a run, by what the target is. */
export function makeSide(side: SideOptions): TargetSide {
  return new OneNodeSide(side);
}

/** What one round of asking found: as it stands now, and what is not yet as it must be. */
import type { NaruError } from '../../errors/errors.ts';
import type { Topology } from './topology.ts';

export interface Problem {
  error: NaruError;
  /** How long it may last before it is an error, in ms; without it as long as the caller waits at all. */
  patienceMs?: number;
  /**
   * The nodes only differ on these slots (slot -> who they say owns it). While slots are being moved there are always some, since the nodes
   * are not all asked at one moment; if they are not the same ones the next time, nothing is wrong.
   */
  conflicts?: ReadonlyMap<number, string>;
}

/** Whether what the nodes differed on is settled by now, though they may differ on other slots. */
export function hasMovedOn(before: Problem | undefined, now: Problem): boolean {
  if (before?.conflicts === undefined || now.conflicts === undefined) return false;
  for (const [slot, claims] of now.conflicts) if (before.conflicts.get(slot) === claims) return false;
  return true;
}

export interface Finding {
  /** Absent where the problem leaves none. */
  topology?: Topology;
  problem?: Problem | undefined;
}

/** For what will not pass by itself: long enough that a word that is under way arrives. */
export const LASTING_MS = 1000;

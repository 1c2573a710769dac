/** What one round of asking found: as it stands now, and what is not yet as it must be. */
import type { NaruError } from '../../errors/errors.ts';
import type { Topology } from './topology.ts';

export interface Problem {
  error: NaruError;
  /** How long it may last before it is an error, in ms; without it as long as the caller waits at all. */
  patienceMs?: number;
}

export interface Finding {
  /** Absent where the problem leaves none. */
  topology?: Topology;
  problem?: Problem | undefined;
}

/** For what will not pass by itself: long enough that a word that is under way arrives. */
export const LASTING_MS = 1000;

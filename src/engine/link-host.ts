import type { Topology } from '../net/topology/topology.ts';
import type { Endpoint } from '../net/url.ts';
import type { WrittenNames } from '../pipeline/rules/written-names.ts';
import type { Pace } from '../source/redis/scan/pace.ts';
import type { ErrorEvent, WarningEvent } from './events.ts';
import type { Position } from './reading.ts';
import type { Turns } from './turns.ts';

/** What a link of a cluster has of the others. */
export interface ClusterHost {
  /** As in SharedTarget, of the link's own keys: `written` tells which these are where rules give keys other names. */
  removeKeys(written: WrittenNames | undefined): Promise<void>;
  compareKeys(): void;
  /** Nobody has taken over from its source. */
  isLost(): boolean;
  /** The target has lost what was acknowledged, and is given it again by each link by itself: keys of slots that were moved are to be compared. */
  wentBack(): void;
  /** Another node has this key now. */
  onElsewhere(key: Buffer): void;
}

/** What a link has of the migration that it belongs to. */
export interface LinkHost {
  /** Names the link as long as it lives, whichever server it reads from: in errors, at the target, on disk. */
  readonly node: string;
  /** what the target is */
  readonly target: Topology;
  /** to make and send a full copy */
  readonly turns: Turns;
  /** what all links together may give to the target; undefined: no limit */
  readonly pace: Pace | undefined;
  /** undefined: the source is no cluster */
  readonly cluster: ClusterHost | undefined;
  /** Where the stream is to be had now. Rejects with NaruError. */
  stream(): Promise<Endpoint>;
  /** Where questions are to be asked now: of the master. Rejects with NaruError. */
  questions(): Promise<Endpoint>;
  /** The source sends its full copy as of this position. */
  onStarted(position: Position): void;
  /** The target holds all of the full copy. */
  onSnapshotApplied(): void;
  /** Warnings, and failures after which it goes on. */
  emit(event: WarningEvent | ErrorEvent): void;
}

import type { Topology } from '../../net/topology/topology.ts';
import type { Endpoint } from '../../net/url.ts';
import type { Pace } from '../../source/redis/scan/pace.ts';
import type { ErrorEvent, WarningEvent } from '../events.ts';
import type { LiveRun } from './live-run.ts';
import type { LinkState } from './scan-state.ts';

/** What a scanned node has of the run that it belongs to. */
export interface ScanHost {
  /** Names the link as long as it lives, whichever server it reads from: in errors, at the target, on disk. */
  readonly node: string;
  readonly source: Topology;
  readonly target: Topology;
  readonly pace: Pace;
  /** where an earlier run stood */
  readonly from: LinkState | undefined;
  /** of a cluster: whether a slot is this node's */
  readonly owns: ((slot: number) => boolean) | undefined;
  /** its function libraries are to be copied */
  readonly functions: boolean;
  /** Where to read now. Rejects with NaruError. */
  endpoint(): Promise<Endpoint>;
  /** All keys have been read: resolves to whether the node has to be walked again. Rejects with NaruError. */
  walked(): Promise<boolean>;
  emit(event: WarningEvent | ErrorEvent): void;
  /** the master's node id at present; empty: the source is no cluster */
  masterId(): string;
  /** of a scan that follows changes, once all links are checked */
  live(): LiveRun | undefined;
  onSynced(): void;
}

/** What a run tells while it goes on: one object an event, the same in the library and with `--json`. Times in milliseconds, sizes in bytes. */
export type Phase = 'connecting' | 'scan' | 'follow' | 'snapshot' | 'stream' | 'draining' | 'done';

export interface Counters {
  /** entries of the snapshot that the target has acknowledged */
  keys: number;
  /** keys that existed in the target and were left as they are (`--on-conflict skip`) */
  skipped: number;
  /** what the target can not hold and that was left out (`--lossy`): keys, function libraries, hashes that lost the expiries of their fields */
  lost: number;
  /** commands of the stream that the target has acknowledged */
  commands: number;
  /** keys that were read anew from the source, where a command could not be applied as it stands */
  recopied: number;
  /** commands over several slots of a cluster that went there key by key */
  split: number;
  /** bytes received from the source */
  bytes: number;
}

/** One master of a source that has several. */
export interface LinkPosition {
  /** its address when it was found: it names the link, also once another server has taken over */
  node: string;
  replid: string;
  offset: number;
}

export interface LinkProgress extends LinkPosition {
  phase: Phase;
  lagMs: number;
  lagBytes: number;
  keys: number;
  commands: number;
}

export interface StartedEvent {
  event: 'started';
  source: string;
  target: string;
  sourceVersion: string;
  targetVersion: string;
  /** of a scan: keys that the source says it has, where it does; -1 where not */
  expectedKeys?: number;
  /** of a scan: it goes on where an earlier one was interrupted */
  resumed?: boolean;
  /** where the copy begins; of a cluster that of the first link */
  replid: string;
  offset: number;
  /** of a cluster: the links that have begun; others wait for their turn (`--parallel-snapshots`) */
  links?: LinkPosition[];
}

export interface ProgressEvent extends Counters {
  event: 'progress';
  phase: Phase;
  elapsedMs: number;
  keysPerSecond: number;
  commandsPerSecond: number;
  bytesPerSecond: number;
  /** of a scan: keys that the source said it has, where it does; those of them that had vanished when they were read */
  expectedKeys?: number;
  vanished?: number;
  /** of the snapshot, or of a scan; undefined where its size is not known (diskless) */
  percent?: number;
  etaMs?: number;
  /** age of the oldest byte that was received and is not yet acknowledged by the target; 0 when all is */
  lagMs: number;
  /** bytes that were received and are not yet acknowledged by the target */
  lagBytes: number;
  spoolDiskBytes: number;
  /** what the run waits for, when it waits (`source lost, trying again: ...`) */
  waiting?: string;
  /** of a cluster: each link by itself */
  links?: LinkProgress[];
}

export interface SnapshotDoneEvent {
  event: 'snapshot_done';
  keys: number;
  skipped: number;
  bytes: number;
  ms: number;
}

export interface SyncedEvent extends Counters {
  event: 'synced';
  /** the source's replication offset at a moment of zero lag; everything before it is acknowledged by the target; of a cluster that of the first link */
  offset: number;
  ms: number;
  /** of a cluster: the same for each link, all at one moment */
  links?: LinkPosition[];
}

/** What one rule has done; keys of the full copy and commands of the stream are counted alike. */
export interface RuleCount {
  rule: string;
  dropped: number;
  renamed: number;
  ttl: number;
}

export interface RulesEvent {
  event: 'rules';
  /** what each rule has dropped, renamed, and given another expiry; those that have done nothing are left out */
  rules: RuleCount[];
  /** commands of which some keys were kept and others not */
  cut: number;
  /** keys of the full copy that have the name of another one there, since rules made two one */
  merged: number;
  /** entries and commands that were left out since a function of `--transform` failed at them */
  rejected: number;
}

export interface WarningEvent {
  event: 'warning';
  code: string;
  message: string;
}

export interface ErrorEvent {
  event: 'error';
  code: string;
  message: string;
  advice: string;
  /** true: the run goes on and tries again; false: it ends */
  retry: boolean;
  side?: string;
  node?: string;
  offset?: number;
  db?: number;
  key?: string;
  command?: string;
}

export interface DoneEvent extends Counters {
  event: 'done';
  ms: number;
  lagMs: number;
  lagBytes: number;
  /** of a scan: keys that had vanished when they were read */
  vanished?: number;
  /** of a scan of all keys: those that the source had all the time, as it says before and after, and those that SCAN told */
  expectedKeys?: number;
  readKeys?: number;
  /** the position up to which the target holds everything (a scan has none: empty and 0); of a cluster that of the first link */
  replid: string;
  offset: number;
  /** of a cluster: the same for each link */
  links?: LinkPosition[];
}

export type SyncEvent =
  | StartedEvent
  | ProgressEvent
  | SnapshotDoneEvent
  | SyncedEvent
  | RulesEvent
  | WarningEvent
  | ErrorEvent
  | DoneEvent;

export type { DecodeOptions, DumpOptions, RestoreOptions } from './config/file-library-options.ts';
export type { ScanOptions } from './config/scan-options.ts';
export type { SyncOptions } from './config/sync-options.ts';
export type {
  Counters,
  DoneEvent,
  ErrorEvent,
  Phase,
  ProgressEvent,
  RuleCount,
  RulesEvent,
  SnapshotDoneEvent,
  StartedEvent,
  SyncEvent,
  SyncedEvent,
  WarningEvent,
} from './engine/events.ts';
export type { Decoded } from './engine/file-jobs/decode.ts';
export { decode, dump, restore } from './engine/files.ts';
export type { Run } from './engine/run.ts';
export { scan } from './engine/scan/scan.ts';
export { type SyncRun, sync } from './engine/sync.ts';
export { type ErrorPlace, isNaruError, NaruError } from './errors/errors.ts';
export type { ErrorCode } from './errors/table.ts';
export type { TlsOptions } from './net/connection.ts';
export { Secret } from './net/secret.ts';
export type { Endpoint } from './net/url.ts';
export type { TransformCommand, TransformEntry, TransformModule } from './rules/transform.ts';
export type { LargeKey, Summary } from './target/file/summary.ts';
export type { Tally } from './target/file/top-counts.ts';

/** What the command line needs from the process around it; tests give their own. */
import type { SyncOptions } from '../config/sync-options.ts';
import type { SyncRun } from '../engine/sync.ts';
import type { Output } from './printer.ts';

export interface Context {
  readonly out: Output;
  readonly err: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Calls back on each SIGINT and SIGTERM; the return value ends that. */
  onSignal(callback: (signal: string) => void): () => void;
  /** Calls back once, when stdout can no longer be written: EPIPE where nobody reads it any more, ENOSPC and such for a file. */
  onOutputLost(callback: (code: string) => void): void;
  exit(code: number): void;
  /** Loaded only when it is needed: `--help` is there at once. */
  loadSync(): Promise<(options: SyncOptions) => SyncRun>;
}

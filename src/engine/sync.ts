import { resolveSyncOptions, type SyncOptions } from '../config/sync-options.ts';
import type { DoneEvent, SyncEvent } from './events.ts';
import { Migration } from './migration.ts';
import { startRun } from './run.ts';

/** A run of `sync`: its events in order, once, and its end. */
export interface SyncRun extends AsyncIterable<SyncEvent> {
  /** Rejects with the NaruError that ended the run. */
  readonly result: Promise<DoneEvent>;
  /** Takes no more from the source, applies what was received, and ends. */
  stop(): void;
}

/**
 * Copies everything from one server to another by replication and follows the changes, until `stop()`, until `signal` aborts (which is
 * the same), or with `untilSynced` until everything that was written before a moment of zero lag is acknowledged by the target.
 *
 * The iterator gives each event once; it throws the NaruError that ended the run, after an `error` event with `retry: false`. Who does
 * not care for events awaits `result`. Throws NaruError at once for options that can't be right (USAGE, CONFIG_INVALID).
 */
export function sync(options: SyncOptions & { signal?: AbortSignal }): SyncRun {
  const { signal, ...rest } = options;
  const resolved = resolveSyncOptions(rest);
  return startRun((emit) => new Migration(resolved, emit), signal);
}

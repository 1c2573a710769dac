import { resolveSyncOptions, type SyncOptions } from '../config/sync-options.ts';
import { errorEvent, toNaruError } from './error-event.ts';
import { EventStream } from './event-stream.ts';
import type { DoneEvent, SyncEvent } from './events.ts';
import { SyncJob } from './sync-job.ts';

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
  const events = new EventStream();
  const job = new SyncJob(resolved, (event) => events.push(event));
  const stop = (): void => job.stop();
  const result = job.run().then(
    (done) => {
      events.push(done);
      events.end();
      return done;
    },
    (reason: unknown) => {
      const error = toNaruError(reason);
      events.push(errorEvent(error));
      events.end(error);
      throw error;
    },
  );
  // Both the iterator and `result` tell of a failure; who looks at one only must not be ended by the other.
  result.catch(() => {}).finally(() => signal?.removeEventListener('abort', stop));
  if (signal?.aborted) stop();
  else signal?.addEventListener('abort', stop, { once: true });
  return { result, stop, [Symbol.asyncIterator]: () => events[Symbol.asyncIterator]() };
}

import { errorEvent, toNaruError } from './error-event.ts';
import { EventStream } from './event-stream.ts';
import type { DoneEvent, SyncEvent } from './events.ts';

/** Work that tells of itself by events. */
export interface Job {
  /** Runs to the end. Rejects with NaruError. */
  run(): Promise<DoneEvent>;
  stop(): void;
}

/** A run: its events in order, once, and its end. */
export interface Run extends AsyncIterable<SyncEvent> {
  /** Rejects with the NaruError that ended the run. */
  readonly result: Promise<DoneEvent>;
  stop(): void;
}

/** Starts a job; `signal` stops it. The iterator throws what ended the run, after an `error` event with `retry: false`. */
export function startRun(make: (emit: (event: SyncEvent) => void) => Job, signal?: AbortSignal): Run {
  const events = new EventStream();
  const job = make((event) => events.push(event));
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

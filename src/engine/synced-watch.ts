import { delay } from '../net/backoff.ts';

export interface SyncedWatchOptions<Newest> {
  /** ms: age of the oldest byte received and not acknowledged by the target, 0 if all is */
  lagMs(): number;
  /** asks the source for its newest write, of each of its nodes; may reject (it is away): asked again later */
  newest(): Promise<Newest>;
  /** whether the target holds everything up to there */
  holds(newest: Newest): boolean;
  now?: () => number;
}

const POLL_MS = 20;
/** A source that does not answer is being connected to anew each time. */
const AWAY_MS = 1000;
/** A source that never pauses never shows a lag of zero: so long within `CLOSE_MS` counts as well. */
const CLOSE_FOR_MS = 5000;
/** The source is asked only when what was received is applied so far: before that the answer is known. */
const CLOSE_MS = 1000;

/**
 * Waits for a moment of zero lag: the source says what its newest write is, and the target has acknowledged that already. Everything
 * that was written before that moment is then in the target. Resolves to that newest write; undefined if `signal` was aborted.
 */
export async function watchForSynced<Newest>(
  options: SyncedWatchOptions<Newest>,
  signal: AbortSignal,
): Promise<Newest | undefined> {
  const now = options.now ?? Date.now;
  let closeSince: number | undefined;
  while (!signal.aborted) {
    if (options.lagMs() <= CLOSE_MS) {
      const asked = now();
      const newest = await options.newest().catch(() => undefined);
      if (newest === undefined) {
        await pause(signal, AWAY_MS);
        continue;
      }
      if (options.holds(newest)) return newest;
      while (!options.holds(newest) && now() - asked < CLOSE_MS && !signal.aborted) await pause(signal);
      const close = options.holds(newest);
      closeSince = close ? (closeSince ?? asked) : undefined;
      if (closeSince !== undefined && now() - closeSince >= CLOSE_FOR_MS) return newest;
    } else {
      closeSince = undefined;
    }
    await pause(signal);
  }
  return undefined;
}

async function pause(signal: AbortSignal, ms: number = POLL_MS): Promise<void> {
  // An abort ends the loops that call this; it is no failure.
  await delay(ms, signal).catch(() => {});
}

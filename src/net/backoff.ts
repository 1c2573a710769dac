/** How long to wait before the next attempt: 100 ms, doubling up to 5 s, shortened by up to a half at random so that many links do not knock at once. */
import { setTimeout as sleep } from 'node:timers/promises';

const FIRST_MS = 100;
const FACTOR = 2;
const CAP_MS = 5000;

export class Backoff {
  readonly #random: () => number;
  #baseMs = FIRST_MS;

  /** `random` gives numbers in [0, 1). */
  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /** Milliseconds: at most 100, 200, 400 ... 5000, at least half of that. */
  next(): number {
    const base = this.#baseMs;
    this.#baseMs = Math.min(base * FACTOR, CAP_MS);
    return Math.round(base * (1 - this.#random() / 2));
  }

  /** After success: the next wait is short again. */
  reset(): void {
    this.#baseMs = FIRST_MS;
  }
}

/** Resolves after `ms`; rejects with the signal's reason as soon as it is aborted. */
export async function delay(ms: number, signal?: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

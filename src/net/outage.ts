import { Backoff } from './backoff.ts';

/** A connection that has lived for so long was a good one, even if nothing had to be said on it. */
const CALM_MS = 10_000;

/**
 * One side that is away: how long to wait before the next attempt, and when to give up.
 *
 * The simple idea that fails is to begin anew with each connection: a server that lets us in and then refuses or hangs up would be asked ten
 * times a second, for ever. So an outage ends not with a connection but with a proof that it is of use (`over`), or when it has held for a while.
 */
export class Outage {
  readonly #giveUpAfterMs: number;
  readonly #now: () => number;
  readonly #backoff: Backoff;
  #sinceMs: number | undefined;
  #connectedMs: number | undefined;

  constructor(giveUpAfterMs: number, now: () => number = Date.now, backoff: Backoff = new Backoff()) {
    this.#giveUpAfterMs = giveUpAfterMs;
    this.#now = now;
    this.#backoff = backoff;
  }

  /** The side is lost, or an attempt has failed: milliseconds to wait before the next one; undefined: it is time to give up. */
  next(): number | undefined {
    const now = this.#now();
    if (this.#connectedMs !== undefined && now - this.#connectedMs >= CALM_MS) this.over();
    this.#connectedMs = undefined;
    this.#sinceMs ??= now;
    const leftMs = this.#sinceMs + this.#giveUpAfterMs - now;
    return leftMs <= 0 ? undefined : Math.min(this.#backoff.next(), leftMs);
  }

  connected(): void {
    this.#connectedMs = this.#now();
  }

  /** The side does again what it is there for. */
  over(): void {
    this.#sinceMs = undefined;
    this.#backoff.reset();
  }
}

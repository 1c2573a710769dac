/** What is saved up while nothing is taken: a tenth of a second's worth, so that no burst is longer than that. */
const BURST_MS = 100;

/** Holds keys and bytes to so many a second. What bytes are expected is taken when they are asked for, and put right when they have come. */
export class Pace {
  readonly #keys: Bucket;
  readonly #bytes: Bucket;

  /** 0: without a limit */
  constructor(
    keysPerSecond: number,
    bytesPerSecond: number,
    now: () => number = performance.now.bind(performance),
  ) {
    this.#keys = new Bucket(keysPerSecond, now);
    this.#bytes = new Bucket(bytesPerSecond, now);
  }

  /** How many keys may be asked for now. */
  get allowed(): number {
    return this.#bytes.left < 1 ? 0 : Math.max(0, Math.floor(this.#keys.left));
  }

  /** Milliseconds until something is allowed again. */
  get waitMs(): number {
    return Math.max(this.#keys.waitMs, this.#bytes.waitMs);
  }

  took(keys: number, bytes: number): void {
    this.#keys.take(keys);
    this.#bytes.take(bytes);
  }
}

class Bucket {
  readonly #perMs: number;
  readonly #now: () => number;
  readonly #most: number;
  #left: number;
  #atMs: number;

  constructor(perSecond: number, now: () => number) {
    this.#perMs = perSecond / 1000;
    this.#now = now;
    this.#most = Math.max(1, this.#perMs * BURST_MS);
    this.#left = this.#most;
    this.#atMs = now();
  }

  get left(): number {
    if (this.#perMs === 0) return Number.POSITIVE_INFINITY;
    const now = this.#now();
    this.#left = Math.min(this.#most, this.#left + (now - this.#atMs) * this.#perMs);
    this.#atMs = now;
    return this.#left;
  }

  take(count: number): void {
    this.#left -= count;
  }

  get waitMs(): number {
    const { left } = this;
    return left >= 1 ? 0 : Math.ceil((1 - left) / this.#perMs);
  }
}

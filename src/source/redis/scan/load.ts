const SHARE_MIN = 1 / 64;
const EVERY_MS = 100;

/**
 * How much of its full load a scan puts on a source: the answer to a small question on another connection tells what the source's other clients
 * feel. Where it takes longer than the quickest one by more than is allowed, the share is halved; each that does not gives some back.
 */
export class Load {
  readonly #allowedMs: number;
  #share = 1;
  #quickestMs = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  /** `allowedMs`: by how much an answer may be late; Infinity: nothing is asked. */
  constructor(allowedMs: number) {
    this.#allowedMs = allowedMs;
  }

  /** 1/64 to 1 */
  get share(): number {
    return this.#share;
  }

  answered(ms: number): void {
    this.#quickestMs = Math.min(this.#quickestMs, ms);
    if (ms - this.#quickestMs > this.#allowedMs) this.#share = Math.max(SHARE_MIN, this.#share / 2);
    else this.#share = Math.min(1, this.#share * 1.1);
  }

  /** Asks again and again. `probe` rejects where there is nobody to ask at the moment. */
  watch(probe: () => Promise<unknown>): void {
    if (this.#allowedMs === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(() => void this.#ask(probe), EVERY_MS);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  async #ask(probe: () => Promise<unknown>): Promise<void> {
    const begun = performance.now();
    try {
      await probe();
      this.answered(performance.now() - begun);
    } catch {
      // Whoever reads from the source notices.
    }
    if (!this.#stopped) this.watch(probe);
  }
}

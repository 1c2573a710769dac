import { delay } from '../net/backoff.ts';

export interface HeldBackOptions {
  /** the source's newest offset, as a spool offset; rejects where it can not be asked now */
  sourceEnd(): Promise<number>;
  /** behind the last byte that has arrived, as a spool offset */
  received(): number;
  /** aborted when the run is over */
  signal: AbortSignal;
}

/** What arrives so soon after it was asked for was not held back. */
const SOON_MS = 50;
const LOOK_MS = 10;
const ASK_AGAIN_MS = 1000;

/**
 * Up to where the stream arrived late. A source holds its stream back while it sends the snapshot, and what it wrote during an outage of the link
 * comes afterwards: when a command was run does not follow from when it arrived.
 *
 * The source is asked for its newest offset. Once that arrives soon after the question, there is nothing before what follows it.
 */
export class HeldBack {
  readonly #options: HeldBackOptions;
  #to = Number.POSITIVE_INFINITY;
  #asks = 0;

  constructor(options: HeldBackOptions) {
    this.#options = options;
  }

  /** A spool offset: what lies before it may have arrived late. Infinity: not known yet. */
  get to(): number {
    return this.#to;
  }

  /** The stream begins to arrive, or does so again. */
  begin(): void {
    this.#to = Number.POSITIVE_INFINITY;
    this.#find(++this.#asks).catch(() => undefined);
  }

  async #find(asked: number): Promise<void> {
    const { sourceEnd, received, signal } = this.#options;
    while (!signal.aborted && asked === this.#asks) {
      const end = await sourceEnd().catch(() => undefined);
      const beganMs = performance.now();
      // What can not be asked stays unknown: then relative times are copied, which is right and only dearer.
      if (end === undefined || Number.isNaN(end)) await delay(ASK_AGAIN_MS, signal);
      else {
        while (received() < end && asked === this.#asks) await delay(LOOK_MS, signal);
        if (asked === this.#asks && performance.now() - beganMs < SOON_MS) {
          this.#to = end;
          return;
        }
      }
    }
  }
}

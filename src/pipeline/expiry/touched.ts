/** What the commands of one slice touched: the soonest expiry among keys that were taken for living. */
interface Slice {
  readonly from: number;
  readonly givenMs: number;
  soonestMs: number;
}

/** The least that is reckoned to pass between decoding and the target. */
const MARGIN_MS_MIN = 20;
/** A slow acknowledgement is remembered for some more. */
const FADING = 0.9;

/**
 * Commands are judged when they are decoded, and run later: behind what is under way, or when a target that hung goes on. So of each slice
 * stays known which expiry was the next one, until the target has acknowledged it: one that was passed by then means that
 * the judgement may be wrong, and that the slice has to be looked at again.
 *
 * How far ahead is judged (`marginMs`) follows from how long acknowledgements take, so that this is rare.
 */
export class Touched {
  #slices: Slice[] = [];
  #slowestMs = 0;

  get marginMs(): number {
    return MARGIN_MS_MIN + 2 * this.#slowestMs;
  }

  /** What follows is decoded at `nowMs`, from `offset` on. */
  begin(offset: number, nowMs: number): void {
    this.#slices.push({ from: offset, givenMs: nowMs, soonestMs: Number.POSITIVE_INFINITY });
  }

  /** A key was touched that expires at this time. */
  note(atMs: number): void {
    const slice = this.#slices.at(-1);
    if (slice !== undefined && atMs < slice.soonestMs) slice.soonestMs = atMs;
  }

  /** The target had done everything before `offset` by `nowMs`. True: an expiry was passed that should not have been. */
  acked(offset: number, nowMs: number): boolean {
    const slices = this.#slices;
    let done = 0;
    let wrong = false;
    for (const { from, soonestMs } of slices) {
      if (from >= offset) break;
      if (soonestMs <= nowMs) wrong = true;
      done++;
    }
    if (done === 0) return false;
    const passed = nowMs - (slices[0] as Slice).givenMs;
    this.#slowestMs = Math.max(passed, this.#slowestMs * FADING);
    // The last one may reach beyond the offset.
    if (done > 1) this.#slices = slices.slice(done - 1);
    return wrong;
  }

  /** The stream is read again from before all of them. */
  restart(): void {
    this.#slices = [];
  }
}

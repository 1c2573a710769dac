/** What the commands of one slice touched: the soonest expiry among keys that were taken for living. */
interface Slice {
  readonly givenMs: number;
  /** offsets behind the first and the last command that touched such a key */
  readonly firstEnd: number;
  lastEnd: number;
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
  #current: Slice | undefined;
  #nowMs = 0;
  #slowestMs = 0;

  get marginMs(): number {
    return MARGIN_MS_MIN + 2 * this.#slowestMs;
  }

  /** What follows is decoded at `nowMs`. */
  begin(nowMs: number): void {
    this.#nowMs = nowMs;
    this.#current = undefined;
  }

  /** The command that ends at `endOffset` touched a key that expires at `atMs`. */
  note(atMs: number, endOffset: number): void {
    let slice = this.#current;
    if (slice === undefined) {
      slice = { givenMs: this.#nowMs, firstEnd: endOffset, lastEnd: endOffset, soonestMs: atMs };
      this.#current = slice;
      this.#slices.push(slice);
    }
    slice.lastEnd = endOffset;
    if (atMs < slice.soonestMs) slice.soonestMs = atMs;
  }

  /** The target had done everything before `offset` by `nowMs`. True: an expiry was passed that should not have been. */
  acked(offset: number, nowMs: number): boolean {
    const slices = this.#slices;
    let done = 0;
    let wrong = false;
    for (const { firstEnd, lastEnd, soonestMs } of slices) {
      if (firstEnd > offset) break;
      if (soonestMs <= nowMs) wrong = true;
      if (lastEnd <= offset) done++;
    }
    if (done === 0) return wrong;
    const passed = nowMs - (slices[0] as Slice).givenMs;
    this.#slowestMs = Math.max(passed, this.#slowestMs * FADING);
    this.#slices = slices.slice(done);
    if (this.#slices.length === 0) this.#current = undefined;
    return wrong;
  }

  /** The stream is read again from before all of them. */
  restart(): void {
    this.#slices = [];
    this.#current = undefined;
  }
}

/** Times are kept this exactly. */
const RESOLUTION_MS = 10;
/** Of offsets and times, 4 MiB in all: 43 minutes of unreleased bytes at full resolution. */
const ENTRIES_MAX = 262_144;

/**
 * When which byte arrived: a sparse index of (offset, ms), offsets ascending, where an entry stands for all bytes up to the next one.
 * It holds the unreleased bytes only. When those are too many the resolution is halved, for the old entries too: memory stays bounded
 * however long the target lags, and the error small against the lag.
 */
export class Arrivals {
  private readonly entriesMax: number;
  private resolutionMs = RESOLUTION_MS;
  private offsets: Float64Array = new Float64Array(1024);
  private times: Float64Array = new Float64Array(1024);
  private head = 0;
  private tail = 0;
  /** The entry that the last question hit, maybe one that was dropped since: questions come in ascending order, mostly. */
  private cursor = 0;

  constructor(entriesMax: number = ENTRIES_MAX) {
    this.entriesMax = entriesMax;
  }

  get entries(): number {
    return this.tail - this.head;
  }

  /** The bytes from `offset` on arrive at `ms`. */
  add(offset: number, ms: number): void {
    if (this.tail > this.head && !this.differ(ms, this.times[this.tail - 1] as number)) return;
    if (this.tail === this.offsets.length) this.makeRoom();
    this.offsets[this.tail] = offset;
    this.times[this.tail] = ms;
    this.tail++;
  }

  /** When the byte at `offset` arrived; undefined when nothing ever did. */
  at(offset: number): number | undefined {
    if (this.tail === this.head) return undefined;
    if (!this.covers(this.cursor, offset)) {
      this.cursor = this.covers(this.cursor + 1, offset) ? this.cursor + 1 : this.search(offset);
    }
    return this.times[this.cursor];
  }

  /** Forgets bytes before `offset`. The entry that stands for `offset` stays. */
  dropBefore(offset: number): void {
    while (this.head + 1 < this.tail && (this.offsets[this.head + 1] as number) <= offset) this.head++;
    if (this.entries < this.entriesMax / 4) this.resolutionMs = RESOLUTION_MS;
  }

  /** Also true when the clock was set back. */
  private differ(ms: number, other: number): boolean {
    return Math.abs(ms - other) >= this.resolutionMs;
  }

  private covers(entry: number, offset: number): boolean {
    if (entry >= this.tail || (this.offsets[entry] as number) > offset) return false;
    return entry + 1 === this.tail || (this.offsets[entry + 1] as number) > offset;
  }

  /** The last entry at or before `offset`; the first one where all are behind it. */
  private search(offset: number): number {
    let low = this.head;
    let high = this.tail;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if ((this.offsets[middle] as number) <= offset) low = middle;
      else high = middle;
    }
    return low;
  }

  private makeRoom(): void {
    if (this.head > this.offsets.length / 2) {
      this.moveTo(this.offsets, this.times);
    } else if (this.offsets.length < this.entriesMax) {
      const length = Math.min(2 * this.offsets.length, this.entriesMax);
      this.moveTo(new Float64Array(length), new Float64Array(length));
    } else {
      this.thinOut();
    }
  }

  private moveTo(offsets: Float64Array, times: Float64Array): void {
    offsets.set(this.offsets.subarray(this.head, this.tail));
    times.set(this.times.subarray(this.head, this.tail));
    this.offsets = offsets;
    this.times = times;
    this.tail -= this.head;
    this.head = 0;
    this.cursor = 0;
  }

  /** Ends since at some resolution all entries but the first one go. */
  private thinOut(): void {
    while (this.entries > this.entriesMax / 2) {
      this.resolutionMs *= 2;
      let kept = 0;
      for (let entry = this.head; entry < this.tail; entry++) {
        const ms = this.times[entry] as number;
        if (kept > 0 && !this.differ(ms, this.times[kept - 1] as number)) continue;
        this.offsets[kept] = this.offsets[entry] as number;
        this.times[kept] = ms;
        kept++;
      }
      this.head = 0;
      this.tail = kept;
      this.cursor = 0;
    }
  }
}

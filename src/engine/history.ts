import type { LaneCounters } from '../target/redis/lane-options.ts';
import type { Place } from './acker.ts';

/** A checkpoint that the target has acknowledged. */
export interface Past extends Place {
  /** the spool offset that it names: that of its place, or at the snapshot's end that behind the RDB */
  readonly named: number;
  /** of what stands before it */
  readonly counters: Readonly<LaneCounters>;
}

/** Checkpoints that are known at most: 20 bytes a piece come to megabytes, and a busy target is sent few small transactions. */
const COUNT_MAX = 16_384;

/**
 * The checkpoints by which a target may come back that has lost its newest writes: a replica that had not got them took over, or the file that it
 * was restarted from is older. Going on behind such a checkpoint is exact as long as the spool holds what follows it. One that is not
 * known here is none of this run's, or too old.
 */
export class History {
  #known: Past[] = [];
  /** index of the oldest that counts */
  #first = 0;

  add(place: Place, counters: Readonly<LaneCounters>): void {
    this.#known.push({ ...place, named: place.offset, counters: { ...counters } });
    if (this.#known.length - this.#first > COUNT_MAX) this.#first++;
    this.#tidy();
  }

  /** The snapshot is acknowledged, and the stream follows at a spool offset: of the snapshot the last checkpoint counts, which holds all of it. */
  beginStream(offset: number): void {
    const last = this.#known.at(-1);
    this.#known = last === undefined ? [] : [{ ...last, offset, db: 0 }];
    this.#first = 0;
  }

  /** What follows the last checkpoint up to a place is acknowledged without one, since it had no effect: whoever shows that one has this too. */
  passed(place: Place): void {
    const last = this.#known.at(-1);
    if (last !== undefined) this.#known[this.#known.length - 1] = { ...last, ...place };
  }

  /**
   * Forgets what is older than the checkpoint that a target shows which has everything before a spool offset; and whatever lies before `least`. One at that
   * offset itself may have come after the other one (keys that were copied again). Returns from where the spool is needed; Infinity: nothing is known.
   */
  forget(before: number, least: number): number {
    const from = (at: number): number => this.#known[at]?.offset ?? Number.POSITIVE_INFINITY;
    while (from(this.#first) < least || from(this.#first + 1) < before) this.#first++;
    this.#tidy();
    return from(this.#first);
  }

  /**
   * The target is back at the checkpoint that names this offset: what came behind it is forgotten. Undefined: it is not known. Of several with one
   * name the first counts: keys that were copied again without a byte of the source are the difference, and are copied once more.
   */
  backTo(named: number): Past | undefined {
    let at = this.#known.length;
    while (at > this.#first && (this.#known[at - 1] as Past).named >= named) at--;
    const past = this.#known[at];
    if (past?.named !== named) return undefined;
    this.#known.length = at + 1;
    return past;
  }

  #tidy(): void {
    if (this.#first < 1024 || this.#first * 2 < this.#known.length) return;
    this.#known.splice(0, this.#first);
    this.#first = 0;
  }
}

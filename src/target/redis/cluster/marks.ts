/** A place of the source, and how much of each lane was written when it was reached. */
interface Mark {
  readonly offset: number;
  readonly db: number;
  readonly written: readonly number[];
}

/** Up to where everything is answered, over all lanes: a place counts when each lane has answered what was written to it by then. */
export class Marks {
  readonly #marks: Mark[] = [];
  #last = -1;
  #written: readonly number[] = [];

  /** The offset of the newest mark. */
  get last(): number {
    return this.#last;
  }

  add(offset: number, db: number, written: readonly number[]): void {
    this.#marks.push({ offset, db, written });
    this.#last = offset;
    this.#written = written;
  }

  /** Something waits to be answered. */
  get waiting(): boolean {
    return this.#marks.length > 0;
  }

  /** Whether more is written by now than stands behind the newest mark. */
  lack(written: readonly number[]): boolean {
    return written.some((n, lane) => n > (this.#written[lane] ?? 0));
  }

  /** Nothing waits; so much is written of each lane. */
  clear(written: readonly number[]): void {
    this.#marks.length = 0;
    this.#last = -1;
    this.#written = written;
  }

  /** Takes out the newest mark that counts, with those before it. */
  take(answered: (lane: number) => number): { offset: number; db: number } | undefined {
    let done = 0;
    while (
      done < this.#marks.length &&
      (this.#marks[done] as Mark).written.every((n, lane) => answered(lane) >= n)
    ) {
      done++;
    }
    return this.#marks.splice(0, done).at(-1);
  }
}

/** What becomes true when the target has acknowledged everything before an offset in the spool, in the order of the offsets. */
export class OffsetQueue<T> {
  readonly #waiting: { offset: number; what: T }[] = [];

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  push(offset: number, what: T): void {
    this.#waiting.push({ offset, what });
  }

  /** All that is acknowledged by now is taken out. */
  take(acked: number): T[] {
    const waiting = this.#waiting;
    let known = 0;
    while (known < waiting.length && (waiting[known] as { offset: number }).offset <= acked) known++;
    return known === 0 ? [] : waiting.splice(0, known).map(({ what }) => what);
  }

  clear(): void {
    this.#waiting.length = 0;
  }
}

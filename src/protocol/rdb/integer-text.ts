/** Integers as decimal text, written from the end of a small buffer of its own: no string is made. */
export class IntegerText {
  readonly buf: Buffer = Buffer.allocUnsafe(24);
  readonly end: number = 24;

  /** Writes `n`, an integer within 2^53; returns where its text begins. It ends at `end`. */
  write(n: number): number {
    const buf = this.buf;
    let pos = this.end;
    let rest = n < 0 ? -n : n;
    do {
      const tens = Math.floor(rest / 10);
      // The difference first: 48 more than the largest integers is no exact number.
      buf[--pos] = 48 + (rest - tens * 10);
      rest = tens;
    } while (rest > 0);
    if (n < 0) buf[--pos] = 45;
    return pos;
  }

  /** The same for any integer of 64 bits. */
  writeBig(n: bigint): number {
    const text = n.toString();
    this.buf.write(text, this.end - text.length, 'latin1');
    return this.end - text.length;
  }
}

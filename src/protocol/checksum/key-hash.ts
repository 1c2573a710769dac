/** Two hashes of a key in a database, 64 bits together, with a seed of their own for each run: nobody can make keys that meet. */
export class KeyHash {
  high = 0;
  low = 0;
  readonly #seed: number;

  constructor(seed: number = (Math.random() * 0x1_0000_0000) | 0) {
    this.#seed = seed;
  }

  /** Sets `high` and `low`, never both 0, for `buf[start, end)` under a tag: four bytes at a time, the rest one by one. */
  of(tag: number, buf: Buffer, start: number, end: number): void {
    let high = Math.imul(this.#seed ^ tag, 0x9e3779b1);
    let low = Math.imul(this.#seed + (end - start), 0x85ebca6b) ^ tag;
    let pos = start;
    for (; pos + 4 <= end; pos += 4) {
      const word =
        (buf[pos] as number) |
        ((buf[pos + 1] as number) << 8) |
        ((buf[pos + 2] as number) << 16) |
        ((buf[pos + 3] as number) << 24);
      high = turned(high ^ Math.imul(word, 0xcc9e2d51), 15);
      low = turned(low ^ Math.imul(word, 0x1b873593), 13);
    }
    for (; pos < end; pos++) {
      high = turned(high ^ (buf[pos] as number), 11);
      low = turned(low ^ (buf[pos] as number), 17);
    }
    high = mixed(high ^ (low >>> 7));
    low = mixed(low ^ (high >>> 9));
    this.high = high >>> 0;
    this.low = low >>> 0 || 1;
  }
}

function turned(value: number, bits: number): number {
  return (Math.imul((value << bits) | (value >>> (32 - bits)), 0x2c1b3c6d) + 0x5f356495) | 0;
}

function mixed(value: number): number {
  const once = Math.imul(value ^ (value >>> 16), 0x7feb352d);
  const twice = Math.imul(once ^ (once >>> 15), 0x846ca68b);
  return twice ^ (twice >>> 16);
}

/** Holds the incomplete beginning of an item between slices. */
const SMALL = 16 * 1024;
/** What one item leaves behind is given back when it is larger than this. */
const KEPT_BYTES_MAX = 1024 * 1024;
const STEP = 256;
/** Most carries never hold anything: a decoder has several, and there can be one decoder per value. */
const NOTHING: Buffer = Buffer.alloc(0);

export class Carry {
  buf: Buffer = NOTHING;
  length = 0;

  begin(buf: Buffer, start: number, end: number): void {
    this.length = 0;
    this.#add(buf, start, end);
  }

  /** Takes of `buf[start, end)` what seems to be needed for `need` bytes in all, or as much again as it holds. Returns how many bytes. */
  append(buf: Buffer, start: number, end: number, need: number): number {
    const wanted = Math.max(need - this.length, need > this.length ? 0 : this.length, STEP);
    const stop = Math.min(end, start + wanted);
    this.#add(buf, start, stop);
    return stop - start;
  }

  clear(): void {
    this.length = 0;
    if (this.buf.length > KEPT_BYTES_MAX) this.buf = NOTHING;
  }

  #add(buf: Buffer, start: number, end: number): void {
    const length = this.length + end - start;
    if (length > this.buf.length) {
      const grown = Buffer.allocUnsafe(Math.max(length, 2 * this.buf.length, SMALL));
      this.buf.copy(grown, 0, 0, this.length);
      this.buf = grown;
    }
    buf.copy(this.buf, this.length, start, end);
    this.length = length;
  }
}

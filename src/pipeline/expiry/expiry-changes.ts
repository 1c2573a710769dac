/**
 * What was changed for which byte of the stream, so that it can be taken back when the stream is read again from before that byte. Kept until the target
 * has acknowledged the bytes, which bounds it by what a lane may have under way.
 *
 *     change = high low (what is changed) before (its time until then)
 */
export class ExpiryChanges {
  #hashes: Uint32Array = new Uint32Array(2 * 1024);
  #before: Float64Array = new Float64Array(1024);
  #offsets: Float64Array = new Float64Array(1024);
  #head = 0;
  #tail = 0;

  get size(): number {
    return this.#tail - this.#head;
  }

  /** Offsets do not descend. */
  push(high: number, low: number, before: number, offset: number): void {
    if (this.#tail === this.#before.length) this.#makeRoom();
    this.#hashes[2 * this.#tail] = high;
    this.#hashes[2 * this.#tail + 1] = low;
    this.#before[this.#tail] = before;
    this.#offsets[this.#tail] = offset;
    this.#tail++;
  }

  /** Everything before `offset` stays as it is. */
  acked(offset: number): void {
    while (this.#head < this.#tail && (this.#offsets[this.#head] as number) < offset) this.#head++;
  }

  /** Takes back what was changed for bytes from `offset` on, the newest first. */
  back(offset: number, undo: (high: number, low: number, before: number) => void): void {
    while (this.#tail > this.#head && (this.#offsets[this.#tail - 1] as number) >= offset) {
      this.#tail--;
      const at = 2 * this.#tail;
      undo(this.#hashes[at] as number, this.#hashes[at + 1] as number, this.#before[this.#tail] as number);
    }
  }

  #makeRoom(): void {
    const room = this.#head > this.#before.length / 2 ? this.#before.length : 2 * this.#before.length;
    const hashes = new Uint32Array(2 * room);
    const before = new Float64Array(room);
    const offsets = new Float64Array(room);
    hashes.set(this.#hashes.subarray(2 * this.#head, 2 * this.#tail));
    before.set(this.#before.subarray(this.#head, this.#tail));
    offsets.set(this.#offsets.subarray(this.#head, this.#tail));
    this.#hashes = hashes;
    this.#before = before;
    this.#offsets = offsets;
    this.#tail -= this.#head;
    this.#head = 0;
  }
}

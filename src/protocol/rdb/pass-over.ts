/** Skips something that comes in slices, and holds nothing of it but a primitive that is not whole. */
import { Carry } from './carry.ts';
import { HEADER_BYTES_MAX } from './length.ts';
import { Skipper } from './skip.ts';

/** A module's opcode and the header of its string, the longest primitive that has to be seen at once. */
const PRIMITIVE_BYTES_MAX = 9 + HEADER_BYTES_MAX;

export class PassOver {
  done = false;
  readonly #skipper = new Skipper();
  readonly #carry = new Carry();
  /** bytes of the string under way that are still to come */
  #ahead = 0;

  begin(layout: number): void {
    this.done = false;
    this.#ahead = 0;
    this.#carry.clear();
    this.#skipper.begin(layout, 0);
  }

  /** Takes `buf[pos, end)`, and returns `end` or the position behind it all. `base` is the absolute offset of `buf[0]`. */
  write(buf: Buffer, pos: number, end: number, base: number): number {
    let at = pos;
    while (at < end && !this.done) {
      if (this.#ahead > 0) {
        const bytes = Math.min(this.#ahead, end - at);
        this.#ahead -= bytes;
        at += bytes;
      } else at = this.#carry.length > 0 ? this.#fill(buf, at, end, base) : this.#walk(buf, at, end, base);
    }
    return at;
  }

  #walk(buf: Buffer, pos: number, end: number, base: number): number {
    const skipper = this.#skipper;
    skipper.pos = pos;
    this.done = skipper.run(buf, end, base);
    if (this.done) return skipper.pos;
    if (skipper.pos < end) this.#carry.begin(buf, skipper.pos, end);
    else this.#ahead = skipper.pos - end;
    return end;
  }

  #fill(buf: Buffer, pos: number, end: number, base: number): number {
    const skipper = this.#skipper;
    const held = this.#carry.length;
    const added = this.#carry.append(buf, pos, Math.min(end, pos + PRIMITIVE_BYTES_MAX), 0);
    skipper.pos = 0;
    this.done = skipper.run(this.#carry.buf, held + added, base + pos - held);
    if (!this.done && skipper.pos === 0) return pos + added;
    this.#carry.clear();
    const next = pos + skipper.pos - held;
    this.#ahead = Math.max(0, next - end);
    return Math.min(next, end);
  }
}

import { EOF_MARK_BYTES } from './preamble.ts';

/**
 * Finds the mark that ends a diskless snapshot, wherever the reads cut it. A source sends nothing behind the mark until it was
 * acknowledged, but that is not relied upon: what stands behind it is stream.
 */
export class MarkFinder {
  readonly #mark: Buffer;
  /** the last bytes seen, fewer than the mark has */
  #tail: Buffer = Buffer.alloc(0);

  constructor(mark: Buffer) {
    this.#mark = mark;
  }

  /** Returns the position in `buf` behind the mark (it may begin before `start`), or -1. */
  find(buf: Buffer, start: number, end: number): number {
    const tail = this.#tail;
    const head = buf.subarray(start, Math.min(end, start + EOF_MARK_BYTES - 1));
    const seam = Buffer.concat([tail, head]);
    const across = seam.indexOf(this.#mark);
    if (across !== -1) return start + across + EOF_MARK_BYTES - tail.length;
    const inside = buf.subarray(start, end).indexOf(this.#mark);
    if (inside !== -1) return start + inside + EOF_MARK_BYTES;
    const size = end - start;
    const keep = EOF_MARK_BYTES - 1;
    this.#tail =
      size >= keep
        ? Buffer.from(buf.subarray(end - keep, end))
        : Buffer.from(seam.subarray(Math.max(0, seam.length - keep)));
    return -1;
  }
}

import type { Segments } from './segments.ts';

/** Bytes [start, end) of the spool, read back from disk. */
interface Chunk {
  buffer: Buffer;
  start: number;
  end: number;
}

/**
 * Two buffers for a reader that has fallen behind memory: it consumes one while the other is filled from disk. They are allocated
 * the first time that happens. What a spool holds at an offset never changes, so a buffer stays true whatever the reader does, and
 * seeking back and forth needs no bookkeeping; the only thing to avoid is filling the buffer that the reader's last view points into.
 */
export class ReadAhead {
  private readonly chunkBytes: number;
  private readonly chunks: Chunk[] = [];
  private pinned: Chunk | undefined;

  constructor(chunkBytes: number) {
    this.chunkBytes = chunkBytes;
  }

  get allocated(): number {
    return this.chunks.length;
  }

  has(offset: number): boolean {
    return this.holder(offset) !== undefined;
  }

  /** 1 to `max` bytes at `offset` that stay until `unpin`; undefined when no buffer holds it. */
  pin(offset: number, max: number): Buffer | undefined {
    const chunk = this.holder(offset);
    if (chunk === undefined) return undefined;
    this.pinned = chunk;
    const from = offset - chunk.start;
    return chunk.buffer.subarray(from, Math.min(from + max, chunk.end - chunk.start));
  }

  unpin(): void {
    this.pinned = undefined;
  }

  /** The first offset from `position` on that no buffer holds. */
  missing(position: number): number {
    let offset = position;
    for (let chunk = this.holder(offset); chunk !== undefined; chunk = this.holder(offset))
      offset = chunk.end;
    return offset;
  }

  /** A buffer that is needed neither by a reader at `position` nor by its last view. */
  idle(position: number): Chunk | undefined {
    if (this.chunks.length < 2) {
      this.chunks.push({ buffer: Buffer.allocUnsafeSlow(this.chunkBytes), start: 0, end: 0 });
    }
    const needed = this.missing(position);
    return this.chunks.find(
      (chunk) => chunk !== this.pinned && !(chunk.end > position && chunk.start < needed),
    );
  }

  /** Reads up to `max` bytes at `from` into `chunk`. */
  async fill(chunk: Chunk, from: number, max: number, segments: Segments): Promise<void> {
    chunk.start = 0;
    chunk.end = 0;
    const n = await segments.read(from, chunk.buffer.subarray(0, Math.min(max, this.chunkBytes)));
    chunk.start = from;
    chunk.end = from + n;
  }

  private holder(offset: number): Chunk | undefined {
    for (const chunk of this.chunks) {
      if (offset >= chunk.start && offset < chunk.end) return chunk;
    }
    return undefined;
  }
}

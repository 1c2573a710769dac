import { misuse } from './failures.ts';

/** Bytes of a slab: large enough that a disk write or a change of slab is rare, small against the memory of a spool. */
export const SLAB_BYTES: number = 1024 * 1024;

/**
 * The newest bytes, [base, end), in slabs of one size that are allocated when first needed and reused for ever.
 *
 * At most `count` slabs hold data. One more may exist: the one that the reader's last view points into (it is pinned) when its data
 * was given up; it comes back with the next `unpin`. So the writer never waits for the reader.
 *
 * The slab last given back is taken first: with a reader that keeps up, the data stays in one or two slabs, which the processor's cache holds.
 */
export class Slabs {
  /** Offset of the first byte in memory; always at the start of a slab. */
  base: number;
  /** Offset behind the last byte. */
  end: number;
  private readonly slabBytes: number;
  private readonly count: number;
  private readonly live: Buffer[] = [];
  private readonly free: Buffer[] = [];
  private pinned: Buffer | undefined;
  private pinnedIsOut = false;
  private made = 0;

  constructor(start: number, slabBytes: number, count: number) {
    this.base = start;
    this.end = start;
    this.slabBytes = slabBytes;
    this.count = count;
  }

  /** Slabs that exist; at most `count` + 1. */
  get allocated(): number {
    return this.made;
  }

  /** Free bytes in the last slab. */
  get tailFree(): number {
    return this.base + this.live.length * this.slabBytes - this.end;
  }

  has(offset: number): boolean {
    return offset >= this.base && offset < this.end;
  }

  /** Whether there is room for a byte. Bytes before `written` may be given up for it. */
  canGrow(written: number): boolean {
    return this.tailFree > 0 || this.live.length < this.count || this.oldestCanGo(written);
  }

  /** The free bytes of the last slab, of a new one if it is full. Only while `canGrow(written)`. */
  tail(written: number): Buffer {
    if (this.tailFree === 0) {
      if (this.live.length === this.count && this.oldestCanGo(written)) this.dropOldest();
      this.live.push(this.take());
    }
    const slab = this.live[this.live.length - 1] as Buffer;
    return slab.subarray(this.slabBytes - this.tailFree);
  }

  commit(n: number): void {
    this.end += n;
  }

  /** 1 to `max` bytes at `offset`, which is in memory: as many as lie in one slab. */
  slice(offset: number, max: number): Buffer {
    const from = (offset - this.base) % this.slabBytes;
    const n = Math.min(max, this.slabBytes - from, this.end - offset);
    return this.slabAt(offset).subarray(from, from + n);
  }

  /** The same, and the slab keeps its bytes until `unpin`. One pin at a time. */
  pin(offset: number, max: number): Buffer {
    this.pinned = this.slabAt(offset);
    return this.slice(offset, max);
  }

  unpin(): void {
    if (this.pinnedIsOut) this.free.push(this.pinned as Buffer);
    this.pinned = undefined;
    this.pinnedIsOut = false;
  }

  /** Gives up the slabs that lie wholly before `offset`. */
  dropBefore(offset: number): void {
    while (this.live.length > 0 && this.oldestCanGo(offset)) this.dropOldest();
  }

  private oldestCanGo(written: number): boolean {
    return this.base + this.slabBytes <= written;
  }

  private dropOldest(): void {
    const slab = this.live.shift() as Buffer;
    this.base += this.slabBytes;
    if (slab === this.pinned) this.pinnedIsOut = true;
    else this.free.push(slab);
  }

  private take(): Buffer {
    const slab = this.free.pop();
    if (slab !== undefined) return slab;
    if (this.made > this.count) throw misuse('more slabs than memory is allowed');
    this.made++;
    return Buffer.allocUnsafeSlow(this.slabBytes);
  }

  private slabAt(offset: number): Buffer {
    const slab = this.live[Math.floor((offset - this.base) / this.slabBytes)];
    if (slab === undefined || offset >= this.end) throw misuse(`offset ${offset} is not in memory`);
    return slab;
  }
}

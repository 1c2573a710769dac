import type { NaruError } from '../errors/errors.ts';
import { Arrivals } from './arrivals.ts';
import { misuse, type SpoolPlace, spoolFull, toSpoolError } from './failures.ts';
import { nodeFiles, type SpoolFiles } from './files.ts';
import { ReadAhead } from './read-ahead.ts';
import { Segments } from './segments.ts';
import { Signal } from './signal.ts';
import { SLAB_BYTES, Slabs } from './slabs.ts';

const MEMORY_BYTES = 16 * 1024 * 1024;
const SEGMENT_BYTES = 64 * 1024 * 1024;

export interface SpoolOptions {
  /** Created with its parents (mode 0700) where it does not exist; the segments are files in it (mode 0600). */
  dir: string;
  /** Bytes of the newest data that stay in memory; default 16 MiB. */
  memoryBytes?: number;
  /** The most unreleased bytes on disk; one more is SPOOL_FULL. Files go whole, so the disk may hold one segment more than this. */
  diskBytesMax: number;
  /** Bytes of one segment file; default 64 MiB: few open files for a large spool, and space comes back early. */
  segmentBytes?: number;
  /** Bytes that may wait in memory unwritten: 0 is write-through, Infinity writes only what does not fit into memory. */
  writeBehindBytes: number;
  /** Offset of the first byte; default 0. */
  start?: number;
  /** Clock in ms; default Date.now. */
  now?: () => number;
  /** Bytes of a slab of memory; default SLAB_BYTES. Tests take less. */
  slabBytes?: number;
  /** The file operations; tests put slow and failing ones here. */
  files?: SpoolFiles;
}

/**
 * The bytes between the receiver and the pump: one sequence with absolute offsets, one writer, one reader, both in this process.
 *
 * The simple idea that fails is a queue in memory with back-pressure: a slow target would make the receiver stop reading, and the
 * source drops a replica that does not read (`client-output-buffer-limit`). So the writer here waits for nothing but the disk. Memory
 * holds the newest bytes; a byte leaves it only after it was released or written to a segment file, and a reader that has fallen behind
 * memory reads from there.
 *
 *     released ≤ position ≤ end        what may be asked for is [released, end)
 *     released ≤ written ≤ end         [released, written) is on disk
 *     base ≤ written                   [base, end) is in memory
 *
 * Bytes that are released before they were written are never written: `written` jumps to `released`.
 */
export class Spool {
  private readonly place: SpoolPlace;
  private readonly slabBytes: number;
  private readonly slabs: Slabs;
  private readonly segments: Segments;
  private readonly ahead: ReadAhead;
  private readonly arrivals = new Arrivals();
  private readonly now: () => number;
  private readonly readers = new Signal();
  private readonly writers = new Signal();
  /** Above so many unwritten bytes memory is short, and the disk has to take some whatever `writeBehindBytes` says. */
  private readonly memoryUnwrittenMax: number;
  private behind: number;
  private at: number;
  private freed: number;
  private written: number;
  private writing: Promise<void> | undefined;
  private reading: Promise<void> | undefined;
  private closing: Promise<void> | undefined;
  private failed: NaruError | undefined;

  private constructor(options: SpoolOptions, segments: Segments) {
    const start = options.start ?? 0;
    const slabBytes = options.slabBytes ?? SLAB_BYTES;
    this.slabBytes = slabBytes;
    const count = Math.max(1, Math.floor((options.memoryBytes ?? MEMORY_BYTES) / slabBytes));
    this.place = options;
    this.segments = segments;
    this.slabs = new Slabs(start, slabBytes, count);
    this.ahead = new ReadAhead(slabBytes);
    this.now = options.now ?? Date.now;
    // A quarter stays free for what arrives while the disk writes.
    this.memoryUnwrittenMax = (count - Math.max(1, count >> 2)) * slabBytes;
    this.behind = options.writeBehindBytes;
    this.at = start;
    this.freed = start;
    this.written = start;
  }

  /**
   * Makes the directory and the first segment file, and so finds out whether it can be written. Segment files that an earlier run left
   * there are removed. Throws NaruError SPOOL_FAILED or SPOOL_DISK_FULL, with place.side `spool`.
   */
  static async open(options: SpoolOptions): Promise<Spool> {
    const start = options.start ?? 0;
    try {
      const files = options.files ?? nodeFiles;
      const segments = await Segments.open(options.dir, options.segmentBytes ?? SEGMENT_BYTES, files, start);
      return new Spool(options, segments);
    } catch (error) {
      throw toSpoolError(error, options, start, 0);
    }
  }

  // ---- the writer

  /**
   * The free bytes at the tail (at least one), to be filled and then committed. Only while `writable`; it stays good until the next
   * `commit`, whatever the reader does meanwhile. Throws INTERNAL when there is none.
   */
  space(): Buffer {
    if (!this.writable) throw misuse('space() while it is not writable');
    return this.slabs.tail(this.written);
  }

  /** The first `n` bytes of the last `space()` are data now. Wakes the reader. Without effect after `close`. */
  commit(n: number): void {
    if (this.closing !== undefined || n === 0) return;
    if (!(n > 0 && n <= this.slabs.tailFree))
      throw misuse(`commit of ${n} bytes, space() gave ${this.slabs.tailFree}`);
    this.arrivals.add(this.slabs.end, this.now());
    this.slabs.commit(n);
    if (this.readers.awaited && this.readable) this.readers.wake();
    this.writeOut();
  }

  /** Offset behind the last committed byte. */
  get end(): number {
    return this.slabs.end;
  }

  /** False: memory is full of bytes that are not on disk yet (wait for the disk), or the spool failed or was closed. */
  get writable(): boolean {
    return this.failed === undefined && this.closing === undefined && this.slabs.canGrow(this.written);
  }

  /** Resolves once `writable`, and at `close`; rejects with `failure`. */
  whenWritable(): Promise<void> {
    if (this.failed) return Promise.reject(this.failed);
    if (this.writable || this.closing) return Promise.resolve();
    return this.writers.wait();
  }

  /** Bytes that may wait in memory unwritten; may be changed at any time. */
  get writeBehindBytes(): number {
    return this.behind;
  }

  set writeBehindBytes(bytes: number) {
    this.behind = bytes;
    this.writeOut();
  }

  // ---- the reader

  /** Where the next read starts. */
  get position(): number {
    return this.at;
  }

  /**
   * The next 1 to `max` bytes (as many as lie in one piece), or undefined when there are none yet or they have to come from disk: see
   * `whenReadable`. The view is good until the next `read` or `seek`, whatever is committed, released or closed in between.
   */
  read(max: number): Buffer | undefined {
    this.slabs.unpin();
    this.ahead.unpin();
    if (this.closing !== undefined) return undefined;
    let view: Buffer | undefined;
    if (this.slabs.has(this.at)) {
      view = this.slabs.pin(this.at, max);
    } else if (this.at < this.end) {
      view = this.ahead.pin(this.at, max);
    }
    if (view !== undefined) this.at += view.length;
    this.readBack();
    return view;
  }

  /** Resolves when `read` would return bytes, and at `close` (look at `closed`, there is nothing more to read); rejects with `failure`. */
  whenReadable(): Promise<void> {
    if (this.failed) return Promise.reject(this.failed);
    if (this.readable || this.closing) return Promise.resolve();
    this.readBack();
    return this.readers.wait();
  }

  /** Goes to any offset in [released, end]; throws INTERNAL outside of it. */
  seek(offset: number): void {
    if (!(offset >= this.freed && offset <= this.end)) {
      throw misuse(`seek to ${offset}, outside of ${this.freed} to ${this.end}`);
    }
    this.slabs.unpin();
    this.ahead.unpin();
    this.at = offset;
    this.readBack();
  }

  /**
   * Bytes before `offset` are never asked for again: their memory and their files go. An offset that was released before is no
   * error; one past `position` throws INTERNAL, since it would skip bytes that nobody read.
   */
  release(offset: number): void {
    if (offset <= this.freed) return;
    if (!(offset <= this.at)) throw misuse(`release of ${offset}, past the position ${this.at}`);
    this.freed = offset;
    this.written = Math.max(this.written, offset);
    this.slabs.dropBefore(offset);
    this.segments.dropBefore(offset);
    this.arrivals.dropBefore(offset);
    if (this.writers.awaited && this.writable) this.writers.wake();
  }

  /** Everything before this offset was released. */
  get released(): number {
    return this.freed;
  }

  /**
   * When the byte at `offset` (in [released, end)) was committed: ms of the clock, to 10 ms. Once bytes have waited longer than 43 minutes, to
   * 1/65,000 of the longest wait. Before the first commit: now.
   */
  arrivalMs(offset: number): number {
    return this.arrivals.at(offset) ?? this.now();
  }

  // ---- state

  /** Bytes of memory taken so far: at most the option `memoryBytes` and three slabs. */
  get memoryBytes(): number {
    return (this.slabs.allocated + this.ahead.allocated) * this.slabBytes;
  }

  /** Unreleased bytes on disk. */
  get diskBytes(): number {
    return this.written - this.freed;
  }

  /** SPOOL_FULL, SPOOL_DISK_FULL (ENOSPC, EDQUOT) or SPOOL_FAILED (another IO error); for good once it is set. */
  get failure(): NaruError | undefined {
    return this.failed;
  }

  get closed(): boolean {
    return this.closing !== undefined;
  }

  /**
   * Wakes who waits, waits for the IO under way, removes the segment files, and the directories that `open` made if they are empty.
   * Rejects with SPOOL_FAILED where something could not be removed.
   */
  close(): Promise<void> {
    this.closing ??= this.closeDown();
    return this.closing;
  }

  private async closeDown(): Promise<void> {
    // `closing` is only set when this returns: what follows must see it.
    await Promise.resolve();
    this.readers.wake();
    this.writers.wake();
    await Promise.all([this.writing, this.reading]);
    try {
      await this.segments.close();
    } catch (error) {
      throw toSpoolError(error, this.place, this.end, this.diskBytes);
    }
  }

  private get readable(): boolean {
    return this.slabs.has(this.at) || (this.at < this.end && this.ahead.has(this.at));
  }

  // ---- the disk

  private get mustWrite(): boolean {
    if (this.failed !== undefined || this.closing !== undefined) return false;
    return this.end - this.written > Math.min(this.behind, this.memoryUnwrittenMax);
  }

  private writeOut(): void {
    if (this.writing !== undefined || !this.mustWrite) return;
    this.writing = this.writeWhileNeeded()
      .catch((error: unknown) => this.fail(error))
      .then(() => {
        this.writing = undefined;
        this.writeOut();
      });
  }

  private async writeWhileNeeded(): Promise<void> {
    while (this.mustWrite) {
      const from = this.written;
      const room = Math.min(this.place.diskBytesMax - this.diskBytes, this.segments.room(from));
      if (room > 0) {
        // A slab whose bytes are all released may be refilled during its write: then the file holds other bytes there, before
        // `released`, where nobody looks.
        const wrote = await this.segments.write(from, this.slabs.slice(from, room));
        this.written = Math.max(this.written, from + wrote);
        if (this.writers.awaited && this.writable) this.writers.wake();
      } else if (this.diskBytes >= this.place.diskBytesMax) {
        throw spoolFull(this.place, this.end, this.end - this.freed);
      } else {
        await this.segments.append(from);
      }
    }
  }

  /** Keeps the two read-ahead buffers filled while the reader is behind what memory holds. */
  private readBack(): void {
    if (this.reading !== undefined || this.failed !== undefined || this.closing !== undefined) return;
    if (this.at >= this.slabs.base) return;
    const from = this.ahead.missing(this.at);
    const chunk = this.ahead.idle(this.at);
    if (from >= this.slabs.base || chunk === undefined) return;
    this.reading = this.ahead
      .fill(chunk, from, this.written - from, this.segments)
      .catch((error: unknown) => this.fail(error))
      .then(() => {
        this.reading = undefined;
        if (this.readers.awaited && this.readable) this.readers.wake();
        this.readBack();
      });
  }

  private fail(error: unknown): void {
    this.failed ??= toSpoolError(error, this.place, this.end, this.diskBytes);
    this.readers.fail(this.failed);
    this.writers.fail(this.failed);
  }
}

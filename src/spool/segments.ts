import { mkdir, readdir, rmdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { SpoolFile, SpoolFiles } from './files.ts';

/** A segment's name tells the offset of its first byte, so that its bytes can be found again after a crash. */
const NAME = /^naru-spool-\d{16}$/;

function nameOf(start: number): string {
  return `naru-spool-${String(start).padStart(16, '0')}`;
}

interface Segment {
  readonly start: number;
  readonly path: string;
  readonly file: SpoolFile;
  /** The operations under way, and 1 while the segment is in use: at 0 the file goes. */
  users: number;
}

/**
 * The spool's bytes on disk: files that stand for `segmentBytes` each from their start offset on. Bytes that were released before they were
 * written leave holes, or belong to no file at all. A file stays open as long as it is needed, so nothing that happens to its name
 * (another run in the same directory removes it, say) harms the run. Nothing is synced: the source has all bytes that a power cut takes.
 */
export class Segments {
  private readonly dir: string;
  private readonly segmentBytes: number;
  private readonly files: SpoolFiles;
  /** The topmost directory that `open` made. */
  private readonly madeDir: string | undefined;
  private readonly list: Segment[] = [];
  private removals: Promise<void> = Promise.resolve();
  private removalError: unknown;

  private constructor(dir: string, segmentBytes: number, files: SpoolFiles, madeDir: string | undefined) {
    this.dir = dir;
    this.segmentBytes = segmentBytes;
    this.files = files;
    this.madeDir = madeDir;
  }

  /** Makes the directory, removes the segments of an earlier run, and makes the first one. Rejects with the errors of the system. */
  static async open(dir: string, segmentBytes: number, files: SpoolFiles, start: number): Promise<Segments> {
    const full = resolve(dir);
    const madeDir = await mkdir(full, { recursive: true, mode: 0o700 });
    for (const name of await readdir(full)) {
      if (NAME.test(name)) await files.remove(join(full, name));
    }
    const segments = new Segments(full, segmentBytes, files, madeDir);
    await segments.append(start);
    return segments;
  }

  /** How many bytes the last segment can still take from `offset` on; 0: `append` one. */
  room(offset: number): number {
    const last = this.list.at(-1);
    return last === undefined ? 0 : Math.max(0, last.start + this.segmentBytes - offset);
  }

  /** A new segment that begins at `start`, behind all others. */
  async append(start: number): Promise<void> {
    const path = join(this.dir, nameOf(start));
    await this.files.remove(path);
    const file = await this.files.create(path);
    this.list.push({ start, path, file, users: 1 });
  }

  /** Writes to the last segment, no more than its `room`; resolves to how many bytes it wrote, at least one. */
  async write(offset: number, bytes: Buffer): Promise<number> {
    const segment = this.list.at(-1) as Segment;
    segment.users++;
    try {
      const n = await segment.file.write(bytes, offset - segment.start);
      if (n === 0) throw new Error(`${segment.path} takes no more bytes`);
      return n;
    } finally {
      this.leave(segment);
    }
  }

  /** Reads what was written at `offset`; resolves to how many bytes it read, at least one: no more than lie in one segment. */
  async read(offset: number, into: Buffer): Promise<number> {
    const segment = this.list.findLast((one) => one.start <= offset);
    if (segment === undefined) throw new Error(`no file holds offset ${offset}`);
    segment.users++;
    try {
      const n = await segment.file.read(into, offset - segment.start);
      if (n === 0) throw new Error(`${segment.path} is shorter than what was written to it`);
      return n;
    } finally {
      this.leave(segment);
    }
  }

  /** Removes the segments that stand for nothing from `offset` on. */
  dropBefore(offset: number): void {
    while (this.list.length > 0 && (this.list[0] as Segment).start + this.segmentBytes <= offset) {
      this.leave(this.list.shift() as Segment);
    }
  }

  /** Removes all files, and the directories that `open` made where they are empty. No operation may be under way. */
  async close(): Promise<void> {
    this.dropBefore(Infinity);
    await this.removals;
    if (this.removalError !== undefined) throw this.removalError;
    if (this.madeDir !== undefined) await removeEmpty(this.dir, this.madeDir);
  }

  private leave(segment: Segment): void {
    segment.users--;
    if (segment.users > 0) return;
    this.removals = this.removals
      .then(() => this.files.remove(segment.path))
      .finally(() => segment.file.close())
      .catch((error: unknown) => {
        this.removalError ??= error;
      });
  }
}

/** Removes `dir` and its parents up to `top`, as far as they are empty. */
async function removeEmpty(dir: string, top: string): Promise<void> {
  for (let at = dir; ; at = dirname(at)) {
    try {
      await rmdir(at);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'ENOENT') return;
      throw error;
    }
    if (at === top) return;
  }
}

/** A file that is whole or not there. */
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Transform, Writable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { isNaruError, NaruError } from '../../errors/errors.ts';
import { type ByteTaker, PacedWriter } from './paced-writer.ts';
import { packer } from './packer.ts';

/** Where the bytes of a dump go. Exactly one of `commit` and `discard` ends it. */
export interface DumpOutput {
  readonly writer: PacedWriter;
  /** All was written, and is whole. */
  commit(): Promise<void>;
  /** Something failed: what was written counts for nothing. Never rejects. */
  discard(): Promise<void>;
  /** What a failure of `writer` means. */
  explain(error: unknown): unknown;
}

/** The data of a server is nobody else's business. */
const MODE = 0o600;

/**
 * Writes to `PATH.part`, which gets its name at the very end, once its bytes are on the disk. A `.part` that an earlier run left is removed. A name
 * that ends in `.gz` or `.zst` is packed. Throws NaruError FILE_EXISTS, FILE_UNWRITABLE, and CONFIG_INVALID (zstd where this Node has none).
 */
export async function openRdbFile(path: string, overwrite: boolean): Promise<DumpOutput> {
  const pack = packer(path);
  await refuseExisting(path, overwrite);
  const part = `${path}.part`;
  try {
    await rm(part, { force: true });
    return new RdbFile(path, overwrite, await open(part, 'wx', MODE), pack);
  } catch (error) {
    throw unwritable(path, error);
  }
}

/** Standard output: who reads it knows by the exit code whether it is whole. */
export function dumpToStream(out: ByteTaker): DumpOutput {
  const writer = new PacedWriter(out);
  return {
    writer,
    commit: () => writer.flushed(),
    discard: () => Promise.resolve(),
    explain: (error) => (isNaruError(error) ? error : unwritable('Standard output', error)),
  };
}

class RdbFile implements DumpOutput {
  readonly writer: PacedWriter;
  readonly #path: string;
  readonly #overwrite: boolean;
  readonly #handle: FileHandle;
  readonly #head: Writable;
  readonly #written: Promise<void>;
  #failure: unknown;

  constructor(path: string, overwrite: boolean, handle: FileHandle, pack: Transform | undefined) {
    this.#path = path;
    this.#overwrite = overwrite;
    this.#handle = handle;
    const file = writableTo(handle);
    this.#head = pack ?? file;
    this.#written = pack === undefined ? finished(file) : pipeline(pack, file);
    this.#written.catch((error: unknown) => {
      this.#failure ??= error;
    });
    this.writer = new PacedWriter(this.#head);
  }

  async commit(): Promise<void> {
    try {
      await this.writer.flushed();
      this.#head.end();
      await this.#written;
      await this.#handle.sync();
      await this.#handle.close();
      await refuseExisting(this.#path, this.#overwrite);
      await rename(`${this.#path}.part`, this.#path);
      await syncFolder(dirname(this.#path));
    } catch (error) {
      throw this.explain(error);
    }
  }

  async discard(): Promise<void> {
    this.#head.destroy();
    await this.#written.catch(() => {});
    await this.#handle.close().catch(() => {});
    await rm(`${this.#path}.part`, { force: true }).catch(() => {});
  }

  explain(error: unknown): unknown {
    return isNaruError(error) ? error : unwritable(this.#path, this.#failure ?? error);
  }
}

/** A stream that leaves the closing to its maker, who first wants the bytes on the disk. */
function writableTo(handle: FileHandle): Writable {
  return new Writable({
    write: (bytes: Buffer, _, written) => {
      // All of it, at the end of what was written before.
      handle.writeFile(bytes).then(() => written(), written);
    },
  });
}

async function refuseExisting(path: string, overwrite: boolean): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined || (overwrite && found.isFile())) return;
  const what = found.isFile() ? 'exists' : 'is no regular file';
  throw new NaruError('FILE_EXISTS', `${path} ${what}`, { side: 'target', node: path });
}

/** So that the name outlives a loss of power, too. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** What hindered the writing of a file, as an error that names it. */
export function unwritable(path: string, error: unknown): NaruError {
  const reason = (error as NodeJS.ErrnoException | undefined)?.code ?? String(error);
  return new NaruError('FILE_UNWRITABLE', `${path} can not be written: ${reason}`, {
    side: 'target',
    node: path,
  });
}

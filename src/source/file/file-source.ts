/** Files as a source: RDB and AOF in all their forms. */
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { NaruError } from '../../errors/errors.ts';
import { type ByteFile, openByteFile, STDIN } from './byte-file.ts';
import { type Compression, detectKind } from './detect.ts';
import { toFileError } from './failures.ts';
import { findManifest, isManifest, manifestParts, REDIS_FOLDER } from './manifest-files.ts';

/** One of the files that make up a source. */
export interface FilePart {
  /** without folders; `-` for standard input */
  readonly name: string;
  readonly path: string;
  /** size as it lies there; undefined: a pipe */
  readonly bytes: number | undefined;
  readonly last: boolean;
}

/** `enough`: what follows is not wanted. */
export type Wish = 'more' | 'enough';

/**
 * Who takes the bytes of a file source. For each file in turn: `partBegins`, `write` for its bytes in order, `partEnds`. The source reads on
 * when what `write` or `partEnds` returned has settled, so a slice is valid until then, and a slow taker slows the reading down. An error
 * thrown here ends the reading and comes out of `read` as it is.
 */
export interface FileConsumer {
  partBegins(part: FilePart): void;
  /** At most `SLICE_BYTES` bytes, at least one. */
  write(slice: Buffer): Wish | Promise<Wish>;
  /** Not called where `write` said `enough`. */
  partEnds(part: FilePart): Wish | Promise<Wish>;
}

/**
 * A file, a set of files or standard input that holds the data of a Redis. Opening it tells what it is; `read` gives its bytes, unpacked, once.
 *
 * - `rdb`: an RDB and nothing else
 * - `aof`: one file of commands, with or without an RDB at its beginning
 * - `aof-dir`: the files of a multi-part AOF (Redis 7 and newer), given one behind the other
 *
 * Not in here: what the bytes mean (`decodeFile`), and whether a file breaks off.
 */
export interface FileSource {
  readonly kind: 'rdb' | 'aof' | 'aof-dir';
  readonly compression: Compression | undefined;
  /** Bytes as they lie there, over all parts; undefined: not known before the end. A file that is still written to can become larger. */
  readonly bytesTotal: number | undefined;
  /** how many of them have been read: progress is `bytesRead / bytesTotal` */
  readonly bytesRead: number;
  /** Reads to the end, or until the consumer has enough. Throws NaruError FILE_UNREADABLE, FILE_TRUNCATED and BAD_FORMAT (compressed data). */
  read(consumer: FileConsumer): Promise<void>;
  /** Lets go of what is open; needed where `read` is never called. */
  close(): void;
}

export const SLICE_BYTES: number = 64 * 1024;

/**
 * Opens `-` (standard input), a file (its first bytes tell what it is; a name that ends in `.manifest` means a multi-part AOF) or a directory
 * with exactly one manifest, in itself or in its `appendonlydir`. Throws NaruError FILE_UNREADABLE and FILE_UNKNOWN. `signal` ends the wait for
 * a pipe that gives nothing, now and at later parts; what is thrown then says nothing of use.
 */
export async function openFileSource(path: string, signal?: AbortSignal): Promise<FileSource> {
  if (path === STDIN) return openSingle(path, signal);
  if (await isDirectory(path)) return openManifest(await findManifest(path), signal);
  return isManifest(path) ? openManifest(path, signal) : openSingle(path, signal);
}

/**
 * The files that a path stands for: those whose names end in `.rdb`, maybe packed, of a folder that holds such and no multi-part AOF (one RDB of each
 * master of a cluster, say); else the path itself. Throws NaruError FILE_UNREADABLE.
 */
export async function filesAt(path: string): Promise<string[]> {
  if (path === STDIN || !(await isDirectory(path))) return [path];
  const names = await readdir(path).catch((error: unknown) => Promise.reject(toFileError(error, path)));
  const isAof = names.some((name) => isManifest(name) || name === REDIS_FOLDER);
  const rdbs = isAof ? [] : names.filter((name) => /\.rdb(\.gz|\.zst)?$/.test(name)).sort();
  return rdbs.length === 0 ? [path] : rdbs.map((name) => join(path, name));
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    throw toFileError(error, path);
  }
}

async function openSingle(path: string, signal: AbortSignal | undefined): Promise<FileSource> {
  const file = await openByteFile(path, signal);
  const kind = detectKind(file.head);
  if (kind === undefined) {
    file.close();
    throw unknownFile(path, file.head);
  }
  const part = { name: path === STDIN ? path : basename(path), path, bytes: file.bytesTotal, last: true };
  return new Files(kind, [part], file, signal);
}

async function openManifest(path: string, signal: AbortSignal | undefined): Promise<FileSource> {
  return new Files('aof-dir', await manifestParts(path), undefined, signal);
}

function unknownFile(path: string, head: Buffer): NaruError {
  const name = path === STDIN ? 'Standard input' : path;
  const begin = JSON.stringify(head.toString('latin1', 0, 16));
  const what = head.length === 0 ? 'is empty' : `is neither an RDB nor an AOF: it begins with ${begin}`;
  return new NaruError('FILE_UNKNOWN', `${name} ${what}`, { side: 'source', node: path, offset: 0 });
}

class Files implements FileSource {
  readonly kind: FileSource['kind'];
  readonly compression: Compression | undefined;
  readonly bytesTotal: number | undefined;
  readonly #parts: readonly FilePart[];
  readonly #signal: AbortSignal | undefined;
  #file: ByteFile | undefined;
  /** bytes of the parts before the one that is open */
  #bytesBefore = 0;

  /** `first`: the first part, where it is open already */
  constructor(
    kind: FileSource['kind'],
    parts: readonly FilePart[],
    first: ByteFile | undefined,
    signal: AbortSignal | undefined,
  ) {
    this.kind = kind;
    this.#parts = parts;
    this.#signal = signal;
    this.#file = first;
    this.compression = first?.compression;
    this.bytesTotal = parts.reduce<number | undefined>((sum, { bytes }) => add(sum, bytes), 0);
  }

  get bytesRead(): number {
    return this.#bytesBefore + (this.#file?.bytesRead ?? 0);
  }

  async read(consumer: FileConsumer): Promise<void> {
    try {
      for (const part of this.#parts) {
        this.#file ??= await openByteFile(part.path, this.#signal);
        if ((await readPart(part, this.#file, consumer)) === 'enough') return;
        this.#bytesBefore += this.#file.bytesRead;
        this.#file = undefined;
      }
    } finally {
      this.close();
    }
  }

  close(): void {
    this.#file?.close();
  }
}

const add = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? undefined : a + b;

async function readPart(part: FilePart, file: ByteFile, consumer: FileConsumer): Promise<Wish> {
  consumer.partBegins(part);
  for await (const chunk of file.chunks) {
    for (let start = 0; start < chunk.length; start += SLICE_BYTES) {
      const wish = consumer.write(chunk.subarray(start, Math.min(start + SLICE_BYTES, chunk.length)));
      // A taker that has room costs no turn of the loop.
      if ((typeof wish === 'string' ? wish : await wish) === 'enough') return 'enough';
    }
  }
  return consumer.partEnds(part);
}

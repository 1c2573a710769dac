/** One file's bytes, unpacked. */
import { constants, openSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Socket } from 'node:net';
import type { Transform } from 'node:stream';
import { type Compression, detectCompression, HEAD_BYTES } from './detect.ts';
import { toFileError } from './failures.ts';
import { FileChunks } from './file-chunks.ts';
import { unpacker } from './unpacker.ts';

/** By which compression is told. */
const MAGIC_BYTES = 4;

/** The path that means standard input. */
export const STDIN = '-';

/** An open file, read once from its beginning to its end. What is read ahead of who takes it is a chunk or two. */
export interface ByteFile {
  /** size as it lies there, so maybe compressed; undefined: a pipe */
  readonly bytesTotal: number | undefined;
  /** how much of that has been read */
  readonly bytesRead: number;
  readonly compression: Compression | undefined;
  /** the first bytes, unpacked: `HEAD_BYTES` or more where there are so many */
  readonly head: Buffer;
  /** all bytes from the first one on, unpacked; a chunk is valid until the next one is asked for */
  readonly chunks: AsyncIterable<Buffer>;
  close(): void;
}

/**
 * Throws NaruError FILE_UNREADABLE, FILE_UNKNOWN (zstd where this Node has none), and for damaged compressed data; so do its chunks. A pipe
 * may keep it waiting for the first bytes: `signal` ends that.
 */
export async function openByteFile(path: string, signal?: AbortSignal): Promise<ByteFile> {
  const count = { bytesRead: 0 };
  const bytesTotal = path === STDIN ? undefined : await fileSize(path);
  const stream = path === STDIN ? process.stdin : await openStream(path);
  const close = (): void => void stream.destroy();
  signal?.addEventListener('abort', close, { once: true });
  if (signal?.aborted) close();
  try {
    const raw = await withHead(rawChunks(stream, path, count), MAGIC_BYTES);
    const compression = detectCompression(raw.head);
    const unpacked = compression === undefined ? raw.chunks : unpack(raw.chunks, path, compression);
    const { head, chunks } = await withHead(unpacked, HEAD_BYTES);
    return {
      bytesTotal,
      compression,
      head,
      chunks,
      get bytesRead() {
        return count.bytesRead;
      },
      close,
    };
  } catch (error) {
    close();
    throw error;
  } finally {
    signal?.removeEventListener('abort', close);
  }
}

/**
 * A named pipe is read as standard input is, when there is something. Opened like a file, it would keep a thread until a writer comes, and
 * with it the whole process.
 */
async function openStream(path: string): Promise<AsyncIterable<Buffer> & { destroy(): void }> {
  try {
    if ((await stat(path)).isFIFO()) {
      const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
      return new Socket({ fd, readable: true, writable: false });
    }
  } catch (error) {
    throw toFileError(error, path);
  }
  return FileChunks.open(path);
}

/** Size in bytes, undefined where it is no regular file (a pipe with a name, say). */
export async function fileSize(path: string): Promise<number | undefined> {
  try {
    const found = await stat(path);
    return found.isFile() ? found.size : undefined;
  } catch (error) {
    throw toFileError(error, path);
  }
}

async function* rawChunks(
  stream: AsyncIterable<Buffer>,
  path: string,
  count: { bytesRead: number },
): AsyncGenerator<Buffer, void> {
  try {
    for await (const chunk of stream) {
      count.bytesRead += chunk.length;
      yield chunk;
    }
  } catch (error) {
    throw toFileError(error, path);
  }
}

/** Pulls chunks until `bytes` are there or the end is, and gives them all back in front of the rest. */
async function withHead(
  chunks: AsyncGenerator<Buffer, void>,
  bytes: number,
): Promise<{ head: Buffer; chunks: AsyncGenerator<Buffer, void> }> {
  const held: Buffer[] = [];
  for (let length = 0; length < bytes; ) {
    const next = await chunks.next();
    if (next.done === true) break;
    // The next chunk may come in the same buffer.
    held.push(Buffer.from(next.value));
    length += next.value.length;
  }
  return { head: Buffer.concat(held), chunks: chain(held, chunks) };
}

async function* chain(held: Buffer[], rest: AsyncGenerator<Buffer, void>): AsyncGenerator<Buffer, void> {
  for (let chunk = held.shift(); chunk !== undefined; chunk = held.shift()) yield chunk;
  yield* rest;
}

async function* unpack(
  packed: AsyncGenerator<Buffer, void>,
  path: string,
  compression: Compression,
): AsyncGenerator<Buffer, void> {
  const unpacking = unpacker(compression, path) as Transform & { readonly bytesWritten: number };
  feed(packed, unpacking).catch((error: Error) => unpacking.destroy(error));
  try {
    for await (const chunk of unpacking as AsyncIterable<Buffer>) yield chunk;
  } catch (error) {
    // Up to here its packed bytes were good.
    throw toFileError(error, path, unpacking.bytesWritten);
  }
}

/** Each chunk is used up before the next one is asked for. A failure of the unpacker itself comes out of the iteration over it. */
async function feed(packed: AsyncGenerator<Buffer, void>, unpacking: Transform): Promise<void> {
  for await (const chunk of packed) {
    await new Promise<void>((resolve) => void unpacking.write(chunk, () => resolve()));
    if (unpacking.destroyed) return;
  }
  unpacking.end();
}

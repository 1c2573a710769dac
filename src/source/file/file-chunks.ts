import { type FileHandle, open } from 'node:fs/promises';
import { toFileError } from './failures.ts';

/** Large enough that the way through the thread pool costs little per byte. */
const CHUNK_BYTES = 256 * 1024;

/**
 * A file's bytes in two buffers in turn: while one is taken, the other is filled. A chunk is valid until the next one is asked for. (A new
 * buffer for each chunk, as a stream of Node makes it, dies slowly: 60 MiB of them piled up.)
 */
export class FileChunks implements AsyncIterable<Buffer> {
  readonly #handle: FileHandle;
  readonly #path: string;
  #closed = false;

  private constructor(handle: FileHandle, path: string) {
    this.#handle = handle;
    this.#path = path;
  }

  /** Throws NaruError FILE_UNREADABLE; so does the iteration. */
  static async open(path: string): Promise<FileChunks> {
    try {
      return new FileChunks(await open(path, 'r'), path);
    } catch (error) {
      throw toFileError(error, path);
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void> {
    let front: Buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
    let back: Buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
    let reading = this.#read(front);
    try {
      for (let bytes = await reading; bytes > 0; bytes = await reading) {
        if (this.#closed) throw new Error('it was closed');
        reading = this.#read(back);
        yield front.subarray(0, bytes);
        [front, back] = [back, front];
      }
    } catch (error) {
      throw toFileError(error, this.#path);
    } finally {
      this.destroy();
    }
  }

  /** The iteration ends with an error, unless it has come to the end. */
  destroy(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#handle.close().catch(() => {});
  }

  #read(buffer: Buffer): Promise<number> {
    const reading = this.#handle.read(buffer, 0, buffer.length).then(({ bytesRead }) => bytesRead);
    // One that is read ahead may never be asked for.
    reading.catch(() => {});
    return reading;
  }
}

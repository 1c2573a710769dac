import { closeSync, ftruncateSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';

/** 256 bytes: see fingerprints.ts for what is in them. */
export const CHUNK_WORDS = 64;
const CHUNK_BYTES = CHUNK_WORDS * 4;
const SLAB_CHUNKS = 1024;
const SLAB_SHIFT = 10;
const SLAB_BYTES = SLAB_CHUNKS * CHUNK_BYTES;

/**
 * Chunks of 256 bytes by number, from 1 on: the first ones in memory (slabs of 256 KiB), those beyond the bound in a file, which is read and
 * written synchronously: the system's page cache is what makes that fast, and gives its memory back when others need it.
 *
 * One chunk is open at a time: `words[base, base + 64)` and, as bytes, `bytes[4 * base, ...)`. One that was changed has to be saved before
 * another is opened.
 */
export class ChunkStore {
  words: Uint32Array;
  bytes: Uint8Array;
  base = 0;
  /** the number of the chunk that is open */
  chunk = 0;
  readonly #path: string;
  readonly #memoryChunks: number;
  readonly #slabs: { words: Uint32Array; bytes: Uint8Array }[] = [];
  readonly #scratchWords = new Uint32Array(CHUNK_WORDS);
  readonly #scratch = new Uint8Array(this.#scratchWords.buffer);
  #count = 0;
  /** chunks that are free, as a list through their first words */
  #free = 0;
  #fd = -1;

  /** The file is made when the memory, `memoryBytes`, is used up, and is removed by `close`. */
  constructor(path: string, memoryBytes: number) {
    this.#path = path;
    this.#memoryChunks = Math.floor(memoryBytes / SLAB_BYTES) * SLAB_CHUNKS;
    this.words = this.#scratchWords;
    this.bytes = this.#scratch;
  }

  get memoryBytes(): number {
    return this.#slabs.length * SLAB_BYTES;
  }

  get fileBytes(): number {
    return Math.max(0, this.#count - this.#memoryChunks) * CHUNK_BYTES;
  }

  open(chunk: number): void {
    if (chunk === this.chunk) return;
    this.chunk = chunk;
    const index = chunk - 1;
    if (index < this.#memoryChunks) {
      const slab = this.#slabs[index >>> SLAB_SHIFT] as { words: Uint32Array; bytes: Uint8Array };
      this.words = slab.words;
      this.bytes = slab.bytes;
      this.base = (index & (SLAB_CHUNKS - 1)) * CHUNK_WORDS;
      return;
    }
    this.#openScratch();
    const read = readSync(this.#fd, this.#scratch, 0, CHUNK_BYTES, this.#place(chunk));
    if (read !== CHUNK_BYTES) throw new Error(`${this.#path} has become shorter`);
  }

  /** What was changed in the open chunk stays. */
  save(): void {
    if (this.words !== this.#scratchWords) return;
    writeSync(this.#fd, this.#scratch, 0, CHUNK_BYTES, this.#place(this.chunk));
  }

  /** Opens a chunk that was free; what is in it is anything. */
  take(): number {
    if (this.#free !== 0) {
      this.open(this.#free);
      this.#free = this.words[this.base] as number;
      return this.chunk;
    }
    this.#count++;
    if (this.#count <= this.#memoryChunks) {
      if (this.#slabs.length * SLAB_CHUNKS < this.#count) {
        const words = new Uint32Array(SLAB_BYTES / 4);
        this.#slabs.push({ words, bytes: new Uint8Array(words.buffer) });
      }
      this.open(this.#count);
      return this.#count;
    }
    if (this.#fd < 0) this.#fd = openSync(this.#path, 'w+', 0o600);
    this.#openScratch();
    this.chunk = this.#count;
    return this.#count;
  }

  free(chunk: number): void {
    this.open(chunk);
    this.words[this.base] = this.#free;
    this.save();
    this.#free = chunk;
  }

  close(): void {
    this.#slabs.length = 0;
    this.chunk = 0;
    if (this.#fd < 0) return;
    // The room is given back at once, also where somebody else has the file open.
    ftruncateSync(this.#fd, 0);
    closeSync(this.#fd);
    unlinkSync(this.#path);
    this.#fd = -1;
  }

  #openScratch(): void {
    this.words = this.#scratchWords;
    this.bytes = this.#scratch;
    this.base = 0;
  }

  #place(chunk: number): number {
    return (chunk - 1 - this.#memoryChunks) * CHUNK_BYTES;
  }
}

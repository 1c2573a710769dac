import { Fingerprints, SAME } from './fingerprints.ts';

const MEMORY_BYTES = 16 * 1024 * 1024;

/**
 * Keys that SCAN has told, so that one that is told twice is not taken for a key that was in the target before. SCAN does that while a table grows or
 * shrinks, and whenever a walk begins anew. Of a key 64 bits are kept, about 8 bytes: in a scan of 100 million keys one is taken for
 * another with a probability of 0.0003.
 */
export class ToldKeys {
  readonly #path: string;
  readonly #keysExpected: number | undefined;
  #prints: Fingerprints;

  /** `path`: for what does not fit into 16 MiB; removed by `close`. */
  constructor(path: string, keysExpected: number | undefined) {
    this.#path = path;
    this.#keysExpected = keysExpected;
    this.#prints = this.#make();
  }

  /** Whether `buf[start, end)` was not told before; from now on it was. */
  isNew(db: number, buf: Buffer, start: number, end: number): boolean {
    return this.#prints.note(db, buf, start, end, 0, 0, -1) !== SAME;
  }

  /** Keys are to be read again that were read before. */
  clear(): void {
    this.close();
    this.#prints = this.#make();
  }

  close(): void {
    this.#prints.close();
  }

  #make(): Fingerprints {
    const keysExpected = this.#keysExpected;
    return new Fingerprints({
      path: this.#path,
      memoryBytes: MEMORY_BYTES,
      ...(keysExpected !== undefined && { keysExpected }),
    });
  }
}

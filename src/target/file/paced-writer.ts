/** Anything that takes bytes and says when they are on their way: a file, a compressor, standard output. */
export interface ByteTaker {
  write(bytes: Uint8Array, written: (error?: Error | null) => void): boolean;
}

/** Bytes that may wait for who takes them; with more, whoever makes them has to wait. */
const WAITING_BYTES_MAX = 1024 * 1024;

/** Passes bytes on, and knows whether the other side keeps up. The first failure counts, and is thrown from then on. */
export class PacedWriter {
  readonly #taker: ByteTaker;
  #waiting = 0;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(taker: ByteTaker) {
    this.#taker = taker;
  }

  /** `done`: the bytes may be changed again. */
  write(bytes: Uint8Array, done?: () => void): void {
    this.#waiting += bytes.length;
    this.#taker.write(bytes, (error) => {
      this.#waiting -= bytes.length;
      this.#failure ??= error ?? undefined;
      done?.();
      this.#wake?.();
    });
  }

  /** undefined: there is room now. */
  room(): Promise<void> | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    return this.#waiting <= WAITING_BYTES_MAX ? undefined : this.#until(WAITING_BYTES_MAX);
  }

  /** Resolves when nothing waits. */
  async flushed(): Promise<void> {
    await this.#until(0);
  }

  async #until(bytes: number): Promise<void> {
    while (this.#waiting > bytes && this.#failure === undefined) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#failure !== undefined) throw this.#failure;
  }
}

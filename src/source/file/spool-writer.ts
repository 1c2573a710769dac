import type { Spool } from '../../spool/spool.ts';

/** Writes to a spool from where nobody can wait: what it has no room for is kept until `flushed`. */
export class SpoolWriter {
  readonly #spool: Spool;
  readonly #waiting: Buffer[] = [];
  #at = 0;

  constructor(spool: Spool) {
    this.#spool = spool;
  }

  /** The spool offset behind all that was written. */
  get at(): number {
    return this.#at;
  }

  get isFlushed(): boolean {
    return this.#waiting.length === 0;
  }

  write(buf: Buffer, start: number, end: number): void {
    this.#at += end - start;
    const from = this.isFlushed ? this.#copy(buf, start, end) : start;
    if (from < end) this.#waiting.push(Buffer.from(buf.subarray(from, end)));
  }

  /** Resolves when the spool has everything. Rejects with what befell the spool. */
  async flushed(): Promise<void> {
    for (const buf of this.#waiting) {
      for (let at = 0; at < buf.length && !this.#spool.closed; ) {
        if (!this.#spool.writable) await this.#spool.whenWritable();
        at = this.#copy(buf, at, buf.length);
      }
    }
    this.#waiting.length = 0;
  }

  /** Returns up to where there was room. */
  #copy(buf: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end && this.#spool.writable) {
      const bytes = buf.copy(this.#spool.space(), 0, at, end);
      this.#spool.commit(bytes);
      at += bytes;
    }
    return at;
  }
}

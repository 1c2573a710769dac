/**
 * Values under way at most, by count and by size: enough to keep source and network busy, little for the source to hold. More is asked for when it is half
 * empty, so that questions go out many at once: the source takes a system call for each that comes alone.
 */
const KEYS = 4096;
const BYTES = 1024 * 1024;

/** Values that are asked for and have not come yet. `share`: of the full load, see Load. */
export class Window {
  #keys = 0;
  #bytes = 0;

  began(bytes: number): void {
    this.#keys++;
    this.#bytes += bytes;
  }

  ended(bytes: number): void {
    this.#keys--;
    this.#bytes -= bytes;
  }

  clear(): void {
    this.#keys = 0;
    this.#bytes = 0;
  }

  isHalfFull(share: number): boolean {
    return this.#keys > (KEYS / 2) * share || this.#bytes > (BYTES / 2) * share;
  }

  /** Whether a value of so many bytes has to wait; one goes always. */
  isFull(bytes: number, share: number): boolean {
    return this.#keys > 0 && (this.#keys >= KEYS * share || this.#bytes + bytes > BYTES * share);
  }
}

// What can be asked. SIZE, TYPE and LENGTH (2 to 4) are the Sizer's.
export const SCAN = 1;
export const TIME = 5;
export const EXPIRY = 6;
export const VALUE = 7;

/** What was asked, in the order in which the answers come. */
export class Kinds {
  #ring = new Uint8Array(4096);
  #head = 0;
  #tail = 0;

  get count(): number {
    return this.#head - this.#tail;
  }

  get first(): number {
    return this.#ring[this.#tail & (this.#ring.length - 1)] as number;
  }

  push(kind: number): void {
    if (this.count === this.#ring.length) this.#grow();
    this.#ring[this.#head++ & (this.#ring.length - 1)] = kind;
  }

  shift(): void {
    this.#tail++;
  }

  clear(): void {
    this.#head = 0;
    this.#tail = 0;
  }

  #grow(): void {
    const ring = new Uint8Array(2 * this.#ring.length);
    for (let at = this.#tail; at < this.#head; at++) {
      ring[at & (ring.length - 1)] = this.#ring[at & (this.#ring.length - 1)] as number;
    }
    this.#ring = ring;
  }
}

const LOW = 0x811c9dc5;
const LOW_PRIME = 0x01000193;
const HIGH = 0x9e3779b9;
const HIGH_PRIME = 0x85ebca6b;

/**
 * A set of keys, of which only 64 bits each are kept: two keys are taken for one with a chance of n / 2^64, where n are in the set. 16 bytes a key at
 * most, 32 while it grows.
 */
export class NameSet {
  #slots: Uint32Array = new Uint32Array(2 * 1024);
  #size = 0;

  has(buf: Buffer, start: number, end: number): boolean {
    const low = hash(buf, start, end, LOW, LOW_PRIME);
    const high = hash(buf, start, end, HIGH, HIGH_PRIME) | 1;
    return this.#slots[placeOf(this.#slots, low, high) + 1] !== 0;
  }

  /** False: it was there. */
  add(buf: Buffer, start: number, end: number): boolean {
    if (this.#size * 4 > this.#slots.length) this.#grow();
    const low = hash(buf, start, end, LOW, LOW_PRIME);
    const high = hash(buf, start, end, HIGH, HIGH_PRIME) | 1;
    const added = place(this.#slots, low, high);
    if (added) this.#size++;
    return added;
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(old.length * 2);
    for (let i = 0; i < old.length; i += 2) {
      if (old[i + 1] !== 0) place(this.#slots, old[i] as number, old[i + 1] as number);
    }
  }
}

function place(slots: Uint32Array, low: number, high: number): boolean {
  const at = placeOf(slots, low, high);
  const isFree = slots[at + 1] === 0;
  slots[at] = low;
  slots[at + 1] = high;
  return isFree;
}

/** Where it is, or the free slot where it would be. A high half is odd, so that 0 is a free slot. It ends: half of the slots are free. */
function placeOf(slots: Uint32Array, low: number, high: number): number {
  const mask = slots.length - 1;
  for (let at = (low * 2) & mask; ; at = (at + 2) & mask) {
    if (slots[at + 1] === 0) return at;
    if (slots[at] === low >>> 0 && slots[at + 1] === high >>> 0) return at;
  }
}

function hash(buf: Buffer, start: number, end: number, seed: number, prime: number): number {
  let value = seed ^ (end - start);
  for (let pos = start; pos < end; pos++) value = Math.imul(value ^ (buf[pos] as number), prime);
  value = Math.imul(value ^ (value >>> 15), 0x2c1b3c6d);
  value = Math.imul(value ^ (value >>> 12), 0x297a2d39);
  return (value ^ (value >>> 15)) >>> 0;
}

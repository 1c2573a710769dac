/** Names by a hash of their bytes, in any case, so that a look-up makes no string. */
const CASE = 0xdf;

export class NameIndex<T> {
  readonly #names: Buffer[] = [];
  readonly #values: T[] = [];
  /** 1 + index of a name; 0: free. A power of two, at most a quarter full: most look-ups touch one slot. */
  #slots: Uint16Array = new Uint16Array(16);
  /** A longer name is not looked at: what an argument is, is the client's choice. */
  #bytesMax = 0;

  get size(): number {
    return this.#names.length;
  }

  /** The values, in the order in which they were set. */
  values(): readonly T[] {
    return this.#values;
  }

  /** A name that is there already keeps its first value. Names are ASCII. */
  add(name: string, value: T): void {
    const bytes = Buffer.from(name.toUpperCase(), 'latin1');
    if (this.get(bytes, 0, bytes.length) !== undefined) return;
    this.#names.push(bytes);
    this.#values.push(value);
    this.#bytesMax = Math.max(this.#bytesMax, bytes.length);
    if (this.#names.length * 4 > this.#slots.length) this.#rebuild(this.#slots.length * 2);
    else this.#place(this.#names.length - 1);
  }

  /** The value for the name `buf[start, end)`. */
  get(buf: Buffer, start: number, end: number): T | undefined {
    if (end - start > this.#bytesMax) return undefined;
    const slots = this.#slots;
    let slot = hash(buf, start, end) & (slots.length - 1);
    // It ends: three quarters of the slots are free.
    for (let entry = slots[slot] as number; entry !== 0; entry = slots[slot] as number) {
      if (isWord(buf, start, end, this.#names[entry - 1] as Buffer)) return this.#values[entry - 1];
      slot = (slot + 1) & (slots.length - 1);
    }
    return undefined;
  }

  #rebuild(size: number): void {
    this.#slots = new Uint16Array(size);
    for (let index = 0; index < this.#names.length; index++) this.#place(index);
  }

  #place(index: number): void {
    const name = this.#names[index] as Buffer;
    const mask = this.#slots.length - 1;
    let slot = hash(name, 0, name.length) & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = index + 1;
  }
}

/** Whether `buf[start, end)` is `word` (ASCII capitals) in any case. */
export function isWord(buf: Buffer, start: number, end: number, word: Buffer): boolean {
  if (end - start !== word.length) return false;
  for (let i = 0; i < word.length; i++) {
    const byte = buf[start + i] as number;
    const letter = byte >= 0x61 && byte <= 0x7a ? byte & CASE : byte;
    if (letter !== word[i]) return false;
  }
  return true;
}

function hash(buf: Buffer, start: number, end: number): number {
  let value = end - start;
  for (let pos = start; pos < end; pos++) value = (Math.imul(value, 31) + ((buf[pos] as number) & CASE)) | 0;
  return value ^ (value >>> 15);
}

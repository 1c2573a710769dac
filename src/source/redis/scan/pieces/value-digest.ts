import { Crc64 } from '../../../../protocol/checksum/crc64.ts';

const LENGTH = Buffer.alloc(4);

/**
 * A digest of a value that was read by its elements, for fingerprints: 64 bits. An item is one or several strings that belong together, and items
 * count in their order (lists, streams) or in none (sets, hashes, sorted sets: a server gives them in any). There, an item that is given twice
 * makes another digest, so that the value seems to have changed: harmless.
 */
export class ValueDigest {
  low = 0;
  high = 0;
  /** Not all of the value is in it: two that are the same say nothing. */
  vague = false;
  readonly #crc = new Crc64();
  #ordered = true;
  #count = 0;

  begin(ordered: boolean): void {
    this.#ordered = ordered;
    this.vague = false;
    this.low = 0;
    this.high = 0;
    this.#count = 0;
    this.#crc.reset();
  }

  /** A string of the item under way. */
  part(buf: Buffer): void {
    LENGTH.writeUInt32LE(buf.length, 0);
    this.#crc.update(LENGTH, 0, 4);
    this.#crc.update(buf, 0, buf.length);
  }

  itemEnd(): void {
    this.#count++;
    if (this.#ordered) return;
    const { hi, lo } = this.#crc;
    // A CRC is linear: without this, sums of different items would meet.
    this.low = (this.low + mixed(lo ^ Math.imul(hi, 0x9e3779b1))) | 0;
    this.high = (this.high + mixed(hi ^ Math.imul(lo, 0x85ebca6b))) | 0;
    this.#crc.reset();
  }

  end(): void {
    if (this.#ordered) {
      this.low = this.#crc.lo | 0;
      this.high = this.#crc.hi | 0;
    }
    this.low ^= this.#count;
  }
}

function mixed(value: number): number {
  const once = Math.imul(value ^ (value >>> 16), 0x7feb352d);
  const twice = Math.imul(once ^ (once >>> 15), 0x846ca68b);
  return twice ^ (twice >>> 16);
}

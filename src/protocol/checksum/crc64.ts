/**
 * Redis's CRC-64 (Redis src/crc64.c): polynomial 0xad93d23594c935a9 (Jones), reflected, initial value 0, no final xor.
 * The check value of "123456789" is e9c6d914c4b8d9ca.
 *
 * Slicing-by-8: table k holds the CRC of a byte that is followed by k zero bytes, so eight bytes are taken in with sixteen look-ups and no
 * dependency between them. A 64-bit value is a pair of 32-bit halves, since BigInt would allocate.
 */

/** 0xad93d23594c935a9 with its bits reversed. */
const POLY_HI = 0x95ac9329;
const POLY_LO = 0xac4bc9b5;

function firstTable(hi: Uint32Array, lo: Uint32Array): void {
  for (let byte = 0; byte < 256; byte++) {
    let h = 0;
    let l = byte;
    for (let bit = 0; bit < 8; bit++) {
      const odd = l & 1;
      l = (l >>> 1) | (h << 31);
      h >>>= 1;
      if (odd !== 0) {
        h ^= POLY_HI;
        l ^= POLY_LO;
      }
    }
    hi[byte] = h;
    lo[byte] = l;
  }
}

function nextTable(hi: Uint32Array, lo: Uint32Array, prevHi: Uint32Array, prevLo: Uint32Array): void {
  for (let byte = 0; byte < 256; byte++) {
    const h = prevHi[byte] as number;
    const l = prevLo[byte] as number;
    hi[byte] = (h >>> 8) ^ (H0[l & 255] as number);
    lo[byte] = ((l >>> 8) | (h << 24)) ^ (L0[l & 255] as number);
  }
}

// Sixteen constants rather than arrays of arrays: this way the engine keeps each table's address in the loop.
const table = (): Uint32Array => new Uint32Array(256);
const H0 = table();
const H1 = table();
const H2 = table();
const H3 = table();
const H4 = table();
const H5 = table();
const H6 = table();
const H7 = table();
const L0 = table();
const L1 = table();
const L2 = table();
const L3 = table();
const L4 = table();
const L5 = table();
const L6 = table();
const L7 = table();
firstTable(H0, L0);
nextTable(H1, L1, H0, L0);
nextTable(H2, L2, H1, L1);
nextTable(H3, L3, H2, L2);
nextTable(H4, L4, H3, L3);
nextTable(H5, L5, H4, L4);
nextTable(H6, L6, H5, L5);
nextTable(H7, L7, H6, L6);

export class Crc64 {
  /** The upper and the lower half of the value, as 32-bit integers (signed or not). */
  hi = 0;
  lo = 0;

  reset(): void {
    this.hi = 0;
    this.lo = 0;
  }

  /** Takes in `buf[start, end)`. */
  update(buf: Uint8Array, start: number, end: number): void {
    let hi = this.hi;
    let lo = this.lo;
    let pos = start;
    for (const stop = end - 7; pos < stop; pos += 8) {
      // Each index is masked from its own byte: joining four bytes into a word first ran at half the speed.
      const a = ((buf[pos] as number) ^ lo) & 255;
      const b = ((buf[pos + 1] as number) ^ (lo >>> 8)) & 255;
      const c = ((buf[pos + 2] as number) ^ (lo >>> 16)) & 255;
      const d = ((buf[pos + 3] as number) ^ (lo >>> 24)) & 255;
      const e = ((buf[pos + 4] as number) ^ hi) & 255;
      const f = ((buf[pos + 5] as number) ^ (hi >>> 8)) & 255;
      const g = ((buf[pos + 6] as number) ^ (hi >>> 16)) & 255;
      const h = ((buf[pos + 7] as number) ^ (hi >>> 24)) & 255;
      hi =
        (H7[a] as number) ^
        (H6[b] as number) ^
        (H5[c] as number) ^
        (H4[d] as number) ^
        (H3[e] as number) ^
        (H2[f] as number) ^
        (H1[g] as number) ^
        (H0[h] as number);
      lo =
        (L7[a] as number) ^
        (L6[b] as number) ^
        (L5[c] as number) ^
        (L4[d] as number) ^
        (L3[e] as number) ^
        (L2[f] as number) ^
        (L1[g] as number) ^
        (L0[h] as number);
    }
    for (; pos < end; pos++) {
      const i = (lo ^ (buf[pos] as number)) & 255;
      lo = ((lo >>> 8) | (hi << 24)) ^ (L0[i] as number);
      hi = (hi >>> 8) ^ (H0[i] as number);
    }
    this.hi = hi;
    this.lo = lo;
  }

  /** Writes the value as 8 bytes, little endian, to `buf[pos, pos + 8)`. */
  writeTo(buf: Uint8Array, pos: number): void {
    const { hi, lo } = this;
    buf[pos] = lo;
    buf[pos + 1] = lo >>> 8;
    buf[pos + 2] = lo >>> 16;
    buf[pos + 3] = lo >>> 24;
    buf[pos + 4] = hi;
    buf[pos + 5] = hi >>> 8;
    buf[pos + 6] = hi >>> 16;
    buf[pos + 7] = hi >>> 24;
  }

  /** Whether `buf[pos, pos + 8)` holds the value, little endian. */
  equals(buf: Uint8Array, pos: number): boolean {
    return readInt32(buf, pos) === (this.lo | 0) && readInt32(buf, pos + 4) === (this.hi | 0);
  }
}

function readInt32(buf: Uint8Array, pos: number): number {
  return (
    (buf[pos] as number) |
    ((buf[pos + 1] as number) << 8) |
    ((buf[pos + 2] as number) << 16) |
    ((buf[pos + 3] as number) << 24)
  );
}

/** JSON, piece by piece, written as bytes: no string is made of what a file holds. */
import { isUtf8 } from 'node:buffer';
import { BLOCK_BYTES, type BlockWriter, writeDecimal } from '../../protocol/resp/output.ts';
import { encodeTriple } from './base64.ts';
import { BlockPool } from './block-pool.ts';

const BACKSLASH = 0x5c;
/** A byte in its longest form: `\u0000`. */
const ESCAPE_BYTES = 6;
const HEX = '0123456789abcdef';

/** How a byte stands in a JSON text: 0: as it is; 1: as `\u00..`; else this character behind a backslash. Of UTF-8 all of a character stands as it is. */
const ESCAPES: Uint8Array = new Uint8Array(256);
ESCAPES.fill(1, 0, 0x20);
for (const [byte, letter] of ['\bb', '\tt', '\nn', '\ff', '\rr', '""', '\\\\'].map((pair) =>
  Buffer.from(pair),
))
  ESCAPES[byte as number] = letter as number;

export class JsonText {
  readonly #blocks: BlockPool;
  #block: Buffer;
  #used = 0;
  /** bytes of a base64 text under way that wait for the third, and how many */
  #odd = 0;
  #oddBytes = 0;

  constructor(write: BlockWriter) {
    this.#blocks = new BlockPool(write);
    this.#block = this.#blocks.take();
  }

  /** ASCII as it is. */
  raw(text: string): void {
    for (let at = 0; at < text.length; ) {
      const stop = Math.min(text.length, at + this.#room(1));
      const block = this.#block;
      let used = this.#used;
      while (at < stop) block[used++] = text.charCodeAt(at++);
      this.#used = used;
    }
  }

  /** A whole number >= 0. */
  integer(n: number): void {
    this.#room(20);
    this.#used = writeDecimal(this.#block, this.#used, n);
  }

  /** Bytes as a string where they are valid UTF-8, and else as `{"base64":"..."}`. */
  bytes(buf: Buffer, start: number, end: number): void {
    if (isText(buf, start, end)) {
      this.#text(buf, start, end);
      return;
    }
    this.beginBase64();
    this.base64Part(buf, start, end);
    this.endBase64();
  }

  beginBase64(): void {
    this.#oddBytes = 0;
    this.raw('{"base64":"');
  }

  base64Part(buf: Buffer, start: number, end: number): void {
    let pos = start;
    if (this.#oddBytes > 0) {
      while (this.#oddBytes < 3 && pos < end) this.#addOdd(buf[pos++] as number);
      if (this.#oddBytes < 3) return;
      this.#triple(this.#odd);
      this.#oddBytes = 0;
    }
    while (end - pos >= 3) {
      const stop = Math.min(end - 2, pos + 3 * Math.floor(this.#room(4) / 4));
      const block = this.#block;
      let used = this.#used;
      for (; pos < stop; pos += 3, used += 4) {
        const bits =
          ((buf[pos] as number) << 16) | ((buf[pos + 1] as number) << 8) | (buf[pos + 2] as number);
        encodeTriple(block, used, bits);
      }
      this.#used = used;
    }
    while (pos < end) this.#addOdd(buf[pos++] as number);
  }

  endBase64(): void {
    const bytes = this.#oddBytes;
    if (bytes > 0) {
      this.#triple(this.#odd << (8 * (3 - bytes)));
      this.#used -= 3 - bytes;
      this.raw('=='.slice(0, 3 - bytes));
    }
    this.raw('"}');
  }

  flush(): void {
    if (this.#used === 0) return;
    this.#blocks.give(this.#block, this.#used);
    this.#block = this.#blocks.take();
    this.#used = 0;
  }

  #text(buf: Buffer, start: number, end: number): void {
    this.raw('"');
    for (let pos = start; pos < end; ) {
      const room = this.#room(ESCAPE_BYTES);
      const stop = Math.min(end, pos + Math.floor(room / ESCAPE_BYTES));
      const block = this.#block;
      let used = this.#used;
      while (pos < stop) {
        const byte = buf[pos++] as number;
        const form = ESCAPES[byte] as number;
        if (form === 0) block[used++] = byte;
        else used = writeEscape(block, used, byte, form);
      }
      this.#used = used;
    }
    this.raw('"');
  }

  #addOdd(byte: number): void {
    this.#odd = this.#oddBytes === 0 ? byte : (this.#odd << 8) | byte;
    this.#oddBytes++;
  }

  #triple(bits: number): void {
    this.#room(4);
    encodeTriple(this.#block, this.#used, bits);
    this.#used += 4;
  }

  /** Makes room for so many bytes; returns how many there is room for. */
  #room(bytes: number): number {
    if (BLOCK_BYTES - this.#used < bytes) this.flush();
    return BLOCK_BYTES - this.#used;
  }
}

/** Valid UTF-8. Most is ASCII, and short: a call out of JavaScript costs more than to look at it. */
function isText(buf: Buffer, start: number, end: number): boolean {
  for (let pos = start; pos < end; pos++) {
    if ((buf[pos] as number) >= 0x80) return isUtf8(buf.subarray(pos, end));
  }
  return true;
}

function writeEscape(block: Buffer, at: number, byte: number, form: number): number {
  block[at] = BACKSLASH;
  if (form !== 1) {
    block[at + 1] = form;
    return at + 2;
  }
  block[at + 1] = 0x75;
  block[at + 2] = 0x30;
  block[at + 3] = 0x30;
  block[at + 4] = HEX.charCodeAt(byte >> 4);
  block[at + 5] = HEX.charCodeAt(byte & 15);
  return at + 6;
}

/** A double, bit-exact: JSON has no words for some, which are strings. */
export function scoreJson(score: number): string {
  if (Object.is(score, -0)) return '"-0"';
  if (Number.isFinite(score)) return String(score);
  return Number.isNaN(score) ? '"nan"' : score > 0 ? '"inf"' : '"-inf"';
}

/** A counter of 64 bits: a number where all readers take it for what it is, else a string. */
export function counterJson(n: bigint): string {
  return n <= BigInt(Number.MAX_SAFE_INTEGER) ? String(n) : `"${n}"`;
}

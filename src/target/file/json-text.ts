/** JSON, piece by piece: nothing larger than an element is held. */
import { isUtf8 } from 'node:buffer';

const BLOCK_BYTES = 64 * 1024;

/** Takes a block that is not used again. */
export type BlockTaker = (bytes: Buffer) => void;

export class JsonText {
  readonly #take: BlockTaker;
  #block: Buffer = Buffer.allocUnsafe(BLOCK_BYTES);
  #used = 0;
  /** up to two bytes of a base64 text under way that wait for the third */
  #odd: Buffer = Buffer.alloc(0);

  constructor(take: BlockTaker) {
    this.#take = take;
  }

  /** Text as it is. */
  raw(text: string): void {
    // A character outside of ASCII takes three bytes at most for each unit of its length.
    if (text.length * 3 > BLOCK_BYTES - this.#used) this.flush();
    if (text.length * 3 > BLOCK_BYTES) this.#take(Buffer.from(text));
    else this.#used += this.#block.write(text, this.#used);
  }

  /** Bytes as a string where they are valid UTF-8, and else as `{"base64":"..."}`. */
  bytes(buf: Buffer, start: number, end: number): void {
    this.raw(bytesJson(buf.subarray(start, end)));
  }

  beginBase64(): void {
    this.#odd = Buffer.alloc(0);
    this.raw('{"base64":"');
  }

  base64Part(buf: Buffer, start: number, end: number): void {
    const bytes = Buffer.concat([this.#odd, buf.subarray(start, end)]);
    const whole = bytes.length - (bytes.length % 3);
    this.raw(bytes.toString('base64', 0, whole));
    this.#odd = Buffer.from(bytes.subarray(whole));
  }

  endBase64(): void {
    this.raw(`${this.#odd.toString('base64')}"}`);
  }

  flush(): void {
    if (this.#used === 0) return;
    this.#take(this.#block.subarray(0, this.#used));
    this.#block = Buffer.allocUnsafe(BLOCK_BYTES);
    this.#used = 0;
  }
}

export function bytesJson(bytes: Buffer): string {
  if (isUtf8(bytes)) return JSON.stringify(bytes.toString());
  return `{"base64":"${bytes.toString('base64')}"}`;
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

/** An error reply, as a value: `pipeline` returns it, `call` throws it. */
export class ReplyError extends Error {
  override readonly name = 'ReplyError';
}

/** Simple strings are strings, bulk strings Buffers (binary-safe), null bulk strings and arrays null. */
export type Reply = string | number | Buffer | null | ReplyError | Reply[];

const CR = 13;
const incomplete: unique symbol = Symbol('incomplete');
const opened: unique symbol = Symbol('opened');

/**
 * RESP2, independent of the code under test. It goes on at the element where the last chunk ended, so an array of a million
 * elements is not parsed anew with each chunk; the chunks of a large bulk string are joined once, when all of it is there.
 */
export class ReplyParser {
  #buffer: Buffer = Buffer.alloc(0);
  #at = 0;
  #chunks: Buffer[] = [];
  #chunkBytes = 0;
  /** Bytes from #at on without which it makes no sense to look again. */
  #need = 1;
  #arrays: { items: Reply[]; length: number }[] = [];
  readonly #onReply: (reply: Reply) => void;

  constructor(onReply: (reply: Reply) => void) {
    this.#onReply = onReply;
  }

  write(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#chunkBytes += chunk.length;
    if (this.#buffer.length - this.#at + this.#chunkBytes < this.#need) return;
    this.#buffer = Buffer.concat([this.#buffer.subarray(this.#at), ...this.#chunks]);
    this.#at = 0;
    this.#chunks = [];
    this.#chunkBytes = 0;
    this.#need = 1;
    for (let value = this.#element(); value !== incomplete; value = this.#element()) {
      if (value !== opened) this.#complete(value);
    }
  }

  #complete(value: Reply): void {
    let done = value;
    for (let top = this.#arrays.at(-1); top !== undefined; top = this.#arrays.at(-1)) {
      top.items.push(done);
      if (top.items.length < top.length) return;
      this.#arrays.pop();
      done = top.items;
    }
    this.#onReply(done);
  }

  #element(): Reply | typeof incomplete | typeof opened {
    const end = this.#buffer.indexOf(CR, this.#at);
    if (end < 0 || end + 1 >= this.#buffer.length) {
      this.#need = this.#buffer.length - this.#at + 1;
      return incomplete;
    }
    const line = this.#buffer.toString('latin1', this.#at + 1, end);
    const type = String.fromCharCode(this.#buffer[this.#at] as number);
    if (type === '$') return this.#bulk(Number(line), end + 2);
    this.#at = end + 2;
    if (type === '+') return line;
    if (type === '-') return new ReplyError(line);
    if (type === ':') return Number(line);
    if (type !== '*') throw new Error(`not a RESP2 reply: ${JSON.stringify(type + line)}`);
    if (line === '-1') return null;
    if (line === '0') return [];
    this.#arrays.push({ items: [], length: Number(line) });
    return opened;
  }

  #bulk(length: number, start: number): Buffer | null | typeof incomplete {
    if (length < 0) {
      this.#at = start;
      return null;
    }
    const end = start + length;
    if (end + 2 > this.#buffer.length) {
      this.#need = end + 2 - this.#at;
      return incomplete;
    }
    this.#at = end + 2;
    // A copy: the reply may be kept long after the buffer.
    return Buffer.from(this.#buffer.subarray(start, end));
  }
}

/** Where commands and replies begin and end, and no more: the proxy's double passes their bytes on. */
const LF = 10;
const CRLF = 2;

/**
 *     command = "*" count CRLF { "$" length CRLF bytes CRLF }
 *
 * Gives each whole command: its bytes, and its arguments as views of them.
 */
export class CommandReader {
  readonly #onCommand: (bytes: Buffer, args: Buffer[]) => void;
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** Without so many bytes it makes no sense to look again. */
  #need = 1;

  constructor(onCommand: (bytes: Buffer, args: Buffer[]) => void) {
    this.#onCommand = onCommand;
  }

  write(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes < this.#need) return;
    const all = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks);
    let at = 0;
    for (let end = this.#command(all, 0); end > 0; end = this.#command(all, at)) at = end;
    this.#chunks = at === all.length ? [] : [all.subarray(at)];
    this.#bytes = all.length - at;
  }

  /** Where the command at `begin` ends; 0: it is not whole. */
  #command(all: Buffer, begin: number): number {
    const args: Buffer[] = [];
    this.#need = all.length - begin + 1;
    if (begin < all.length && all[begin] !== 0x2a)
      throw new Error('the double takes commands as arrays of bulk strings only');
    let at = all.indexOf(LF, begin) + 1;
    if (at === 0) return 0;
    for (let left = decimal(all, begin + 1, at - CRLF); left > 0; left--) {
      const start = all.indexOf(LF, at) + 1;
      if (start === 0) return 0;
      const end = start + decimal(all, at + 1, start - CRLF);
      if (end + CRLF > all.length) {
        this.#need = end + CRLF - begin;
        return 0;
      }
      args.push(all.subarray(start, end));
      at = end + CRLF;
    }
    this.#need = 1;
    if (args.length > 0) this.#onCommand(all.subarray(begin, at), args);
    return at;
  }
}

/** Gives the bytes of each whole reply or push, of RESP2 and RESP3. Values nest, but to find the end it is enough to count them. */
export class ReplyFramer {
  readonly #onFrame: (frame: Buffer) => void;
  /** what earlier chunks held of this frame */
  #parts: Buffer[] = [];
  /** values that are still to come, and bytes of the bulk string under way */
  #values = 1;
  #skip = 0;
  /** the beginning of a line that a chunk's end cut */
  #line: Buffer | undefined;

  constructor(onFrame: (frame: Buffer) => void) {
    this.#onFrame = onFrame;
  }

  write(chunk: Buffer): void {
    let begin = 0;
    let at = 0;
    while (at < chunk.length) {
      at = this.#skip > 0 ? this.#pass(chunk, at) : this.#head(chunk, at);
      if (this.#values > 0 || this.#skip > 0 || this.#line !== undefined) continue;
      this.#frame(chunk.subarray(begin, at));
      begin = at;
    }
    if (begin < chunk.length) this.#parts.push(chunk.subarray(begin));
  }

  #pass(chunk: Buffer, at: number): number {
    const passed = Math.min(this.#skip, chunk.length - at);
    this.#skip -= passed;
    return at + passed;
  }

  #head(chunk: Buffer, at: number): number {
    const next = chunk.indexOf(LF, at) + 1;
    const part = chunk.subarray(at, next === 0 ? chunk.length : next);
    const line = this.#line === undefined ? part : Buffer.concat([this.#line, part]);
    this.#line = next === 0 ? line : undefined;
    if (next === 0) return chunk.length;
    this.#values--;
    const count = (): number => decimal(line, 1, line.length - CRLF);
    switch (String.fromCharCode(line[0] as number)) {
      case '$':
      case '=':
      case '!':
        if (line[1] !== 0x2d) this.#skip = count() + CRLF;
        break;
      case '*':
      case '~':
      case '>':
        if (line[1] !== 0x2d) this.#values += count();
        break;
      case '%':
        this.#values += 2 * count();
        break;
      default:
    }
    return next;
  }

  #frame(last: Buffer): void {
    const frame = this.#parts.length === 0 ? last : Buffer.concat([...this.#parts, last]);
    this.#parts = [];
    this.#values = 1;
    this.#onFrame(frame);
  }
}

/** The items of an array's frame, each as a frame; undefined: it is no array. */
export function itemsOf(frame: Buffer): Buffer[] | undefined {
  if (frame[0] !== 0x2a) return undefined;
  const items: Buffer[] = [];
  const framer = new ReplyFramer((item) => items.push(item));
  framer.write(frame.subarray(frame.indexOf(LF) + 1));
  return items;
}

/** The text of a frame that holds one string, number or error. */
export function textOf(frame: Buffer): string {
  const head = frame.indexOf(LF) + 1;
  const bulk = frame[0] === 0x24 || frame[0] === 0x3d;
  return frame.toString('latin1', bulk ? head : 1, frame.length - CRLF);
}

export const bulk = (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;

export function commandOf(args: readonly (Buffer | string)[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`)];
  for (const arg of args)
    parts.push(Buffer.from(`$${arg.length}\r\n`), Buffer.from(arg), Buffer.from('\r\n'));
  return Buffer.concat(parts);
}

function decimal(buf: Buffer, start: number, end: number): number {
  let value = 0;
  for (let at = start; at < end; at++) value = value * 10 + (buf[at] as number) - 48;
  return value;
}

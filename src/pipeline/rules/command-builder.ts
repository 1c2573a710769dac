import { CommandView } from '../../protocol/resp/command-walker.ts';

const CR = 0x0d;
const LF = 0x0a;
/** `$`, ten digits and two line ends: more than any argument has around it. */
const AROUND_BYTES = 16;

/**
 * Makes a command out of parts of another one. What `end` returns is used again for the next command, and is valid until then.
 *
 *     begin(argc), exactly argc times (arg | text), end(offset, endOffset)
 */
export class CommandBuilder {
  readonly #view: CommandView = new CommandView();
  #buf: Buffer = Buffer.allocUnsafe(4096);
  #at = 0;
  #index = 0;

  begin(argc: number): void {
    this.#view.grow(argc);
    this.#view.argc = argc;
    this.#index = 0;
    this.#at = 0;
    this.#header('*', argc);
  }

  arg(buf: Buffer, start: number, end: number): void {
    this.#room(end - start + AROUND_BYTES);
    this.#header('$', end - start);
    this.#view.argStart[this.#index] = this.#at;
    buf.copy(this.#buf, this.#at, start, end);
    this.#at += end - start;
    this.#view.argEnd[this.#index++] = this.#at;
    this.#lineEnd();
  }

  text(text: string): void {
    const bytes = Buffer.from(text, 'latin1');
    this.arg(bytes, 0, bytes.length);
  }

  /** Arguments `from` to `to` (which is not among them) of another command. */
  copy({ buf, argStart, argEnd }: CommandView, from: number, to: number): void {
    for (let i = from; i < to; i++) this.arg(buf, argStart[i] as number, argEnd[i] as number);
  }

  end(offset: number, endOffset: number): CommandView {
    const view = this.#view;
    view.buf = this.#buf;
    view.frameStart = 0;
    view.frameEnd = this.#at;
    view.offset = offset;
    view.endOffset = endOffset;
    return view;
  }

  #header(mark: string, count: number): void {
    this.#room(AROUND_BYTES);
    this.#at += this.#buf.write(`${mark}${count}\r\n`, this.#at, 'latin1');
  }

  #lineEnd(): void {
    this.#buf[this.#at++] = CR;
    this.#buf[this.#at++] = LF;
  }

  #room(bytes: number): void {
    const needed = this.#at + bytes + 2;
    if (needed <= this.#buf.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buf.length * 2));
    this.#buf.copy(larger, 0, 0, this.#at);
    this.#buf = larger;
  }
}

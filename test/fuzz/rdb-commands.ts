import type { CommandSink } from '../../src/protocol/command-sink.ts';

/** Collects whole commands, and holds whoever writes them to the contract of `CommandSink`. */
export class CommandCollector implements CommandSink {
  readonly commands: Buffer[][] = [];
  #args: Buffer[] = [];
  #left = -1;
  #parts: Buffer[] = [];
  #partLeft = 0;

  begin(argc: number): void {
    if (this.#left !== -1) throw new Error('begin within a command');
    if (!Number.isInteger(argc) || argc < 1) throw new Error(`${argc} arguments`);
    this.#left = argc;
    this.#args = [];
  }

  arg(buf: Buffer, start: number, end: number): void {
    this.#add(Buffer.from(buf.subarray(start, end)));
  }

  argText(text: string): void {
    if (!/^[\x20-\x7e]*$/.test(text)) throw new Error('argText is for ASCII');
    this.#add(Buffer.from(text));
  }

  argLength(bytes: number): void {
    if (this.#left < 1 || this.#partLeft > 0) throw new Error('argLength out of place');
    this.#parts = [];
    this.#partLeft = bytes;
  }

  argPart(buf: Buffer, start: number, end: number): void {
    this.#parts.push(Buffer.from(buf.subarray(start, end)));
    this.#partLeft -= end - start;
    if (this.#partLeft < 0) throw new Error('more parts than was said');
    if (this.#partLeft === 0) this.#add(Buffer.concat(this.#parts));
  }

  end(): void {
    if (this.#left !== 0 || this.#partLeft !== 0) throw new Error('end before all arguments');
    this.#left = -1;
    this.commands.push(this.#args);
  }

  /** Each command as one line of text. */
  get lines(): string[] {
    return this.commands.map((args) => args.join(' '));
  }

  #add(arg: Buffer): void {
    if (this.#left < 1 || this.#partLeft > 0) throw new Error('an argument too many, or out of place');
    this.#left--;
    this.#args.push(arg);
  }
}

/**
 * Takes commands argument by argument. Who implements it decides what comes of them: RESP frames in a lane's output, lines of text,
 * a count. The order is: `begin(argc)`, then exactly `argc` arguments, then `end()`. Views are valid only during the call.
 */
export interface CommandSink {
  begin(argc: number): void;
  /** A whole argument: `buf[start, end)`. */
  arg(buf: Buffer, start: number, end: number): void;
  /** A whole argument that is short ASCII: a command's name, a number. */
  argText(text: string): void;
  /** An argument too large to be held: its length in bytes, then `argPart` calls that add up to it. */
  argLength(bytes: number): void;
  argPart(buf: Buffer, start: number, end: number): void;
  end(): void;
}

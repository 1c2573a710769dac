import { FormatError } from '../format-error.ts';
import type { BigCommand } from '../resp/big-frame.ts';
import type { CommandView, StreamSink } from '../resp/command-walker.ts';

/** Stands between a walker and its sink, and knows up to where commands and transactions are whole. */
export class Transactions implements StreamSink {
  readonly #sink: StreamSink;
  /** MULTI was given, its EXEC was not */
  open = false;
  /** a big command was begun and its end was not given */
  inBigCommand = false;
  /** absolute offset behind the last whole command that is in no open transaction */
  validTo = 0;

  constructor(sink: StreamSink) {
    this.#sink = sink;
  }

  command(command: CommandView): void {
    const start = command.argStart[0] as number;
    const length = (command.argEnd[0] as number) - start;
    if (length === 4 || length === 5) this.#mark(command.buf, start, length, command.offset);
    this.#sink.command(command);
    if (!this.open) this.validTo = command.endOffset;
  }

  bigCommand(command: BigCommand): void {
    const name = command.kept.get(0);
    if (name !== undefined) this.#mark(name, 0, name.length, command.offset);
    this.inBigCommand = true;
    this.#sink.bigCommand(command);
  }

  bigCommandPart(buf: Buffer, start: number, end: number): void {
    this.#sink.bigCommandPart(buf, start, end);
  }

  bigCommandEnd(command: BigCommand): void {
    this.inBigCommand = false;
    this.#sink.bigCommandEnd(command);
    if (!this.open) this.validTo = command.endOffset;
  }

  /** Redis never writes a MULTI within a MULTI, nor an EXEC without one: redis-check-aof.c, processRESP. */
  #mark(buf: Buffer, start: number, length: number, offset: number): void {
    const begins = isWord(buf, start, length, 'MULTI');
    if (!begins && !isWord(buf, start, length, 'EXEC')) return;
    if (begins === this.open) {
      const what = begins ? 'MULTI within a transaction' : 'EXEC without MULTI';
      throw new FormatError('malformed', `${what} in the AOF`, offset);
    }
    this.open = begins;
  }
}

/** Whether the bytes are `word`, which is in capitals, in any case of letters. */
function isWord(buf: Buffer, start: number, length: number, word: string): boolean {
  if (length !== word.length) return false;
  for (let i = 0; i < length; i++) {
    if (((buf[start + i] as number) & 0xdf) !== word.charCodeAt(i)) return false;
  }
  return true;
}

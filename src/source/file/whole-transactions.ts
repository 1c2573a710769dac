import type { BigCommand } from '../../protocol/resp/big-frame.ts';
import { type CommandView, CommandWalker, type StreamSink } from '../../protocol/resp/command-walker.ts';

const FIRST_BYTES = 64 * 1024;

/**
 * Holds a transaction back until its EXEC has come, then passes all of it on: a file can break off in the midst, and a target that
 * has got the beginning in the same MULTI as commands before it could not let go of the one without the other.
 */
export class WholeTransactions implements StreamSink {
  readonly #sink: StreamSink;
  readonly #walker: CommandWalker;
  readonly #flat: boolean;
  #held: Buffer = Buffer.allocUnsafe(FIRST_BYTES);
  #bytes = 0;
  #open = false;
  #offset = 0;

  /**
   * `bigCommandBytes` must be that of the walker before it: no big command comes. `flat`: the commands of a transaction are passed on without its
   * MULTI and EXEC.
   */
  constructor(sink: StreamSink, bigCommandBytes: number, flat: boolean) {
    this.#sink = sink;
    this.#flat = flat;
    this.#walker = new CommandWalker(sink, { bigCommandBytes });
  }

  /** Another file begins. What was held is of one that broke off. */
  restart(): void {
    this.#open = false;
    this.#bytes = 0;
  }

  command(command: CommandView): void {
    const length = (command.argEnd[0] as number) - (command.argStart[0] as number);
    const begins = length === 5 && /^multi$/i.test(command.text(0));
    if (begins) {
      this.#open = true;
      this.#offset = this.#flat ? command.endOffset : command.offset;
    }
    if (!this.#open) {
      this.#sink.command(command);
      return;
    }
    const ends = length === 4 && /^exec$/i.test(command.text(0));
    if (!this.#flat || !(begins || ends)) this.#hold(command);
    if (ends) this.#pass();
  }

  bigCommand(command: BigCommand): void {
    this.#sink.bigCommand(command);
  }

  bigCommandPart(buf: Buffer, start: number, end: number): void {
    this.#sink.bigCommandPart(buf, start, end);
  }

  bigCommandEnd(command: BigCommand): void {
    this.#sink.bigCommandEnd(command);
  }

  #hold({ buf, frameStart, frameEnd }: CommandView): void {
    const bytes = this.#bytes + frameEnd - frameStart;
    if (bytes > this.#held.length) {
      const grown = Buffer.allocUnsafe(Math.max(bytes, 2 * this.#held.length));
      this.#held.copy(grown, 0, 0, this.#bytes);
      this.#held = grown;
    }
    buf.copy(this.#held, this.#bytes, frameStart, frameEnd);
    this.#bytes = bytes;
  }

  /** Offsets are those in the file, but for annotations that stand within the transaction. */
  #pass(): void {
    this.#walker.restart(this.#offset);
    this.#walker.write(this.#held, 0, this.#bytes);
    this.restart();
    if (this.#held.length > FIRST_BYTES) this.#held = Buffer.allocUnsafe(FIRST_BYTES);
  }
}

import type { BigCommand } from '../../protocol/resp/big-frame.ts';
import { type CommandView, CommandWalker, type StreamSink } from '../../protocol/resp/command-walker.ts';

/** Where commands go, which a flush is waited for in: the StreamApplier. */
export interface Flushed {
  /** behind the flush; undefined: nothing is waited for */
  readonly flushedAt: number | undefined;
  readonly flushedDb: number | undefined;
  goOnBehindFlush(offset: number): void;
}

/**
 * Holds what stands behind a FLUSHALL or FLUSHDB until the keys are removed: a file that comes through a pipe can not be read again. That is what is left of a
 * slice, and of a transaction.
 */
export class BehindFlush implements StreamSink {
  readonly #sink: StreamSink;
  readonly #stream: Flushed;
  readonly #walker: CommandWalker;
  #held: Buffer[] = [];
  /** of the first that is held */
  #offset = 0;

  /** `bigCommandBytes` must be that of the walker before it: no big command comes. */
  constructor(sink: StreamSink, stream: Flushed, bigCommandBytes: number) {
    this.#sink = sink;
    this.#stream = stream;
    this.#walker = new CommandWalker(this, { bigCommandBytes });
  }

  command(command: CommandView): void {
    if (this.#stream.flushedAt === undefined) {
      this.#sink.command(command);
      return;
    }
    if (this.#held.length === 0) this.#offset = command.offset;
    this.#held.push(Buffer.from(command.buf.subarray(command.frameStart, command.frameEnd)));
  }

  get waits(): boolean {
    return this.#stream.flushedAt !== undefined;
  }

  /** Resolves when nothing is held any more. `remove` is called for each flush, of a database or of all. */
  async settle(remove: (db: number | undefined) => Promise<void>): Promise<void> {
    for (let at = this.#stream.flushedAt; at !== undefined; at = this.#stream.flushedAt) {
      await remove(this.#stream.flushedDb);
      this.#stream.goOnBehindFlush(at);
      const bytes = Buffer.concat(this.#held);
      this.#held = [];
      this.#walker.restart(this.#offset);
      this.#walker.write(bytes, 0, bytes.length);
    }
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
}

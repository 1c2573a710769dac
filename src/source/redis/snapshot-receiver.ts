import { NaruError } from '../../errors/errors.ts';
import type { Connection, Reader } from '../../net/connection.ts';
import { MarkFinder } from './mark-finder.ts';
import { EOF_MARK_BYTES, type PreambleResult } from './preamble.ts';

const CHUNK_BYTES = 256 * 1024;
/** What waits for who takes it; with more, the source has to wait. */
const WAITING_BYTES_MAX = 1024 * 1024;

/**
 * The bytes of a snapshot as they come, up to its end, for one that takes them at its own pace. What follows behind the end is not wanted: the
 * connection is given up there.
 *
 * A source drops a replica that does not read for long (client-output-buffer-limit): who takes too slowly loses the snapshot.
 */
export class SnapshotReceiver implements Reader {
  readonly #connection: Connection;
  /** bytes still to come, where the source said how many; then the mark says nothing */
  #left: number;
  readonly #mark: MarkFinder | undefined;
  /** the last bytes before what came last, which may be the beginning of the mark */
  #tail: Buffer = Buffer.alloc(0);
  #space: Buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  readonly #chunks: Buffer[] = [];
  #waiting = 0;
  #ended = false;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;
  readonly #silence: NodeJS.Timeout;

  constructor(
    connection: Connection,
    result: PreambleResult & { kind: 'full' | 'full-eof' },
    silenceMs: number,
  ) {
    this.#connection = connection;
    this.#left = result.kind === 'full' ? result.size : Number.POSITIVE_INFINITY;
    this.#mark = result.kind === 'full' ? undefined : new MarkFinder(result.mark);
    this.#ended = this.#left === 0;
    this.#silence = setTimeout(() => this.#silent(silenceMs), silenceMs);
    void connection.closed.then((error) => {
      this.#failure ??= error;
      this.#wake?.();
    });
  }

  /** `takeRest` gives what came with the answer. Throws the NaruError that ended the connection before the snapshot was whole. */
  async *chunks(takeRest: () => Buffer): AsyncGenerator<Buffer, void> {
    this.#take(takeRest());
    this.#connection.setReader(this);
    this.#connection.resume();
    try {
      for (;;) {
        const chunk = this.#chunks.shift();
        if (chunk !== undefined) {
          this.#waiting -= chunk.length;
          yield chunk;
        } else if (this.#ended) return;
        else if (this.#failure !== undefined) throw this.#failure;
        else await this.#more();
      }
    } finally {
      clearTimeout(this.#silence);
      this.#connection.destroy();
    }
  }

  space(): Buffer {
    return this.#space;
  }

  received(n: number): void {
    this.#silence.refresh();
    const bytes = this.#space.subarray(0, n);
    this.#space = Buffer.allocUnsafe(CHUNK_BYTES);
    this.#take(bytes);
    if (this.#waiting > WAITING_BYTES_MAX) this.#connection.pause();
    this.#wake?.();
  }

  /** While it is not read from, silence says nothing about the source. */
  #silent(silenceMs: number): void {
    const { side, node } = this.#connection;
    if (this.#waiting > 0) this.#silence.refresh();
    else
      this.#connection.destroy(
        new NaruError('LINK_LOST', `No word from the source for ${silenceMs / 1000} s`, { side, node }),
      );
  }

  #more(): Promise<void> {
    this.#connection.resume();
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #take(bytes: Buffer): void {
    if (this.#ended) return;
    if (this.#mark === undefined) {
      this.#push(bytes.subarray(0, this.#left));
      this.#left -= Math.min(bytes.length, this.#left);
      this.#ended = this.#left === 0;
      return;
    }
    const behind = this.#mark.find(bytes, 0, bytes.length);
    const all = Buffer.concat([this.#tail, bytes]);
    this.#ended = behind !== -1;
    const whole = this.#ended
      ? this.#tail.length + behind - EOF_MARK_BYTES
      : Math.max(0, all.length - EOF_MARK_BYTES);
    this.#push(all.subarray(0, whole));
    this.#tail = Buffer.from(all.subarray(whole));
  }

  #push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#waiting += chunk.length;
  }
}

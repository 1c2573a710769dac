import { isNaruError, NaruError } from '../../errors/errors.ts';
import type { Connection, Reader } from '../../net/connection.ts';
import type { Spool } from '../../spool/spool.ts';
import { MarkFinder } from './mark-finder.ts';
import { EOF_MARK_BYTES } from './preamble.ts';

/** How the snapshot under way ends: after `size` bytes, behind a mark, or it is all there (`stream`). */
export type Expected = { kind: 'size'; size: number } | { kind: 'mark'; mark: Buffer } | { kind: 'stream' };

/** While the spool has no room nothing is read; what was under way all the same goes here first. */
const WAITING_ROOM_BYTES = 64 * 1024;

/**
 * Takes what arrives from a source straight into the spool, and sees where the snapshot ends. It stops reading only while the spool
 * waits for its disk.
 */
export class Receiver implements Reader {
  readonly #connection: Connection;
  readonly #spool: Spool;
  readonly #onSnapshotEnd: (end: number, streamStart: number) => void;
  readonly #waitingRoom: Buffer = Buffer.allocUnsafe(WAITING_ROOM_BYTES);
  readonly #waiting: Buffer[] = [];
  #expected: Expected;
  #finder: MarkFinder | undefined;
  /** the piece of the spool that is being read into; undefined: it is the waiting room */
  #given: Buffer | undefined;
  #pausing = false;
  #stopped = false;
  /** when the last byte arrived, ms since 1970 */
  lastMs: number = Date.now();

  constructor(
    connection: Connection,
    spool: Spool,
    expected: Expected,
    onSnapshotEnd: (end: number, streamStart: number) => void,
  ) {
    this.#connection = connection;
    this.#spool = spool;
    this.#expected = expected;
    this.#finder = expected.kind === 'mark' ? new MarkFinder(expected.mark) : undefined;
    this.#onSnapshotEnd = onSnapshotEnd;
  }

  /** Begins: first the bytes that came with the answer, then the connection's. */
  begin(rest: Buffer): void {
    this.#endOfEmpty();
    this.#waiting.push(rest);
    this.#connection.setReader(this);
    this.#store();
    if (!this.#pausing) this.#connection.resume();
  }

  /** Takes no more; what waits for room is dropped, since the next connection asks for it again. */
  stop(): void {
    this.#stopped = true;
    this.#waiting.length = 0;
  }

  /** Whether it waits for the spool's disk: silence says nothing about the source then. */
  get isPaused(): boolean {
    return this.#pausing;
  }

  space(): Buffer {
    const direct = this.#waiting.length === 0 && this.#spool.writable;
    this.#given = direct ? this.#spool.space() : undefined;
    return this.#given ?? this.#waitingRoom;
  }

  received(n: number): void {
    this.lastMs = Date.now();
    if (this.#given !== undefined) {
      // Not asked for again: the spool may have failed since.
      this.#commit(this.#given, n);
    } else {
      this.#waiting.push(Buffer.from(this.#waitingRoom.subarray(0, n)));
      this.#store();
    }
    if (!this.#spool.writable) void this.#pause();
  }

  /** Moves what waits into the spool, as far as there is room. */
  #store(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      let from = 0;
      while (from < next.length && this.#spool.writable) {
        const space = this.#spool.space();
        const taken = next.copy(space, 0, from, Math.min(next.length, from + space.length));
        this.#commit(space, taken);
        from += taken;
      }
      if (from < next.length) {
        this.#waiting[0] = next.subarray(from);
        void this.#pause();
        return;
      }
      this.#waiting.shift();
    }
  }

  #commit(space: Buffer, n: number): void {
    const at = this.#spool.end;
    const behindMark = this.#finder === undefined ? -1 : this.#finder.find(space, 0, n);
    this.#spool.commit(n);
    if (behindMark !== -1) {
      this.#finder = undefined;
      this.#snapshotEnded(at + behindMark - EOF_MARK_BYTES, at + behindMark);
    } else if (this.#expected.kind === 'size' && this.#spool.end >= this.#expected.size) {
      this.#snapshotEnded(this.#expected.size, this.#expected.size);
    }
  }

  #endOfEmpty(): void {
    if (this.#expected.kind === 'size' && this.#expected.size === 0) this.#snapshotEnded(0, 0);
  }

  #snapshotEnded(end: number, streamStart: number): void {
    this.#expected = { kind: 'stream' };
    this.#onSnapshotEnd(end, streamStart);
  }

  async #pause(): Promise<void> {
    if (this.#pausing) return;
    this.#pausing = true;
    this.#connection.pause();
    try {
      await this.#spool.whenWritable();
      if (this.#stopped) return;
      this.#pausing = false;
      this.lastMs = Date.now();
      this.#store();
      if (!this.#pausing) this.#connection.resume();
    } catch (error) {
      this.#connection.destroy(isNaruError(error) ? error : new NaruError('INTERNAL', String(error)));
    }
  }
}

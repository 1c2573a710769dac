import type { RdbSink } from './sink.ts';

export interface WalkerOptions {
  /** entries whose serialized value (for a plain string: whose uncompressed value) is larger go to `bigEntry` */
  bigEntryBytes: number;
  /** default true */
  verifyChecksum?: boolean;
}

export declare class RdbWalker {
  constructor(sink: RdbSink, options: WalkerOptions);
  /** Walks `buf[start, end)` and returns `end`, or at the RDB's end the position behind it. */
  write(buf: Buffer, start: number, end: number): number;
  /** The end was reached. */
  readonly finished: boolean;
  /** Absolute offset of the next byte that `write` expects. */
  readonly offset: number;
  /** Absolute offset of the first opcode of the entry that is not complete yet (or of what follows the last one): where to go back to. */
  readonly entryOffset: number;
  /** Goes back to an `entryOffset` seen before, which lay in database `db`; the caller then writes the bytes from there again. */
  restart(offset: number, db: number): void;
  /** No more bytes come: throws FormatError 'truncated' if not finished. */
  end(): void;
}

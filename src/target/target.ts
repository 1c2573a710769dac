import type { CommandSink } from '../protocol/command-sink.ts';
import type { EntryView, Flavour } from '../protocol/rdb/sink.ts';
import type { ValueSink } from '../protocol/rdb/value-sink.ts';
import type { CommandView } from '../protocol/resp/command-walker.ts';

/**
 * Where data goes.
 *
 * One pump calls it, from one thread of control, in the order of the source: first the snapshot's entries, then the stream's commands.
 * All writes are synchronous and cannot be refused: they go into buffers. Between slices the pump calls `breathe`, looks at `ready`, and
 * waits for `whenReady` where the target is behind. So a target holds at most one slice's worth more than its budget.
 *
 * **Positions.** `reached(offset, db)` says: all that was given up to now is the whole effect of the source's bytes before `offset`. A
 * target commits only at such points. Between `hold(true)` and `hold(false)` (a transaction of the source) it commits nothing.
 * What is committed and acknowledged is told by `onAcked`, in order; it never goes back.
 *
 * **Failure.** When the target breaks (`onFailure`, once an opening), it drops what was not acknowledged and ignores writes until it is attached again.
 * Whoever opened it finds out what was done (TargetSide) and gives the rest again, so that the effect is that of having given everything once.
 *
 * Not in here: how a target finds where a key goes when it has several nodes, filters, and what the commands of a stream mean (the pipeline knows).
 */
export interface Target {
  /** False: more than the budget is unacknowledged. Always look at it after `breathe`. */
  readonly ready: boolean;
  /** Resolves when `ready`, or when the target broke. */
  whenReady(): Promise<void>;

  // the snapshot
  rdbVersion(version: number, flavour: Flavour): void;
  entry(entry: EntryView): void;
  bigEntry(entry: EntryView): ValueSink;
  functionLibrary(buf: Buffer, start: number, end: number, offset: number): void;
  /** Entries from here on take the place of whatever the target holds; false: the policy for keys that exist holds again. */
  overwrite(on: boolean): void;

  // the stream; `db` is the database that the command runs in
  /** `SET key value` and nothing else: may be joined with its like. */
  set(command: CommandView, db: number): void;
  /** A command as it stands. */
  command(command: CommandView, db: number): void;
  /** A command about the key `buf[keyStart, keyEnd)` that is written argument by argument, or part by part (`raw`), until `endWrite`. */
  beginWrite(db: number, buf: Buffer, keyStart: number, keyEnd: number): RawCommandSink;
  /** `counted`: it is a command of the source's, not one that follows from it. */
  endWrite(offset: number, counted?: boolean): void;
  /**
   * Puts a value, as DUMP gives it, in the place of whatever the key of `entry` holds; of `entry` all but the value counts, and that is
   * set. Returns in whose form the value is.
   */
  replace(entry: EntryView, dump: Buffer): Flavour;
  remove(key: Buffer, db: number, offset: number): void;
  hold(on: boolean): void;

  reached(offset: number, db: number): void;
  /** Hands over what was written; `idle`: no more input is there, so that a commit is due. */
  breathe(idle: boolean): void;
  /** All that was given is acknowledged, values that were put in place at an offset which was acknowledged before too. */
  readonly isDrained: boolean;
  /** Resolves when all that was given is acknowledged, or when the target broke. */
  drained(): Promise<void>;
}

export interface RawCommandSink extends CommandSink {
  /** Bytes of a RESP command as they are. */
  raw(buf: Buffer, start: number, end: number): void;
}

export type OnConflict = 'overwrite' | 'skip' | 'fail';

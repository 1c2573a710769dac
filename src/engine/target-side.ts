import type { NaruError } from '../errors/errors.ts';
import type { CommandView } from '../protocol/resp/command-walker.ts';
import type { FindsKeys } from '../target/redis/cluster/key-slots.ts';
import type { LaneCounters } from '../target/redis/lane-options.ts';
import type { OnConflict, Target } from '../target/target.ts';
import type { Acker } from './acker.ts';
import type { CheckedTarget } from './checked-target.ts';
import type { Parts } from './parts.ts';
import type { CheckedNode } from './precheck.ts';

/** What is written to, as the engine sees it beside the pump. */
export interface EngineTarget extends Target {
  /** of what is acknowledged */
  readonly counters: Readonly<LaneCounters>;
  /** Entries of at most so many bytes have to be written whole; absent: larger ones can be taken apart as options say. */
  readonly wholeEntryBytes?: number;
  /** The snapshot is acknowledged; the stream follows. */
  beginStream(): void;
  /** Breaks off what is under way. */
  fail(error: NaruError): void;
  /** Whether a command with these keys can be given as it stands; absent: each can. */
  takes?(command: CommandView, found: FindsKeys, count: number): boolean;
  /** Removes all keys, or those of one database of the source, once all before that is acknowledged; absent: the command does so. */
  flush?(db: number | undefined): Promise<void>;
  /** Whether a key can be written now; absent: each can. */
  mayWrite?(key: Buffer): boolean;
}

export interface TargetListener {
  onAcked(offset: number, db: number, checkpointed: boolean): void;
  /** The target broke, or did not do something. Told once until `recover`. */
  onFailure(error: NaruError): void;
}

export interface MakeTarget {
  acker: Acker;
  checked: CheckedTarget;
  /** finds the keys of the source's commands */
  keys: FindsKeys;
  listener: TargetListener;
  /** undefined: they are being made */
  parts(): Parts | undefined;
  /** What was not done for sure is given again (Redo), since nothing can be copied again; the stream has no transactions. Absent: it is an error. */
  redoes?: boolean;
  /** A key of the snapshot can not be written now. */
  holdEntry(db: number, key: Buffer): void;
}

/**
 * One side of a run: the servers that are written to. It opens them, checks them, opens them again when they are lost, and removes what Naru
 * keeps there for itself. What was not done for sure by then is its business: `recover` has the pump go on from a place from which the
 * effect is that of having given everything once.
 */
export interface TargetSide {
  /** its address, for words to people */
  readonly node: string;
  /** All databases of the source come to one; absent: each can go to one of its own. Known behind `open`. */
  readonly hasOneDatabase?: boolean;
  /**
   * Connects and checks. `source` undefined: a file. `onConflict` undefined: a target that holds keys is refused. Rejects with NaruError; nothing
   * was written then.
   */
  open(source: CheckedNode | undefined, onConflict: OnConflict | undefined): Promise<CheckedTarget>;
  /** Once, behind `open`. */
  make(input: MakeTarget): EngineTarget;
  /** Writing begins. `exact`: nothing may be written twice. */
  begin(exact: boolean): void;
  /** The target has acknowledged a write: what was wrong is over. */
  proved(): void;
  /** All is acknowledged: resolves when a failover would not lose it, as far as that can be waited for. */
  settled(): Promise<void>;
  /** The snapshot is acknowledged; the stream follows at this spool offset. */
  beginStream(offset: number): void;
  /** Up to where the spool is needed no more, when `offset` is acknowledged. */
  releasable(offset: number): number;
  /** After `onFailure`, with the pump at rest. Rejects with NaruError where there is no way on. */
  recover(parts: Parts, cause: NaruError, exact: boolean): Promise<void>;
  /** The target ran what it was given when keys had expired there that it needs: what it is to be failed with, to go back. */
  ranLate(): NaruError;
  /** Whether `recover` has an answer to a failure. */
  canRecover(error: NaruError, parts: Parts | undefined): boolean;
  /** All is acknowledged: removes what is Naru's own, and closes. `lost`: what broke the target since. */
  finish(parts: Parts, exact: boolean, lost: NaruError | undefined): Promise<void>;
  /** After a failure: the same as far as it can be done. */
  cleanUp(dbs: Iterable<number>): Promise<void>;
  /** Ends all waiting; what waits rejects with `reason`. */
  abort(reason: NaruError): void;
}

import type { NaruError } from '../../../errors/errors.ts';

/** Ways of learning which keys of a source have changed. See docs/internals/scan.md for what each does not tell. */
export type Way = 'tracking' | 'keyspace' | 'monitor' | 'passes';

/** What a follower finds. All calls are synchronous; buffers are valid only during the call. */
export interface FollowerListener {
  /** A key may have changed; `db` undefined: in any database. The key is `buf[start, end)`. */
  onDirty(db: number | undefined, buf: Buffer, start: number, end: number): void;
  /** What can't be told by keys has happened (a flush, a swap of databases, a gap): only a comparing pass will find it. */
  onUnsure(why: string): void;
  /** The connection is lost or can't be made; it is tried again in `delayMs`. */
  onRetry(error: NaruError, delayMs: number): void;
  /** It is there again, and what changes from now on is told; `onUnsure` follows at once, since nothing was told in between. */
  onReconnected(): void;
  /** It has ended: NaruError GAVE_UP, NO_PERMISSION, ... */
  onFailure(error: NaruError): void;
}

/**
 * Tells which keys of one server (or of what a proxy stands for) change.
 *
 * It reads as fast as the source sends and never waits for anybody: a slow reader is cut off by the source.
 */
export interface Follower {
  readonly way: Way;
  /** What this way can't be sure of at this source, in words for the operator; known once `start` has resolved. */
  readonly doubts: readonly string[];
  /**
   * Connects; resolves when every change made from now on will be told. Rejects with NaruError, CHANGES_NOT_TOLD where the source does not offer
   * this way; nothing is tried again here.
   */
  start(): Promise<void>;
  /**
   * Resolves when every change that the source had made when this was called has been told. (A marker goes through the same connection, or the
   * same event loop of the source.) Rejects with NaruError when it was lost meanwhile, or is lost now; it may be asked again then. May be called
   * while another call is under way.
   */
  caughtUp(): Promise<void>;
  /** Another server has taken over: it is followed from now on. */
  moveOn(): void;
  stop(): Promise<void>;
}

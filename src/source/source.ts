import type { NaruError } from '../errors/errors.ts';

/**
 * Where data comes from: one node's snapshot, then its changes, as bytes in a spool.
 *
 * A link fills its spool as fast as the source sends and waits for nothing but the spool's disk. It renews a lost connection by itself
 * and goes on where it was; what can't go on ends it (`onFailure`). The other way go acknowledgements: `applied` says up to where the target
 * holds everything, and the link tells the source.
 *
 * Spool offsets: the snapshot begins at 0; `onSnapshotEnd` says where it ends and where the stream begins.
 *
 * Not in here: what the bytes mean, and the target.
 */
export interface LinkListener {
  /** The source will send a snapshot as of `offset`. */
  onSnapshotStart(replid: string, offset: number): void;
  /** The snapshot's size, where the source tells it before sending. */
  onSnapshotSize(bytes: number): void;
  /** The snapshot is all there: it ends at spool offset `end`, and the stream begins at spool offset `streamStart`. */
  onSnapshotEnd(end: number, streamStart: number): void;
  /** The stream goes on under another replication id (a failover at the source). */
  onReplid(replid: string): void;
  /** The connection is lost or can't be made; the link tries again in `delayMs`. */
  onRetry(error: NaruError, delayMs: number): void;
  onReconnected(): void;
  /** The link has ended. */
  onFailure(error: NaruError): void;
}

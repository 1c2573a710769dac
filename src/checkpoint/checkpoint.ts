/**
 * The checkpoint: up to where a target of one server is known to hold everything. It is a string in the target itself, written in the same
 * transaction as the writes that it speaks of, and so the only truth about what was applied.
 *
 *     v1 snapshot|stream REPLID OFFSET DB
 *
 * OFFSET counts bytes: in the snapshot from the RDB's first byte, in the stream it is the source's replication offset. DB is the database
 * selected at that point.
 */
export interface Checkpoint {
  phase: 'snapshot' | 'stream';
  replid: string;
  offset: number;
  db: number;
}

const PREFIX = 'naru:checkpoint:';

/** The key in database 0 of the target that holds a job's checkpoint. */
export function checkpointKey(job: string): string {
  return PREFIX + job;
}

export function formatCheckpoint(checkpoint: Checkpoint): string {
  return `v1 ${checkpoint.phase} ${checkpoint.replid} ${checkpoint.offset} ${checkpoint.db}`;
}

/** undefined: it is none (someone else's key, or a later form). */
export function parseCheckpoint(text: string): Checkpoint | undefined {
  const match = /^v1 (snapshot|stream) ([0-9a-f]{40}) (\d{1,15}) (\d{1,9})$/.exec(text);
  if (match === null) return undefined;
  const [, phase, replid, offset, db] = match;
  return {
    phase: phase as Checkpoint['phase'],
    replid: replid as string,
    offset: Number(offset),
    db: Number(db),
  };
}

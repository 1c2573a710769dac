import { Kind } from './in-flight.ts';
import type { LaneWriter } from './lane-writer.ts';

/** Removes a key that is copied again and that the source has no more. */
export function writeRemoval(
  lane: LaneWriter,
  db: number,
  key: Buffer,
  unlink: boolean,
  offset: number,
): void {
  const output = lane.begin(db);
  output.begin(2);
  output.argText(unlink ? 'UNLINK' : 'DEL');
  output.arg(key, 0, key.length);
  lane.end(Kind.RECOPY, 1, offset);
}

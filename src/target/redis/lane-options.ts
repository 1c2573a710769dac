/** What a lane is told, and what it tells. */
import type { NaruError } from '../../errors/errors.ts';

export interface LaneOptions {
  /** most bytes that are sent and not yet answered */
  inFlightBytes: number;
  /** the key (in database 0) that takes the checkpoint */
  checkpointKey: string;
  /** the text of the checkpoint at a source offset */
  checkpointAt(offset: number, db: number): string;
  /** whether a key that exists already is passed over instead of being an error */
  skipExisting: boolean;
  /** the target does not know the module of the value at this offset; throws NaruError where that ends the run */
  moduleRefused(offset: number): void;
}

export interface LaneListener {
  /** `checkpointed`: the target's checkpoint says so too; else there was nothing to write for these bytes. */
  onAcked(offset: number, db: number, checkpointed: boolean): void;
  /** The target refused the command at this offset; `onFailure` (COMMAND_REFUSED) follows when the answers of its transaction are all there. */
  onRefused?(offset: number, text: string): void;
  onFailure(error: NaruError): void;
}

/** Counts of what the target has acknowledged. */
export interface LaneCounters {
  keys: number;
  skipped: number;
  commands: number;
  /** keys that were copied again */
  recopied: number;
  /** commands over several slots that went key by key; counted when they are written */
  split: number;
}

export function sumOfCounters(all: readonly LaneCounters[]): LaneCounters {
  const total: LaneCounters = { keys: 0, skipped: 0, commands: 0, recopied: 0, split: 0 };
  for (const counters of all) {
    for (const name of Object.keys(total) as (keyof LaneCounters)[]) total[name] += counters[name];
  }
  return total;
}

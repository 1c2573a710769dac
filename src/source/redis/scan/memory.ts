import type { Fingerprints } from './fingerprints.ts';

/** What was read of each key, or of the last of those that have one name in the target. */
export type Prints = Pick<Fingerprints, 'note' | 'has' | 'forget'>;

/** No key expires then. */
const NO_TIME = -2;

/** The key is known, and is none that was written: it is written when it is read next, and removed if it is gone then. */
export function spoil(prints: Prints, db: number, key: Buffer): void {
  prints.note(db, key, 0, key.length, 0, 0, NO_TIME);
}

/** What a scan that follows changes remembers of the keys that it has read. */
export interface ScanMemory {
  readonly prints: Prints;
  /** Several keys may have one name in the target: with one of them what another one had there may be removed. */
  readonly sharesNames: boolean;
  /** The target has a key of its own of that name, which stays: nothing is written. */
  keptThere(db: number, buf: Buffer, start: number, end: number): boolean;
  /** The source has this key now, whoever's it was in the target before. True: it is to be written, whatever the prints say. */
  taken(db: number, buf: Buffer, start: number, end: number): boolean;
}

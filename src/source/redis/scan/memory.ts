import type { Fingerprints } from './fingerprints.ts';

/** What a scan that follows changes remembers of the keys that it has read. */
export interface ScanMemory {
  readonly prints: Fingerprints;
  /** The target has a key of its own of that name, which stays: nothing is written. */
  keptThere(db: number, buf: Buffer, start: number, end: number): boolean;
  /** The source has this key now, whoever's it was in the target before. True: it is to be written, whatever the prints say. */
  taken(db: number, buf: Buffer, start: number, end: number): boolean;
}

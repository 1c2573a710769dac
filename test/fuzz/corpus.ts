/** Inputs that were found or made once, each named for what it shows: `decoder-what.bin`. They are read again before anything random is. */
import { readdirSync, readFileSync } from 'node:fs';
import { Random } from '../support/random.ts';
import { replayAof, replayManifest } from './aof.ts';
import { replayRdb } from './rdb.ts';
import { READERS, replayWire } from './wire.ts';

const FOLDER = new URL('corpus/', import.meta.url);
/** So many ways to cut each. */
const TURNS = 20;

export const corpus = (): string[] => readdirSync(FOLDER).filter((name) => name.endsWith('.bin'));

/** Throws what must not be; returns whether it was refused. */
export function replay(name: string): boolean {
  const bytes = readFileSync(new URL(name, FOLDER));
  const decoder = name.slice(0, name.indexOf('-'));
  let refused = false;
  for (let seed = 1; seed <= TURNS; seed++) {
    const random = new Random(seed);
    if (decoder === 'rdb') refused = replayRdb(bytes, (below) => random.int(below));
    else if (decoder === 'aof') refused = replayAof(bytes, random);
    else if (decoder === 'manifest') refused = replayManifest(bytes);
    else if (decoder in READERS) refused = replayWire(decoder, bytes, random);
    else throw new Error(`${name}: no such decoder`);
  }
  return refused;
}

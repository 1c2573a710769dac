/** Damaged and random RDBs: the walk may refuse them with a FormatError, and may do nothing else; and it says the same however they are cut. */
import { readdirSync, readFileSync } from 'node:fs';
import { FormatError } from '../../src/protocol/format-error.ts';
import { Rebuild } from '../../src/protocol/rdb/rebuild.ts';
import { RdbWalker } from '../../src/protocol/rdb/walker.ts';
import { type FuzzResult, fuzzFor } from './fuzz-for.ts';
import { Collector, writeAll } from './rdb-collect.ts';
import { CommandCollector } from './rdb-commands.ts';

const DIRECTORY = new URL('../fixtures/rdb/', import.meta.url);
/** What a run of one input may take of the processor, however it is damaged (some 100 ms are usual for a whole fixture). */
const RUN_MS_MAX = 4000;
const TYPES_AND_OPCODES = [
  ...[0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26],
  ...[243, 244, 245, 247, 248, 249, 250, 251, 252, 253, 254, 255],
];
const BYTES = [0, 1, 2, 5, 63, 64, 127, 128, 129, 192, 193, 194, 195, 240, 244, 254, 255];

/** A small generator of its own, so that a run can be repeated from its seed (mulberry32). */
function generator(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let n = Math.imul(state ^ (state >>> 15), state | 1);
    n ^= n + Math.imul(n ^ (n >>> 7), n | 61);
    return ((n ^ (n >>> 14)) >>> 0) % below;
  };
}

/** Random bytes are refused within a few; so most of them are types, opcodes and the lengths that matter. */
function random(next: (below: number) => number): Buffer {
  const body = Buffer.alloc(1 + next(200));
  for (let i = 0; i < body.length; i++) {
    const pool = next(4) === 0 ? TYPES_AND_OPCODES : BYTES;
    body[i] = next(3) === 0 ? next(256) : (pool[next(pool.length)] as number);
  }
  return Buffer.concat([Buffer.from(next(3) === 0 ? 'VALKEY080' : 'REDIS0013'), body]);
}

/** A piece of a fixture around one place, with some bytes changed, and often begun anew at that place. */
function damaged(fixtures: readonly Buffer[], next: (below: number) => number): Buffer {
  const fixture = fixtures[next(fixtures.length)] as Buffer;
  const bytes = Buffer.from(next(4) === 0 ? fixture : fixture.subarray(0, 200 + next(fixture.length - 200)));
  for (let changes = 1 + next(8); changes > 0; changes--) {
    const at = next(2) === 0 ? 9 + next(bytes.length - 9) : Math.max(9, bytes.length - 1 - next(300));
    bytes[at] =
      next(2) === 0 ? (bytes[at] as number) ^ (1 << next(8)) : (BYTES[next(BYTES.length)] as number);
  }
  return bytes;
}

/** What comes out, as one text: the entries and how it ended. */
function outcome(rdb: Buffer, next: (below: number) => number, bigEntryBytes: number): string {
  const collector = new Collector();
  collector.partBytes = 32 + next(2000);
  const walker = new RdbWalker(collector, { bigEntryBytes, verifyChecksum: false });
  let end = 'finished';
  try {
    const step = 1 + next(rdb.length < 2000 ? 64 : 40_000);
    for (let pos = 0; pos < rdb.length && !walker.finished; ) {
      const stop = Math.min(rdb.length, pos + 1 + next(step));
      pos = walker.write(rdb, pos, stop);
    }
    walker.end();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    // Which of two faults is met first, and whether before the end, depends on the cuts where an entry is large.
    end = 'refused';
  }
  // Of an entry that is refused, the big path has given the beginning away already.
  const whole = end === 'finished' ? collector.entries : [];
  return JSON.stringify([end, whole, collector.told], (_, v) => (typeof v === 'bigint' ? String(v) : v));
}

/** Rebuilding must keep to the contract of `CommandSink`, or refuse. */
function rebuild(rdb: Buffer, next: (below: number) => number): void {
  const sink = new Collector();
  const options = { chunkBytes: 1 + next(300), chunkElements: 1 + next(5) };
  sink.bigEntry = () => new Rebuild(new CommandCollector(), Buffer.from('key'), options);
  const walker = new RdbWalker(sink, { bigEntryBytes: 0, verifyChecksum: false });
  try {
    writeAll(walker, rdb, 0, rdb.length);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
  }
}

export function fuzzRdb(seconds: number, seed?: number): FuzzResult {
  const fixtures = readdirSync(DIRECTORY)
    .filter((name) => name.endsWith('.rdb'))
    .map((name) => readFileSync(new URL(name, DIRECTORY)));
  return fuzzFor('rdb', seconds, RUN_MS_MAX, seed, (turn) => {
    const next = generator(turn);
    const rdb = next(3) === 0 ? damaged(fixtures, next) : random(next);
    return replayRdb(rdb, next);
  });
}

/** Whether it was refused. */
export function replayRdb(rdb: Buffer, next: (below: number) => number): boolean {
  const big = next(2) === 0 ? 0 : 100 + next(1000);
  const [one, other] = [outcome(rdb, next, big), outcome(rdb, next, big)];
  if (one !== other)
    throw new Error(`cut otherwise, it says otherwise:\n${one.slice(0, 500)}\n${other.slice(0, 500)}`);
  rebuild(rdb, next);
  return !one.startsWith('["finished"');
}

/** Full copy: from the start until the target holds everything. */
import { type FillType, fill, fillStrings } from '../test/support/fill.ts';
import { RedisServer } from '../test/support/redis-server.ts';
import type { Contestant } from './contestants.ts';
import { requireEqual } from './equal.ts';
import type { Result } from './report.ts';

export interface DataSet {
  name: string;
  make: (source: RedisServer, scale: number) => Promise<void>;
}

const STRINGS = 2_000_000;
const STRING_BYTES = 100;
const MIXED_KEYS = 300_000;
const MIXED: readonly FillType[] = ['hash', 'list', 'set', 'intset', 'zset', 'stream'];

export const dataSets: readonly DataSet[] = [
  {
    name: 'strings, compressible',
    make: (source, scale) => fillStrings(source, STRINGS * scale, STRING_BYTES, { compressible: true }),
  },
  {
    name: 'strings, random',
    make: (source, scale) => fillStrings(source, STRINGS * scale, STRING_BYTES),
  },
  {
    name: 'mixed types',
    make: (source, scale) => fill(source, MIXED_KEYS * scale, { databases: 1, types: MIXED }),
  },
];

async function copyOnce(
  contestant: Contestant,
  source: RedisServer,
  check: boolean,
): Promise<Result['rounds'][0]> {
  const target = await RedisServer.start();
  try {
    const copied = await contestant.copy(source, target);
    if (contestant.nullEnd) return copied;
    if (check) await requireEqual(contestant.name, source, target);
    return copied;
  } finally {
    await target.stop();
  }
}

export async function benchFull(
  contestants: readonly Contestant[],
  rounds: number,
  scale: number,
  tell: (text: string) => void,
): Promise<Result[]> {
  const results: Result[] = [];
  for (const { name, make } of dataSets) {
    const source = await RedisServer.start();
    try {
      await make(source, scale);
      const set = contestants.map(
        (each): Result => ({ part: 'full', data: name, contestant: each.name, rounds: [] }),
      );
      for (let round = 0; round < rounds; round++) {
        for (const [i, contestant] of contestants.entries()) {
          const copied = await copyOnce(contestant, source, round === 0);
          set[i]?.rounds.push(copied);
          tell(`${name}, round ${round + 1}: ${contestant.name} ${(copied.ms / 1000).toFixed(2)} s`);
        }
      }
      results.push(...set);
    } finally {
      await source.stop();
    }
  }
  return results;
}

/** Memory: one key that is far larger than what naru may hold. */
import { Random } from '../test/support/random.ts';
import { RedisServer } from '../test/support/redis-server.ts';
import { naru } from './contestants.ts';
import type { Result } from './report.ts';

const STRING_BYTES = 512 * 1024 * 1024;
const FIELDS = 10_000_000;
const PIECE_BYTES = 8 * 1024 * 1024;
const FIELDS_PER_CALL = 100_000;

const HSET = `for i = ARGV[1], ARGV[2] do redis.call('HSET', KEYS[1], 'field:' .. i, 'value of ' .. i) end`;

async function largeString(source: RedisServer, scale: number): Promise<void> {
  const piece = new Random(1).bytes(PIECE_BYTES);
  for (let bytes = 0; bytes < STRING_BYTES * scale; bytes += PIECE_BYTES)
    await source.call('APPEND', 'key', piece);
}

async function largeHash(source: RedisServer, scale: number): Promise<void> {
  for (let from = 0; from < FIELDS * scale; from += FIELDS_PER_CALL) {
    await source.call('EVAL', HSET, 1, 'key', from, from + FIELDS_PER_CALL - 1);
  }
}

const dataSets: readonly [name: string, make: (source: RedisServer, scale: number) => Promise<void>][] = [
  ['string of 512 MiB', largeString],
  ['hash of 10 M fields', largeHash],
];

export async function benchMemory(scale: number, tell: (text: string) => void): Promise<Result[]> {
  const results: Result[] = [];
  for (const [data, make] of dataSets) {
    const source = await RedisServer.start();
    const target = await RedisServer.start();
    try {
      await make(source, scale);
      const copied = await naru.copy(source, target);
      const digests = await Promise.all(
        [source, target].map((server) => server.call('DEBUG', 'DIGEST-VALUE', 'key')),
      );
      if (String(digests[0]) !== String(digests[1]))
        throw new Error(`${data}: the target differs from the source`);
      tell(`${data}: naru ${(copied.ms / 1000).toFixed(2)} s`);
      results.push({ part: 'memory', data, contestant: naru.name, rounds: [copied] });
    } finally {
      await Promise.all([source.stop(), target.stop()]);
    }
  }
  return results;
}

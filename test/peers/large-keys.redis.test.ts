/** Row 27: a large key costs neither the memory of Naru nor the time of those who use the target. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import type { RedisServer } from '../support/redis-server.ts';
import { Pair, WAYS } from './pair.ts';

const MIB = 1024 * 1024;
const MEMORY_BYTES_MAX = 160 * MIB;
/** The target hangs up where a command is larger: so long as each is small, it is soon done with any of them. */
const COMMAND_BYTES_MAX = 2 * MIB;
const FIELDS = 1_000_000;
const STRING_BYTES = 200 * MIB;

let pair: Pair;
afterEach(() => pair.stop());

/** Asks again and again on a connection of its own; gives the longest wait in ms, which is shown and not judged: a busy machine has its own. */
async function watch(server: RedisServer): Promise<() => Promise<number>> {
  const client = await server.connect();
  let longest = 0;
  let watching = true;
  const asking = (async () => {
    while (watching) {
      const begun = performance.now();
      await client.call('PING');
      longest = Math.max(longest, performance.now() - begun);
      await sleep(2);
    }
    client.close();
  })();
  return async () => {
    watching = false;
    await asking;
    return longest;
  };
}

const HASH = `for i = tonumber(ARGV[1]), tonumber(ARGV[2]) do redis.call('HSET', KEYS[1], 'field:' .. i, i) end`;

async function makeHash(server: RedisServer): Promise<void> {
  const step = FIELDS / 20;
  for (let i = 0; i < FIELDS; i += step) await server.call('EVAL', HASH, 1, 'large', i, i + step - 1);
}

async function makeString(server: RedisServer): Promise<void> {
  await server.call('SETRANGE', 'large', STRING_BYTES - 4, 'last');
}

it.each(
  WAYS.flatMap(
    (way) =>
      [
        [way, 'a hash of a million fields', makeHash],
        [way, 'a string of 200 MB', makeString],
      ] as const,
  ),
)('naru %s: %s neither fills the memory nor stops the target', async (way, what, make) => {
  pair = await Pair.start(
    { config: { rdbcompression: 'no' } },
    { config: { 'client-query-buffer-limit': String(COMMAND_BYTES_MAX) } },
  );
  await make(pair.source);
  const naru = await pair.begin(way);
  await naru.untilEvent('started');
  const stop = await watch(pair.target);
  expect((await naru.exited).code, naru.stderr).toBe(0);
  const longest = await stop();
  const memory = Math.round(naru.peakRssBytes / MIB);
  process.stdout.write(`${way}, ${what}: longest PING ${Math.round(longest)} ms, memory ${memory} MiB\n`);
  expect(await pair.target.call('DEBUG', 'DIGEST-VALUE', 'large')).toEqual(
    await pair.source.call('DEBUG', 'DIGEST-VALUE', 'large'),
  );
  expect(naru.peakRssBytes).toBeLessThan(MEMORY_BYTES_MAX);
});

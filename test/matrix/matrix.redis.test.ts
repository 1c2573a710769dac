/** A few pairs of the whole matrix (main.ts), of servers that this machine has already; nothing is downloaded. */
import { describe, expect, it } from 'vitest';
import { type CachedServer, cachedServers } from '../support/servers.ts';
import { runPair } from './pair.ts';

const servers = new Map(cachedServers().map((server) => [server.name, server]));

const PAIRS: readonly [from: string, to: string, lossy: boolean][] = [
  ['redis-6.0', 'redis-7.0', false],
  ['redis-7.0', 'redis-8.0', false],
  ['redis-7.0', 'valkey-8.1', false],
  ['redis-8.0', 'redis-8.0', false],
  ['valkey-8.1', 'valkey-9', false],
  ['valkey-9', 'valkey-9', false],
  ['redis-8.0', 'redis-7.0', true],
  ['redis-7.0', 'redis-6.0', true],
  ['redis-8-newest', 'valkey-9', true],
  ['valkey-9', 'redis-8.0', false],
];

describe('a live migration', () => {
  for (const [from, to, lossy] of PAIRS) {
    const [source, target] = [servers.get(from), servers.get(to)];
    // `npm run servers` fetches what is missing.
    it.skipIf(source === undefined || target === undefined)(
      `from ${from} to ${to}${lossy ? ', as far as it can hold the data' : ''}`,
      async () => {
        const outcome = await runPair(source as CachedServer, target as CachedServer, {
          keys: 1000,
          commands: 2500,
        });
        expect(outcome).toMatchObject({ lossy, wrong: [] });
      },
    );
  }
});

/** A few pairs of the whole matrix (main.ts), of servers that this machine has already; nothing is downloaded. */
import { describe, expect, it } from 'vitest';
import { type CachedServer, cachedServers } from '../support/servers.ts';
import { runPair } from './pair.ts';

const servers = new Map(cachedServers().map((server) => [server.name, server]));

const PAIRS: readonly [string, string, 'copied' | 'too old'][] = [
  ['redis-6.0', 'redis-7.0', 'copied'],
  ['redis-7.0', 'redis-8.0', 'copied'],
  ['redis-7.0', 'valkey-8.1', 'copied'],
  ['redis-8.0', 'redis-8.0', 'copied'],
  ['valkey-8.1', 'valkey-9', 'copied'],
  ['valkey-9', 'valkey-9', 'copied'],
  ['redis-8.0', 'redis-7.0', 'too old'],
  ['redis-8.0', 'valkey-9', 'too old'],
];

describe('a live migration', () => {
  for (const [from, to, kind] of PAIRS) {
    const [source, target] = [servers.get(from), servers.get(to)];
    // `npm run servers` fetches what is missing.
    it.skipIf(source === undefined || target === undefined)(`from ${from} to ${to}: ${kind}`, async () => {
      const outcome = await runPair(source as CachedServer, target as CachedServer, {
        keys: 1500,
        commands: 4000,
      });
      expect(outcome).toEqual({ kind, wrong: [] });
    });
  }
});

/** What is read when a follower tells it ends as the source does: while it is written to, and the follower's connection is cut. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Way } from '../../src/source/redis/follow/follower.ts';
import { RedisServer } from '../support/redis-server.ts';
import { followRound } from './follow-round.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await RedisServer.start({ config: { 'notify-keyspace-events': 'KA' } });
});
afterAll(() => server.stop());

it.each<Way>(['tracking', 'keyspace', 'monitor'])('%s', async (way) => {
  const { differences, passes, written } = await followRound(server, way, {
    seed: 1,
    rate: 5000,
    cuts: 2,
    ms: 800,
  });
  expect(differences).toEqual([]);
  expect(written).toBeGreaterThan(100);
  // One at the beginning, one after each cut, and others for flushes.
  expect(passes).toBeGreaterThanOrEqual(3);
});

/**
 * The long run: `npm run test:scan -- [rounds] [seed]`. Each round takes a server of each version that this machine has, writes 20,000 commands of all kinds a
 * second to it, follows it in each way, and cuts the follower's connection again and again. A round that fails names its seed.
 */
import type { Way } from '../../src/source/redis/follow/follower.ts';
import { RedisServer } from '../support/redis-server.ts';
import { cachedServers } from '../support/servers.ts';
import { followRound } from './follow-round.ts';

/** PEXPIRETIME is from Redis 7 on; MONITOR of Valkey 8.1 can't be read. */
const offers = (server: string, way: Way): boolean =>
  server !== 'redis-6.0' && !(server === 'valkey-8.1' && way === 'monitor');

const rounds = Number(process.argv[2] ?? 3);
const firstSeed = Number(process.argv[3] ?? 1);
let failed = false;
for (let round = 0; round < rounds; round++) {
  for (const { name, binary } of cachedServers()) {
    const server = await RedisServer.start({ binary, config: { 'notify-keyspace-events': 'KA' } });
    for (const way of ['tracking', 'keyspace', 'monitor'] as const) {
      if (!offers(name, way)) continue;
      const seed = firstSeed + round * 2;
      const result = await followRound(server, way, { seed, rate: 20_000, cuts: 5, ms: 1000 });
      const { differences, passes, written } = result;
      console.log(
        `seed ${seed} ${name} ${way}: ${written} written, ${passes} passes, ${differences.length} differences`,
      );
      for (const place of differences.slice(0, 10)) console.log(`  ${JSON.stringify(place)}`);
      failed ||= differences.length > 0;
    }
    await server.stop();
  }
}
process.exit(failed ? 1 : 0);

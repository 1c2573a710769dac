/**
 * The long run: `npm run test:scan -- [rounds] [seed] [follow|live]`. Each round takes a server of each version that this machine has, writes 20,000 commands of
 * all kinds a second to it, follows it in each way, and cuts the follower's connection again and again; then `naru scan --live` runs in each way, with
 * one server and with clusters that change shape, while its connections are cut at both sides. A round that fails names its seed.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Way } from '../../src/source/redis/follow/follower.ts';
import { RedisCluster } from '../support/cluster.ts';
import { RedisServer } from '../support/redis-server.ts';
import { cachedServers } from '../support/servers.ts';
import { followRound } from './follow-round.ts';
import { type LiveRound, liveClusterRound, liveRound } from './live-round.ts';

/** PEXPIRETIME is from Redis 7 on; MONITOR of Valkey 8.1 can't be read. */
const offers = (server: string, way: Way): boolean =>
  server !== 'redis-6.0' && !(server === 'valkey-8.1' && way === 'monitor');

const WAYS = ['tracking', 'keyspace', 'monitor', 'passes'] as const;
const rounds = Number(process.argv[2] ?? 3);
const firstSeed = Number(process.argv[3] ?? 1);
const part = process.argv[4];
const dir = mkdtempSync(join(tmpdir(), 'naru-scan-long-'));
let failed = false;

function told(what: string, differences: readonly string[]): void {
  console.log(`${what}, ${differences.length} differences`);
  for (const place of differences.slice(0, 10)) console.log(`  ${JSON.stringify(place)}`);
  failed ||= differences.length > 0;
}

async function follow(seed: number): Promise<void> {
  for (const { name, binary } of cachedServers()) {
    const server = await RedisServer.start({ binary, config: { 'notify-keyspace-events': 'KA' } });
    for (const way of WAYS) {
      if (way === 'passes' || !offers(name, way)) continue;
      const result = await followRound(server, way, { seed, rate: 20_000, cuts: 5, ms: 1000 });
      const { differences, passes, written } = result;
      told(`seed ${seed} ${name} ${way}: ${written} written, ${passes} passes`, differences);
    }
    await server.stop();
  }
}

const toldRun = (what: string, { written, syncedMs, endedMs, differences }: LiveRound): void =>
  told(`${what}: ${written} written, in sync after ${syncedMs} ms, ended in ${endedMs} ms`, differences);

async function live(seed: number): Promise<void> {
  for (const way of WAYS) {
    const source = await RedisServer.start({ config: { 'notify-keyspace-events': 'KA' } });
    const target = await RedisServer.start();
    const result = await liveRound(source, target, way, { seed, rate: 20_000, cuts: 6, ms: 700, dir });
    toldRun(`seed ${seed} live by ${way}`, result);
    await source.stop();
    await target.stop();
  }
}

async function liveClusters(seed: number): Promise<void> {
  const source = await RedisCluster.start({ masters: 3, replicas: 1 });
  for (const { server } of source.nodes) await server.call('CONFIG', 'SET', 'notify-keyspace-events', 'KA');
  const cluster = await RedisCluster.start({ masters: 3, replicas: 0 });
  for (const way of WAYS) {
    const alone = await RedisServer.start();
    for (const [to, target] of [
      ['a server', alone],
      ['a cluster', cluster],
    ] as const) {
      const result = await liveClusterRound(source, target, way, { seed, rate: 0, cuts: 4, ms: 1000, dir });
      toldRun(`seed ${seed} live by ${way}, from a cluster to ${to}`, result);
    }
    await alone.stop();
    for (const { server } of cluster.nodes) await server.call('FLUSHALL');
  }
  await source.stop();
  await cluster.stop();
}

for (let round = 0; round < rounds; round++) {
  const seed = firstSeed + round * 2;
  if (part !== 'live') await follow(seed);
  if (part === 'follow') continue;
  await live(seed);
  await liveClusters(seed);
}
rmSync(dir, { recursive: true });
process.exit(failed ? 1 : 0);

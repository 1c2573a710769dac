import { setTimeout as sleep } from 'node:timers/promises';
import type { Way } from '../../src/source/redis/follow/follower.ts';
import type { RedisCluster } from '../support/cluster.ts';
import { differences as differencesOf, stateOf } from '../support/cluster-state.ts';
import { compare } from '../support/compare.ts';
import { Naru } from '../support/naru.ts';
import { RedisServer } from '../support/redis-server.ts';
import { Writer } from '../support/writers.ts';
import { ClusterWriter } from '../topology/cluster-writer.ts';

const DATABASES = 4;
const TOLERANCE_MS = 50;

export interface LiveRound {
  differences: string[];
  written: number;
  /** until it was in sync first, and from its being told to stop to its end */
  syncedMs: number;
  endedMs: number;
  recopied: number;
}

export interface LiveRoundOptions {
  seed: number;
  /** commands a second */
  rate: number;
  /** how often Naru's connections are cut, at the source and at the target by turns, and how far apart */
  cuts: number;
  ms: number;
  dir: string;
}

/** One server that is written to, with FLUSHALL, FLUSHDB and SWAPDB, while `naru scan --live` copies it. */
export async function liveRound(
  source: RedisServer,
  target: RedisServer,
  way: Way,
  options: LiveRoundOptions,
): Promise<LiveRound> {
  const { seed, rate } = options;
  let written = 0;
  const writer = new Writer(source, {
    seed,
    rate,
    databases: DATABASES,
    extra: (random) => (random.int(1500) === 0 ? [['FLUSHALL']] : []),
  });
  await writer.start();
  const run = await followed([source], [target], [source.url, target.url], way, options, async () => {
    await writer.stop();
    written = writer.written;
  });
  const found = await compare(source, target, { ttlToleranceMs: TOLERANCE_MS });
  return { ...run, written, differences: found.filter((line) => !line.startsWith('functions')) };
}

/** The same from a cluster to another one, or to a server; slots move too, and a master is relieved by its replica. */
export async function liveClusterRound(
  source: RedisCluster,
  target: RedisCluster | RedisServer,
  way: Way,
  options: LiveRoundOptions,
): Promise<LiveRound> {
  const writer = await ClusterWriter.start(source, options.seed);
  let written = 0;
  const at = async (side: RedisCluster | RedisServer): Promise<RedisServer[]> =>
    side instanceof RedisServer ? [side] : (await side.masters()).map(({ server }) => server);
  const servers = source.nodes.map(({ server }) => server);
  const reshaping = reshape(source, options);
  const urls: [string, string] = [source.url, target.url];
  const run = await followed(servers, await at(target), urls, way, options, async () => {
    await reshaping;
    written = writer.written;
    await writer.stop();
  });
  const found = differencesOf(await stateOf(await at(source)), await stateOf(await at(target)), TOLERANCE_MS);
  return { ...run, written, differences: found };
}

async function reshape(cluster: RedisCluster, { cuts, ms }: LiveRoundOptions): Promise<void> {
  for (let i = 0; i < cuts; i++) {
    await sleep(ms);
    const masters = await cluster.masters();
    const [one, two] = [masters[i % masters.length], masters[(i + 1) % masters.length]];
    if (one === undefined || two === undefined) return;
    if (i % 3 === 1) {
      const [replica] = await cluster.replicasOf(one);
      if (replica !== undefined) await cluster.failover(replica);
    } else await cluster.reshard(50, one, two);
  }
}

async function followed(
  sources: readonly RedisServer[],
  targets: readonly RedisServer[],
  [from, to]: readonly [string, string],
  way: Way,
  { cuts, ms, dir }: LiveRoundOptions,
  stopWriting: () => Promise<void>,
): Promise<Omit<LiveRound, 'differences' | 'written'>> {
  const both = ['--from', from, '--to', to, '--dir', dir, '--json'];
  const naru = Naru.start(['scan', '--live', '--live-by', way, ...both, '--on-conflict', 'overwrite']);
  const begin = performance.now();
  try {
    await naru.untilEvent('synced');
    const syncedMs = Math.round(performance.now() - begin);
    for (let cut = 0; cut < cuts; cut++) {
      await sleep(ms);
      for (const server of cut % 2 === 0 ? sources : targets) await cutNaru(server);
    }
    await sleep(ms);
    await stopWriting();
    const stopping = performance.now();
    await naru.stop('SIGINT');
    if (naru.exit?.code !== 0) throw new Error(`naru failed: ${naru.stdout.slice(-3000)}${naru.stderr}`);
    const recopied = naru.eventsOf('done')[0]?.recopied ?? 0;
    return { syncedMs, endedMs: Math.round(performance.now() - stopping), recopied };
  } catch (error) {
    await stopWriting().catch(() => {});
    await naru.stop('SIGKILL');
    throw error;
  }
}

/** All connections that are Naru's. */
async function cutNaru(server: RedisServer): Promise<void> {
  const lines = String(await server.call('CLIENT', 'LIST')).split('\n');
  for (const line of lines) {
    const id = /^id=(\d+) /.exec(line)?.[1];
    if (id !== undefined && / name=naru/.test(line))
      await server.call('CLIENT', 'KILL', 'ID', id).catch(() => 0);
  }
}

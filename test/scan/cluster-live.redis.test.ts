/** A live scan of a cluster that changes shape on the way: a master fails, slots move, and a master joins. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeTempDir } from '../support/cleanup.ts';
import { type ClusterNode, RedisCluster } from '../support/cluster.ts';
import { differences, stateOf } from '../support/cluster-state.ts';
import { Naru } from '../support/naru.ts';
import { RedisServer } from '../support/redis-server.ts';
import { synced } from '../support/synced.ts';
import { until } from '../support/until.ts';
import { ClusterWriter } from '../topology/cluster-writer.ts';

const temp = makeTempDir();
let source: RedisCluster;
let server: RedisServer;
beforeAll(async () => {
  source = await RedisCluster.start({ masters: 3, replicas: 1 });
  server = await RedisServer.start();
});
afterAll(async () => {
  await server?.stop();
  await source?.stop();
  temp.remove();
});

const masters = async (cluster: RedisCluster): Promise<RedisServer[]> =>
  (await cluster.masters()).map((master) => master.server);

it('by tracking, into one server', async () => {
  const writer = await ClusterWriter.start(source, 3);
  await writer.until(2000);
  const naru = Naru.start([
    ...['scan', '--live', '--live-by', 'tracking', '--from', source.url, '--to', server.url, '--json'],
    ...['--progress-interval', '50ms', '--dir', temp.path],
  ]);
  try {
    await synced(naru, writer);
    const [one, two, three] = (await source.masters()) as [ClusterNode, ClusterNode, ClusterNode];
    await source.reshard(100, one, two);
    await writer.until(1000);
    await source.failover((await source.replicasOf(three))[0] as ClusterNode);
    await writer.until(1000);
    const joined = await source.addNode();
    await joined.server.call('FUNCTION', 'LOAD', ClusterWriter.library);
    await source.reshard(100, two, joined);
    await source.reshard(50, two, one);
    await writer.until(2000);
  } finally {
    await writer.stop();
  }
  const found = async (): Promise<string[]> =>
    differences(await stateOf(await masters(source)), await stateOf([server]), 2000);
  // By what is told alone: at the end everything is compared.
  await until('both to be equal', async () => (await found()).length === 0).catch(async (error: Error) => {
    throw new Error(`${error.message}: ${(await found()).join('\n')}\n${naru.stdout.slice(-3000)}`, {
      cause: error,
    });
  });
  expect(await naru.stop('SIGINT'), naru.stdout.slice(-3000) + naru.stderr).toMatchObject({ code: 0 });
  expect(await found()).toEqual([]);
});

/** As follow.redis.test.ts, with a follower for each master of a cluster, all cut at once. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Way } from '../../src/source/redis/follow/follower.ts';
import { RedisCluster } from '../support/cluster.ts';
import { FaultProxy } from '../support/proxy.ts';
import { ClusterWriter } from '../topology/cluster-writer.ts';
import { Mirror } from './mirror.ts';

let cluster: RedisCluster;
beforeAll(async () => {
  cluster = await RedisCluster.start({ masters: 3 });
  for (const { server } of await cluster.masters())
    await server.call('CONFIG', 'SET', 'notify-keyspace-events', 'KA');
});
afterAll(() => cluster.stop());

it.each<Way>(['tracking', 'keyspace', 'monitor'])('%s', async (way) => {
  const servers = (await cluster.masters()).map(({ server }) => server);
  const proxies = await Promise.all(servers.map((server) => FaultProxy.start(server)));
  const mirrors = await Promise.all(
    servers.map((server, i) => Mirror.start(server, way, (proxies[i] as FaultProxy).url, 1)),
  );
  const writer = await ClusterWriter.start(cluster, 5);
  for (let cut = 0; cut < 2; cut++) {
    await writer.until(2000);
    for (const proxy of proxies) proxy.cut();
    await Promise.all(
      mirrors.map(({ hearer }) =>
        hearer.until(() => hearer.events.filter((event) => event === 'reconnected').length > cut),
      ),
    );
    // One at the beginning, and one for this cut.
    await Promise.all(mirrors.map((mirror) => mirror.passed(cut + 2)));
  }
  // What was missed is read, and from here on only what is told.
  const passes = mirrors.map((mirror) => mirror.passes);
  await writer.until(3000);
  await writer.stop();
  const differences = await Promise.all(mirrors.map((mirror) => mirror.differences()));
  expect(differences).toEqual([[], [], []]);
  expect(mirrors.map(({ values }) => values.size > 10)).toEqual([true, true, true]);
  expect(mirrors.map((mirror) => mirror.passes)).toEqual(passes);
  for (const mirror of mirrors) await mirror.stop();
  for (const proxy of proxies) await proxy.stop();
});

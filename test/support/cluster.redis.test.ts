import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ClusterNode, RedisCluster } from './cluster.ts';
import { SentinelGroup } from './sentinel.ts';

let cluster: RedisCluster;
beforeAll(async () => {
  cluster = await RedisCluster.start({ masters: 3, replicas: 1 });
});
afterAll(() => cluster?.stop());

it('takes writes at the master of the slot, which reach the replica', async () => {
  const master = await cluster.masterOf(12182);
  await master.server.call('SET', 'foo', 'bar');
  expect(await master.server.call('WAIT', 1, 60_000)).toBe(1);
  const [replica] = (await cluster.replicasOf(master)) as [ClusterNode];
  expect((await replica.server.info('keyspace')).get('db0')).toMatch(/^keys=1,/);
  await expect((await cluster.masterOf(0)).server.call('GET', 'foo')).rejects.toThrow(/^MOVED 12182 /);
});

it('moves a slot in steps: half way some keys are here and some there', async () => {
  const [from, to] = (await cluster.masters()) as [ClusterNode, ClusterNode];
  for (let n = 0; n < 10; n++) await from.server.call('SET', `{1bz}${n}`, n);
  const moving = cluster.moveSlot(0, from, to);
  await moving.begin();
  expect(await moving.migrate(4)).toBe(4);
  const counts = [from, to].map(({ server }) => server.call('CLUSTER', 'COUNTKEYSINSLOT', 0));
  expect(await Promise.all(counts)).toEqual([6, 4]);
  const asks = (await from.server.pipeline([...Array(10).keys()].map((n) => ['GET', `{1bz}${n}`]))).map(
    String,
  );
  expect(asks.filter((reply) => reply.includes('ASK 0 '))).toHaveLength(4);
  await moving.finish();
  expect((await cluster.masterOf(0)).id).toBe(to.id);
  await expect(from.server.call('GET', '{1bz}0')).rejects.toThrow(/^MOVED 0 /);
  expect(await to.server.text('GET', '{1bz}9')).toBe('9');
});

it('hands over by a failover, and replaces a master that is killed', async () => {
  const master = await cluster.masterOf(1);
  const [replica] = (await cluster.replicasOf(master)) as [ClusterNode];
  await cluster.failover(replica);
  expect((await cluster.masterOf(1)).id).toBe(replica.id);
  const heir = await cluster.killMaster(replica);
  expect(heir.id).toBe(master.id);
  expect(replica.server.running).toBe(false);
});

it('replaces the master of a sentinel group', async () => {
  const group = await SentinelGroup.start({ replicas: 1 });
  try {
    const old = await group.master();
    expect(old).toBe(group.servers[0]);
    expect(await group.killMaster()).toBe(group.servers[1]);
  } finally {
    await group.stop();
  }
});

/** A cluster as source of one run: copied while it is written to, and while masters change. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisCluster } from '../support/cluster.ts';
import { functionsOf } from '../support/cluster-state.ts';
import type { RedisServer } from '../support/redis-server.ts';
import { synced } from '../support/synced.ts';
import { until } from '../support/until.ts';
import { ClusterWriter } from './cluster-writer.ts';
import { fill, Rig, serversOf } from './rig.ts';

let cluster: RedisCluster;
let rig: Rig;

beforeAll(async () => {
  cluster = await RedisCluster.start({ masters: 3, replicas: 1 });
  rig = await Rig.start();
});
afterAll(async () => {
  await cluster.stop();
  await rig.stop();
});

describe('a cluster as source', () => {
  it('is copied with all of its masters while it is written to', async () => {
    const writer = await ClusterWriter.start(cluster, 1);
    await writer.until(2000);
    const naru = rig.sync(cluster.url);
    const started = await naru.untilEvent('started');
    expect(started.source).toContain('(cluster, 3 masters)');
    await synced(naru, writer);
    await writer.until(3000);
    await writer.stop();
    const progress = await naru.untilEvent('progress', (event) => event.lagBytes === 0, naru.events.length);
    expect(progress.links).toHaveLength(3);
    await rig.endsEqual(naru, await serversOf(cluster));
    expect(naru.eventsOf('done')[0]?.links).toHaveLength(3);
    for (const name of ['started', 'snapshot_done', 'synced'] as const) {
      expect(naru.eventsOf(name)).toHaveLength(1);
    }
    const [first] = await serversOf(cluster);
    expect(await functionsOf(rig.target)).toBe(await functionsOf(first as RedisServer));
  });

  it('is followed where a replica takes over, by hand and from a master that dies', async () => {
    await rig.target.call('FLUSHALL');
    await rig.target.call('FUNCTION', 'FLUSH');
    const writer = await ClusterWriter.start(cluster, 2);
    const naru = rig.sync(cluster.url);
    await synced(naru, writer);
    const [first, second] = await cluster.masters();
    await cluster.failover((await cluster.replicasOf(first as NonNullable<typeof first>))[0] as never);
    await writer.until(1000);
    // What its replica has not got would be lost with a master: then nobody could go on, and the run would say so.
    await writer.pause();
    await second?.server.call('WAIT', 1, 60_000);
    await until('the link to have it too', async () => {
      const replicas = Number((await second?.server.info('replication'))?.get('connected_slaves'));
      return replicas === 2 && Number(await second?.server.call('WAIT', 2, 1000)) === 2;
    });
    await cluster.killMaster(second as NonNullable<typeof second>);
    writer.resume();
    await writer.until(1000);
    await writer.stop();
    await rig.endsEqual(naru, await serversOf(cluster));
    // Their streams went on: nothing was copied as a whole once more.
    const [[done], [copied]] = [naru.eventsOf('done'), naru.eventsOf('snapshot_done')];
    expect([done?.links?.length, done?.keys]).toEqual([3, copied?.keys]);
    await second?.server.restart();
    await cluster.healthy();
  });

  it('loses the keys of a master that is flushed, and no others', async () => {
    await rig.target.call('FLUSHALL');
    await rig.target.call('FUNCTION', 'FLUSH');
    await fill(cluster, 3000, 20);
    const [first, second, third] = (await serversOf(cluster)) as [RedisServer, RedisServer, RedisServer];
    const naru = rig.sync(cluster.url);
    await naru.untilEvent('synced');
    const [a, b] = [await ownKey(first), await ownKey(second)];
    // In one slice of the stream: what stands behind it must not go with it.
    await first.pipeline([
      ['SET', a, 'old'],
      ['RPUSH', `{${a}}l`, 1],
      ['FLUSHALL'],
      ['RPUSH', `{${a}}l`, 2],
      ['SET', a, 'new'],
    ]);
    await second.pipeline([['MULTI'], ['SET', b, 'old'], ['FLUSHALL'], ['SET', b, 'new'], ['EXEC']]);
    await rig.holds(a, 'new');
    const left = Number(await third.call('DBSIZE'));
    expect(left).toBeGreaterThan(500);
    await rig.endsEqual(naru, [first, second, third]);
    expect(Number(await rig.target.call('DBSIZE'))).toBeLessThan(left + 10);
  });

  it('loads and deletes a library that each of its masters loads and deletes', async () => {
    await rig.target.call('FLUSHALL');
    await rig.target.call('FUNCTION', 'FLUSH');
    const masters = await serversOf(cluster);
    for (const server of masters) await server.call('FUNCTION', 'FLUSH');
    const naru = rig.sync(cluster.url);
    await naru.untilEvent('synced');
    const code = (name: string): string =>
      `#!lua name=${name}\nredis.register_function('${name}', function() return 1 end)`;
    for (const server of masters) {
      await server.pipeline([
        ['FUNCTION', 'LOAD', code('stays')],
        ['FUNCTION', 'LOAD', code('goes')],
      ]);
    }
    for (const server of masters) await server.call('FUNCTION', 'DELETE', 'goes');
    const done = await rig.endsEqual(naru, masters);
    expect(done).toMatchObject({ lost: 0 });
    expect(await functionsOf(rig.target)).toBe(await functionsOf(masters[0] as RedisServer));
  });
});

/** A key of a slot that the server has. */
async function ownKey(server: RedisServer): Promise<string> {
  for (let n = 0; ; n++) {
    const [reply] = await server.pipeline([['EXISTS', `own:${n}`]]);
    if (reply === 0) return `own:${n}`;
  }
}

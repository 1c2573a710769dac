/** What else a source may be, and how its servers are chosen. */
import { afterEach, describe, expect, it } from 'vitest';
import { RedisCluster } from '../support/cluster.ts';
import type { Naru } from '../support/naru.ts';
import type { RedisServer } from '../support/redis-server.ts';
import type { Arg } from '../support/resp-client.ts';
import { SentinelGroup } from '../support/sentinel.ts';
import { until } from '../support/until.ts';
import { fill, Rig, serversOf } from './rig.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function rigged(): Promise<Rig> {
  const rig = await Rig.start();
  stops.push(() => rig.stop());
  return rig;
}

async function clustered(options: Parameters<typeof RedisCluster.start>[0]): Promise<RedisCluster> {
  const cluster = await RedisCluster.start(options);
  stops.push(() => cluster.stop());
  return cluster;
}

const failure = async (naru: Naru) => {
  await naru.exited;
  return naru.eventsOf('error').find(({ retry }) => !retry);
};

/** Servers that have a connection which asked for the stream. */
async function feeding(servers: readonly RedisServer[]): Promise<RedisServer[]> {
  const counts = await Promise.all(
    servers.map(
      async (server) =>
        String(await server.text('CLIENT', 'LIST', 'TYPE', 'replica')).split('name=naru ').length - 1,
    ),
  );
  return servers.filter((_, at) => (counts[at] as number) > 0);
}

describe('a group with sentinels', () => {
  it('is followed to the master that takes over', async () => {
    const rig = await rigged();
    const group = await SentinelGroup.start({ replicas: 1, sentinelPassword: 'guards' });
    stops.push(() => group.stop());
    const master = await group.master();
    await master.call('SET', 'before', 1);
    const naru = rig.sync(group.url, '--from-sentinel-password-file', rig.file('guards', 'guards'));
    await naru.untilEvent('synced');
    await master.call('INCR', 'before');
    expect(await master.call('WAIT', 2, 60_000)).toBe(2);
    const heir = await group.killMaster();
    await heir.call('INCR', 'before');
    await rig.holds('before', '3');
    await rig.endsEqual(naru, [heir]);
  });

  it('is followed by a run to a cluster whose master changes too', async () => {
    const rig = await Rig.toCluster(3, 1);
    stops.push(() => rig.stop());
    const group = await SentinelGroup.start({ replicas: 1 });
    stops.push(() => group.stop());
    const naru = rig.sync(group.url);
    const write = async (server: RedisServer, round: number): Promise<void> => {
      await server.pipeline(
        Array.from({ length: 200 }, (_, n) => [
          ['INCR', `n:${n % 50}`],
          ['MSET', `a:${n}`, round, `b:${n}`, round],
          ['RENAME', `a:${n}`, `c:${n}`],
          ['MULTI'],
          ['RPUSH', 'l', n],
          ['INCR', 'sum'],
          ['EXEC'],
        ]).flat() as Arg[][],
      );
    };
    const master = await group.master();
    await write(master, 1);
    await naru.untilEvent('synced');
    await write(master, 2);
    // A history that only the dead master had, nobody could go on with.
    expect(await master.call('WAIT', 2, 60_000)).toBe(2);
    const [node] = await rig.targetCluster.masters();
    const [heir] = await Promise.all([
      group.killMaster(),
      rig.targetCluster.killMaster(node as NonNullable<typeof node>),
    ]);
    await write(heir, 3);
    const { commands } = await rig.endsEqual(naru, [heir]);
    expect(commands).toBeGreaterThan(0);
    expect(await heir.text('GET', 'sum')).toBe('600');
  });
});

describe('a cluster', () => {
  it('is read from its replicas where that is preferred', async () => {
    const rig = await rigged();
    const cluster = await clustered({ masters: 3, replicas: 1 });
    const masters = await serversOf(cluster);
    for (const server of masters)
      await server.call(
        'FUNCTION',
        'LOAD',
        `#!lua name=l\nredis.register_function('f', function() return 1 end)`,
      );
    const naru = rig.sync(cluster.url, '--prefer-replica');
    await naru.untilEvent('synced');
    const replicas = cluster.nodes.map(({ server }) => server).filter((server) => !masters.includes(server));
    expect(await feeding(masters)).toEqual([]);
    expect(await feeding(replicas)).toHaveLength(3);
    await (await cluster.masterOf(0)).server.call('SET', '{06S}k', 'v');
    await rig.holds('{06S}k', 'v');
    // The replica dies: its master, or another replica, goes on.
    const [victim] = replicas as [RedisServer];
    await victim.kill();
    await (await cluster.masterOf(0)).server.call('SET', '{06S}k', 'w');
    for (const [at, server] of masters.entries())
      await server.call(
        'FUNCTION',
        'LOAD',
        `#!lua name=l${at}\nredis.register_function('f${at}', function() return 1 end)`,
      );
    await rig.holds('{06S}k', 'w');
    await rig.endsEqual(naru, masters);
    expect(naru.eventsOf('warning').map(({ code }) => code)).toContain('NO_REPLICA');
  });

  it('makes no more full copies at once than --parallel-snapshots', async () => {
    const rig = await rigged();
    const cluster = await clustered({
      masters: 3,
      config: { 'repl-diskless-sync': 'no', 'rdb-key-save-delay': '200', rdbcompression: 'no' },
    });
    const masters = await serversOf(cluster);
    await fill(cluster, 4500, 1000);
    const naru = rig.sync(cluster.url, '--parallel-snapshots', '1');
    let most = 0;
    const watching = until('all full copies', async () => {
      const infos = await Promise.all(masters.map((server) => server.info('persistence')));
      most = Math.max(most, infos.filter((info) => info.get('rdb_bgsave_in_progress') === '1').length);
      return naru.eventsOf('synced').length > 0;
    });
    await naru.untilEvent('synced');
    await watching;
    expect(most).toBeLessThan(2);
    await rig.endsEqual(naru, masters);
  });

  it('is reached by the address map where its nodes announce what can not be reached', async () => {
    const rig = await rigged();
    const cluster = await clustered({
      masters: 3,
      config: { 'cluster-announce-hostname': 'inner.example', 'cluster-preferred-endpoint-type': 'hostname' },
    });
    await fill(cluster, 100, 10);
    const naru = rig.sync(
      cluster.url.split(',')[0] as string,
      '--from-address-map',
      'inner.example=127.0.0.1',
    );
    await naru.untilEvent('synced');
    await rig.endsEqual(naru, await serversOf(cluster));
  });

  it('with a password on one node only is refused, by the name of that node', async () => {
    const rig = await rigged();
    const cluster = await clustered({ masters: 3 });
    const [, second] = await serversOf(cluster);
    await second?.call('CONFIG', 'SET', 'requirepass', 'x');
    const error = await failure(rig.sync(cluster.url.split(',')[0] as string));
    expect(error).toMatchObject({ code: 'AUTH_FAILED', side: 'source' });
    expect(`${error?.node} ${error?.message}`).toContain(String(second?.port));
  });
});

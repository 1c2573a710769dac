/** What else a target may be, and what is refused. */

import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { tallied, tally, tallyOf } from '../recovery/rig.ts';
import { makeTempDir } from '../support/cleanup.ts';
import { RedisCluster } from '../support/cluster.ts';
import { differences, stateOf } from '../support/cluster-state.ts';
import { compare } from '../support/compare.ts';
import { fill } from '../support/fill.ts';
import { Naru } from '../support/naru.ts';
import { FaultProxy, HoldAfterBytes } from '../support/proxy.ts';
import type { RedisServer } from '../support/redis-server.ts';
import type { Arg } from '../support/resp-client.ts';
import { SentinelGroup } from '../support/sentinel.ts';
import { cachedServers } from '../support/servers.ts';
import { synced } from '../support/synced.ts';
import { until } from '../support/until.ts';
import { ClusterWriter } from './cluster-writer.ts';
import { ownersOf, TargetRig } from './target-rig.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function clustered(masters: number): Promise<RedisCluster> {
  const cluster = await RedisCluster.start({ masters });
  stops.push(() => cluster.stop());
  return cluster;
}

function tempDir(): string {
  const temp = makeTempDir('naru-topology-');
  stops.push(() => Promise.resolve(temp.remove()));
  return temp.path;
}

describe('a cluster of another size', () => {
  it.each([
    [3, 2],
    [2, 4],
  ])('%i masters to %i', async (from, to) => {
    const [source, target] = [await clustered(from), await clustered(to)];
    const writer = await ClusterWriter.start(source, 41);
    const ends = ['--from', source.url, '--to', target.url, '--dir', tempDir(), '--json'];
    const naru = Naru.start(['sync', ...ends, '--progress-interval', '50ms']);
    stops.push(async () => {
      if (naru.exit === undefined) await naru.stop('SIGKILL');
    });
    await synced(naru, writer);
    await writer.stop();
    const sources = await ownersOf(source);
    const state = await stateOf(sources);
    await until(
      'all to arrive',
      async () => differences(state, await stateOf(await ownersOf(target))).length === 0,
    );
    expect(await naru.stop()).toEqual({ code: 0, signal: null });
    expect(differences(state, await stateOf(await ownersOf(target)))).toEqual([]);
  });
});

/** Bytes that its one replica has not received. */
async function lacking(master: RedisServer): Promise<number> {
  const info = await master.info('replication');
  const received = /offset=(\d+)/.exec(info.get('slave0') ?? '')?.[1];
  return Number(info.get('master_repl_offset')) - Number(received);
}

describe('a group with sentinels as target', () => {
  it('is followed to the master that takes over', async () => {
    const group = await SentinelGroup.start({ replicas: 1 });
    stops.push(() => group.stop());
    const rig = await TargetRig.start(() => group.url);
    stops.push(() => rig.stop());
    const naru = rig.sync();
    await naru.untilEvent('synced');
    await rig.source.call('INCR', 'count');
    const old = await group.master();
    await until('the first write', async () => (await old.text('GET', 'count')) === '1');
    expect(await old.call('WAIT', 1, 60_000)).toBe(1);
    const heir = await group.killMaster();
    await rig.source.call('INCR', 'count');
    await rig.endsEqual(naru, [heir]);
    expect(await heir.text('GET', 'count')).toBe('2');
  });

  it.each([
    'in the full copy',
    'in the stream',
  ])('is given again what the new master never got, %s', async (when) => {
    const group = await SentinelGroup.start({ replicas: 1 });
    stops.push(() => group.stop());
    const early = when === 'in the full copy';
    const rig = await TargetRig.start(() => group.url);
    stops.push(() => rig.stop());
    const proxy = await FaultProxy.start(rig.source);
    stops.push(() => proxy.stop());
    await fill(rig.source, 1500, { seed: 3 });
    const large = early ? 500 : 0;
    for (let i = 0; i < large; i++) await rig.source.call('SET', `large:${i}`, randomBytes(65_536));
    // Of 33 MB.
    if (early) proxy.use(HoldAfterBytes(5_000_000, 'to-client'));
    // So little memory that what the replica lacks is kept for its sake alone.
    const naru = rig.sync('--from', proxy.url, '--spool-memory', '256KiB');
    const keys = (): number => Number(naru.eventsOf('progress').at(-1)?.keys ?? 0);
    if (early) await until('keys in the target', async () => keys() > 100);
    else await naru.untilEvent('synced');
    const counted = tally();
    const options = { seed: 51, databases: 8, keep: () => true, extra: counted.extra };
    const writer = await rig.writer(early ? { ...options, rate: 500 } : options);
    const master = await group.master();
    const [replica] = group.servers.filter((server) => server !== master) as [RedisServer];
    await replica.kill('SIGSTOP');
    if (early) proxy.use(HoldAfterBytes(24_000_000, 'to-client'));
    // What the master has sent arrives when the replica goes on: it has to be more than sockets hold.
    const lacks = early ? 15_000_000 : 400_000;
    await until('writes that only the master has', async () => (await lacking(master)) > lacks);
    if (!early) await rig.acknowledged(naru);
    await master.kill();
    await replica.kill('SIGCONT');
    proxy.use(undefined);
    await until('the failover', () => replica.isMaster());
    await synced(naru, writer);
    await writer.until(1000);
    await writer.stop();
    await rig.acknowledged(naru);
    expect((await naru.stop()).code, naru.stdout.slice(-2000)).toBe(0);
    expect(await compare(rig.source, replica)).toEqual([]);
    expect(await tallied(replica)).toEqual(tallyOf(counted.count));
    expect(naru.eventsOf('warning').map(({ code }) => code)).toContain('TARGET_WENT_BACK');
    if (early) expect(naru.eventsOf('snapshot_done')[0]).toMatchObject({ keys: 2000, skipped: 0 });
  });
});

describe('a cluster', () => {
  it('takes commands of several MiB', async () => {
    const cluster = await clustered(3);
    const rig = await TargetRig.start(() => cluster.url);
    stops.push(() => rig.stop());
    const naru = rig.sync();
    await naru.untilEvent('synced');
    const big = 'x'.repeat(3_000_000);
    await rig.source.call('SET', 'big', big);
    await rig.source.call('MSET', 'a', big, 'b', 'small');
    await rig.source.call('APPEND', 'big', 'y');
    await rig.endsEqual(naru, await ownersOf(cluster));
  });

  it('is dumped node by node where that is said', async () => {
    const cluster = await clustered(3);
    const [first] = await ownersOf(cluster);
    const file = join(tempDir(), 'node.rdb');
    const from = ['--from', String(first?.url), '--from-topology', 'standalone'];
    const dump = await Naru.run(['dump', ...from, '--to', file, '--json']);
    expect(dump.exit?.code, dump.stdout).toBe(0);
    expect(dump.eventsOf('warning').map(({ code }) => code)).toContain('ONE_NODE');
  });
});

const valkey = cachedServers().find(({ name }) => name === 'valkey-9')?.binary;

describe.skipIf(valkey === undefined)('a cluster of Valkey 9 with several databases', () => {
  it('keeps each key in its database, whatever breaks, and is flushed database by database', async () => {
    const config = { 'cluster-databases': '8' };
    const cluster = await RedisCluster.start({ masters: 3, binary: valkey as string, config });
    stops.push(() => cluster.stop());
    const rig = await TargetRig.start(() => cluster.url);
    stops.push(() => rig.stop());
    const client = await rig.source.connect();
    const inEach = (commands: (db: number) => Arg[][]): Promise<unknown> =>
      client.pipeline([0, 1, 5].flatMap((db) => [['SELECT', db], ...commands(db)]));
    await inEach((db) => [['MSET', 'k', db, 'a', db, 'b', db, 'c', db]]);
    const naru = rig.sync();
    await naru.untilEvent('synced');
    for (const node of await cluster.masters()) {
      await inEach((db) => [
        ['INCRBY', 'k', 10],
        ['MSET', 'a', db, 'b', 'x', 'c', db],
        // Over several slots: copied, in its database.
        ['SUNIONSTORE', 'u', 's1', 's2'],
        ['SADD', 's1', db],
        ['RENAME', 'b', `from-b-${db}`],
      ]);
      await cutWriters(node.server);
    }
    await inEach((db) => (db === 5 ? [['FLUSHDB'], ['SET', 'behind', 5]] : []));
    client.close();
    await rig.acknowledged(naru);
    expect(await naru.stop(), naru.stdout.slice(-2000)).toEqual({ code: 0, signal: null });
    const owners = await ownersOf(cluster);
    for (const db of [0, 1, 5])
      expect(await digestsOf(owners, db)).toEqual(await digestsOf([rig.source], db));
    expect(naru.eventsOf('warning').map(({ code }) => code)).not.toContain('DATABASES_MERGED');
  });
});

/** Key -> digest of its value, of one database. */
async function digestsOf(servers: readonly RedisServer[], db: number): Promise<Map<string, string>> {
  const digests = new Map<string, string>();
  for (const server of servers) {
    const client = await server.connect();
    await client.call('SELECT', db);
    for (const key of (await client.call('KEYS', '*')) as Buffer[])
      digests.set(String(key), String(await client.call('DEBUG', 'DIGEST-VALUE', key)));
    client.close();
  }
  return new Map([...digests].sort());
}

/** The connections that write, as the server sees them. */
async function cutWriters(server: RedisServer): Promise<void> {
  const clients = (await server.text('CLIENT', 'LIST', 'TYPE', 'normal')).split('\n');
  for (const client of clients.filter((line) => line.includes(' name=naru:')))
    await server.call('CLIENT', 'KILL', 'ID', /^id=(\d+)/.exec(client)?.[1] as string);
}

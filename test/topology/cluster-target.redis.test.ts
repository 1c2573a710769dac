/** From one server to a cluster whose slots and nodes move while it is written to. */
import { randomBytes } from 'node:crypto';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { keySlot } from '../../src/net/topology/slot.ts';
import { type ClusterNode, RedisCluster } from '../support/cluster.ts';
import { functionsOf } from '../support/cluster-state.ts';
import { fill } from '../support/fill.ts';
import { FaultProxy, HoldAfterBytes } from '../support/proxy.ts';
import { synced } from '../support/synced.ts';
import { until } from '../support/until.ts';
import { ownersOf, TargetRig } from './target-rig.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function rigged(
  options: Parameters<typeof RedisCluster.start>[0],
  config?: Record<string, string>,
): Promise<{ rig: TargetRig; cluster: RedisCluster }> {
  const cluster = await RedisCluster.start(options);
  stops.push(() => cluster.stop());
  const rig = await TargetRig.start(() => cluster.url, config);
  stops.push(() => rig.stop());
  await fill(rig.source, 1500, { seed: 1, databases: 1 });
  return { rig, cluster };
}

/** The connections that write, as the server sees them. */
async function cutWriters({ server }: ClusterNode): Promise<void> {
  const clients = (await server.text('CLIENT', 'LIST', 'TYPE', 'normal')).split('\n');
  for (const client of clients.filter((line) => line.includes(' name=naru:'))) {
    await server.call('CLIENT', 'KILL', 'ID', /^id=(\d+)/.exec(client)?.[1] as string);
  }
}

/** Commands that a node has run. */
async function callsOf({ server }: ClusterNode): Promise<number> {
  return Number((await server.info('stats')).get('total_commands_processed'));
}

describe('a cluster as target', () => {
  it('takes every write command', async () => {
    const { rig, cluster } = await rigged({ masters: 3 });
    const writer = await rig.writer({ seed: 21 });
    const naru = rig.sync('--big-key-size', '64KiB');
    await synced(naru, writer);
    await writer.until(5000);
    await writer.stop();
    // Over several slots, and large: copied at once, and one node has several of them.
    const members = (): string[] => Array.from({ length: 1000 }, () => randomBytes(100).toString('latin1'));
    await rig.source.pipeline([
      ['SADD', 'left', ...members()],
      ['SADD', 'right', ...members()],
      ...Array.from({ length: 12 }, (_, n) => ['SUNIONSTORE', `union:${n}`, 'left', 'right']),
    ]);
    await rig.endsEqual(naru, await ownersOf(cluster));
  });

  it('may move slots, and leave some half moved for a while', async () => {
    const { rig, cluster } = await rigged({ masters: 3 });
    const writer = await rig.writer({ seed: 22 });
    const naru = rig.sync();
    await synced(naru, writer);
    const [first, second] = (await cluster.masters()) as [ClusterNode, ClusterNode];
    const half = [1, 2, 3, 700].map((slot) => cluster.moveSlot(slot, first, second));
    for (const moving of half) {
      await moving.begin();
      await moving.migrate(1);
    }
    await writer.until(3000);
    for (const moving of half) await moving.finish();
    await cluster.reshard(100, first, second);
    await writer.until(1000);
    await writer.stop();
    // A node without slots is not among those that are flushed, and has keys of one that comes to it.
    const tagged = Array.from({ length: 20 }, (_, n) => ['SET', `{tag}${n}`, n]);
    await rig.source.pipeline(tagged);
    await rig.acknowledged(naru);
    const slot = keySlot(Buffer.from('tag'), 0, 3);
    const added = await cluster.addNode();
    await cluster.healthy();
    const moving = cluster.moveSlot(slot, await cluster.masterOf(slot), added);
    await moving.begin();
    await moving.migrate(10);
    await rig.source.pipeline([['FLUSHALL'], ['SET', 'behind', 1]]);
    await moving.finish();
    await rig.endsEqual(naru, await ownersOf(cluster));
  });

  it('may lose connections, refuse writes for a while, and stand still', async () => {
    const { rig, cluster } = await rigged({ masters: 3, nodeTimeoutMs: 15_000 });
    const writer = await rig.writer({ seed: 23 });
    const naru = rig.sync();
    await synced(naru, writer);
    for (const node of [...cluster.nodes, ...cluster.nodes]) {
      await cutWriters(node);
      await writer.until(500);
    }
    const [, frozen] = cluster.nodes as [ClusterNode, ClusterNode];
    await frozen.server.kill('SIGSTOP');
    await writer.until(6000);
    await frozen.server.kill('SIGCONT');
    await writer.until(500);
    await writer.stop();
    await rig.acknowledged(naru);
    const refusing = await cluster.masterOf(keySlot(Buffer.from('once'), 0, 4));
    await refusing.server.call('CONFIG', 'SET', 'min-replicas-to-write', 1);
    await rig.source.call('INCR', 'once');
    const refusals = async (): Promise<string | undefined> =>
      (await refusing.server.info('errorstats')).get('errorstat_NOREPLICAS');
    await until('a refusal', async () => (await refusals()) !== undefined, 60_000);
    await refusing.server.call('CONFIG', 'SET', 'min-replicas-to-write', 0);
    await rig.endsEqual(naru, await ownersOf(cluster));
  });

  it('may change masters, by hand and by a death', async () => {
    const { rig, cluster } = await rigged({ masters: 3, replicas: 1 });
    const writer = await rig.writer({ seed: 24 });
    const naru = rig.sync();
    await synced(naru, writer);
    const [first, second] = (await cluster.masters()) as [ClusterNode, ClusterNode];
    await cluster.failover((await cluster.replicasOf(first))[0] as ClusterNode);
    await writer.until(1000);
    await cluster.killMaster(second);
    await writer.until(1000);
    await writer.stop();
    await rig.endsEqual(naru, await ownersOf(cluster));
  });

  it('may lose by a failover what it had answered', async () => {
    const { rig, cluster } = await rigged({ masters: 3, replicas: 1 });
    const writer = await rig.writer({ seed: 27 });
    const naru = rig.sync();
    await synced(naru, writer);
    const [first] = (await cluster.masters()) as [ClusterNode];
    const [heir] = (await cluster.replicasOf(first)) as [ClusterNode];
    const position = async (): Promise<number> =>
      Number((await first.server.info('replication')).get('master_repl_offset'));
    await heir.server.kill('SIGSTOP');
    const before = await position();
    await until('writes that the replica has not', async () => (await position()) > before + 20_000);
    await first.server.kill();
    await heir.server.kill('SIGCONT');
    await until('the failover', () => heir.server.isMaster());
    await cluster.healthy();
    await writer.until(500);
    await writer.stop();
    await rig.endsEqual(naru, await ownersOf(cluster));
  });

  it('that comes back without its data ends the run, which says so', async () => {
    const { rig, cluster } = await rigged({ masters: 3, nodeTimeoutMs: 15_000 });
    const naru = rig.sync();
    await naru.untilEvent('synced');
    const [node] = cluster.nodes as [ClusterNode];
    await node.server.kill();
    await node.server.restart();
    await rig.source.pipeline(Array.from({ length: 100 }, (_, at) => ['SET', `after:${at}`, at]));
    expect((await naru.exited).code).toBe(1);
    expect(naru.eventsOf('error').at(-1)).toMatchObject({ code: 'TARGET_LOST_DATA', retry: false });
    expect(naru.eventsOf('done')).toEqual([]);
  });

  it('is flushed, and gets libraries, whatever breaks meanwhile', async () => {
    const { rig, cluster } = await rigged({ masters: 3, replicas: 1 });
    const naru = rig.sync();
    await naru.untilEvent('synced');
    const writer = await rig.writer({ seed: 28 });
    const client = await rig.source.connect();
    for (const [at, node] of (await cluster.masters()).entries()) {
      await writer.until(300);
      const library = (name: string): string =>
        `#!lua name=${name}\nredis.register_function('f_${name}', function() return 1 end)`;
      await client.pipeline([
        ['FUNCTION', 'LOAD', library(`kept${at}`)],
        ['FUNCTION', 'LOAD', library('gone')],
        ['FLUSHALL'],
        ['SET', 'behind', at],
        ['FUNCTION', 'DELETE', 'gone'],
        ['MULTI'],
        ['SET', 'gone', at],
        ['FLUSHDB'],
        ['INCR', 'behind'],
        ['EXEC'],
      ]);
      await cutWriters(node);
    }
    client.close();
    await writer.until(300);
    await writer.stop();
    const owners = await ownersOf(cluster);
    await rig.endsEqual(naru, owners);
    const libraries = await functionsOf(rig.source);
    for (const owner of owners) expect(await functionsOf(owner)).toBe(libraries);
  });

  it('may change while the full copy is written', async () => {
    const { rig, cluster } = await rigged({ masters: 3, replicas: 1 }, { 'rdb-key-save-delay': '1000' });
    const writer = await rig.writer({ seed: 25, rate: 1000 });
    const naru = rig.sync('--on-conflict', 'overwrite');
    await until('keys in the target', async () => (naru.eventsOf('progress').at(-1)?.keys ?? 0) > 50);
    const [first, second, third] = (await cluster.masters()) as [ClusterNode, ClusterNode, ClusterNode];
    await cluster.reshard(50, first, second);
    await cutWriters(first);
    await cluster.killMaster(third);
    await synced(naru, writer);
    await writer.stop();
    await rig.endsEqual(naru, await ownersOf(cluster));
  });

  it('meets no keys of its own making with --on-conflict skip', async () => {
    const { rig, cluster } = await rigged({ masters: 3, nodeTimeoutMs: 15_000 }, { rdbcompression: 'no' });
    const proxy = await FaultProxy.start(rig.source);
    stops.push(() => proxy.stop());
    const foreign = ['str:1', 'str:2', 'str:3'];
    const large = Array.from({ length: 3000 }, (_, n) => ['RPUSH', 'large', `${n}`.padEnd(500)]);
    await rig.source.pipeline([...large, ...foreign.map((key) => ['SET', key, 'ours'])]);
    for (const key of foreign) {
      const node = await cluster.masterOf(keySlot(Buffer.from(key), 0, key.length));
      await node.server.call('SET', key, 'theirs');
    }
    // The full copy comes in pieces, so that whatever happens in between happens within it.
    await rig.source.call('SAVE');
    const piece = Math.floor(statSync(join(rig.source.dir, 'dump.rdb')).size / 5);
    let passed = piece;
    proxy.use(HoldAfterBytes(piece, 'to-client'));
    const naru = rig.sync('--from', proxy.url, '--on-conflict', 'skip', '--big-key-size', '64KiB');
    const [first, second, third] = (await cluster.masters()) as [ClusterNode, ClusterNode, ClusterNode];
    for (let round = 0; round < 3; round++) {
      await until('a piece', async () => proxy.passed['to-client'] === passed);
      // What this one has not answered holds up what the others have.
      await third.server.kill('SIGSTOP');
      const commands = await callsOf(first);
      const seen = naru.events.length;
      passed += piece;
      proxy.use(HoldAfterBytes(piece, 'to-client'));
      await until('entries that are answered', async () => (await callsOf(first)) > commands + 20);
      await cutWriters(first);
      await cutWriters(second);
      await third.server.kill('SIGCONT');
      await cutWriters(third);
      const lost = await naru.untilEvent('error', ({ retry }) => retry, seen);
      await naru.untilEvent('progress', ({ waiting }) => waiting === undefined, naru.events.indexOf(lost));
    }
    proxy.use(undefined);
    await naru.untilEvent('synced');
    const retries = naru.eventsOf('error').map(({ code }) => code);
    expect(retries.length).toBeGreaterThan(1);
    const dbsize = Number(await rig.source.call('DBSIZE'));
    const { keys: copied, skipped } = naru.eventsOf('snapshot_done')[0] as { keys: number; skipped: number };
    expect({ copied, skipped }).toEqual({ copied: dbsize - foreign.length, skipped: foreign.length });
    for (const key of foreign) await rig.source.call('SET', key, 'theirs');
    await rig.endsEqual(naru, await ownersOf(cluster));
  });

  it('may grow and shrink, and a node may be restarted', async () => {
    const { rig, cluster } = await rigged({
      masters: 3,
      config: { appendonly: 'yes', appendfsync: 'always' },
    });
    const writer = await rig.writer({ seed: 26 });
    const naru = rig.sync();
    await synced(naru, writer);
    const [first, second] = (await cluster.masters()) as [ClusterNode, ClusterNode];
    const added = await cluster.addNode();
    await cluster.reshard(40, first, added);
    await writer.until(1000);
    await cluster.reshard(40, added, second);
    await writer.until(500);
    await added.server.kill();
    await second.server.kill();
    await second.server.restart();
    await writer.until(1000);
    await writer.stop();
    await rig.endsEqual(naru, await ownersOf(cluster));
  });
});

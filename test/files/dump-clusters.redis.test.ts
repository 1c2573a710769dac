/** Files made of what is more than one server: clusters, and groups with sentinels. */
import { once } from 'node:events';
import { copyFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { keySlot } from '../../src/net/topology/slot.ts';
import { makeTempDir } from '../support/cleanup.ts';
import { type ClusterNode, RedisCluster } from '../support/cluster.ts';
import { differences, functionsOf, stateOf } from '../support/cluster-state.ts';
import { compare } from '../support/compare.ts';
import { fill } from '../support/fill.ts';
import { Naru } from '../support/naru.ts';
import { RedisServer } from '../support/redis-server.ts';
import { SentinelGroup } from '../support/sentinel.ts';
import { cachedServers } from '../support/servers.ts';
import { until } from '../support/until.ts';
import { run, spawnNaru } from './run.ts';

const STRANGER = 'stranger';
const temp = makeTempDir('dump-clusters');
let cluster: RedisCluster;
const stops: (() => Promise<void>)[] = [];

beforeAll(async () => {
  cluster = await RedisCluster.start({
    masters: 3,
    nodeTimeoutMs: 15_000,
    config: { rdbcompression: 'no' },
  });
  const source = await RedisServer.start();
  await fill(source, 1000, { seed: 6, databases: 1 });
  for (const name of ['large', 'larger', 'largest'])
    await source.call(
      'RPUSH',
      name,
      ...Array.from({ length: 3000 }, (_, i) => `${i}`.repeat(300).slice(0, 900)),
    );
  await source.call('SAVE');
  const from = join(source.dir, 'dump.rdb');
  const naru = await Naru.run(['restore', '--from', from, '--to', cluster.url, '--json', '--dir', temp.path]);
  expect(naru.exit?.code, naru.stdout).toBe(0);
  await source.stop();
  await leaveStranger();
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});
afterAll(async () => {
  await cluster?.stop();
  temp.remove();
});

/** What an interrupted move leaves: a key at a node that does not own its slot. */
async function leaveStranger(): Promise<void> {
  const key = Buffer.from(STRANGER);
  const slot = keySlot(key, 0, key.length);
  const owner = await cluster.masterOf(slot);
  const other = cluster.nodes.find(({ id }) => id !== owner.id) as ClusterNode;
  await other.server.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', owner.id);
  await other.server.pipeline([['ASKING'], ['SET', STRANGER, 'of nobody']]);
  await other.server.call('CLUSTER', 'SETSLOT', slot, 'STABLE');
}

async function stateOfCluster(): Promise<Map<string, string>> {
  const state = await stateOf(cluster.nodes.map(({ server }) => server));
  state.delete(STRANGER);
  return state;
}

function dump(from: string, to: string, ...args: string[]): Promise<Naru> {
  return Naru.run(['dump', '--from', from, '--to', to, '--json', ...args]);
}

/** A server that loaded the file itself. */
async function loaded(rdb: string, binary = 'redis-server'): Promise<RedisServer> {
  const dir = makeTempDir('dump-loaded');
  copyFileSync(rdb, join(dir.path, 'naru.rdb'));
  const server = await RedisServer.start({ binary, dir: dir.path, config: { dbfilename: 'naru.rdb' } });
  stops.push(async () => {
    await server.stop();
    dir.remove();
  });
  return server;
}

describe('naru dump of a cluster', () => {
  it('writes one file that has the keys of all, and that servers load', async () => {
    const file = join(temp.path, 'all.rdb');
    const naru = await dump(cluster.nodes[2]?.server.url as string, file);
    expect(naru.exit?.code, naru.stdout + naru.stderr).toBe(0);
    const expected = await stateOfCluster();
    const [done] = naru.eventsOf('done');
    expect(done).toMatchObject({ keys: expected.size, skipped: 1 });
    expect((done as unknown as { links: unknown[] }).links).toHaveLength(3);
    expect(naru.eventsOf('warning').map(({ code }) => code)).toEqual(['NOT_OWNED']);
    expect((await run('redis-check-rdb', [file])).code).toBe(0);
    const newer = cachedServers().filter(({ name }) => /^(redis-8|valkey-9)/.test(name));
    for (const { binary } of [{ binary: 'redis-server' }, ...newer.slice(0, 2)]) {
      const server = await loaded(file, binary);
      expect(Number(await server.call('DBSIZE'))).toBe(expected.size);
      if (binary !== 'redis-server') continue;
      expect(differences(expected, await stateOf([server]))).toEqual([]);
      expect(await functionsOf(server)).toBe(await functionsOf(cluster.nodes[0]?.server as RedisServer));
      expect((await server.info('replication')).get('master_repl_offset')).toBe('0');
    }
  });

  it('writes a file of each master, which restore brings together', async () => {
    const folder = join(temp.path, 'each/');
    const naru = await dump(cluster.url, folder, '--parallel-snapshots', '3');
    expect(naru.exit?.code, naru.stdout + naru.stderr).toBe(0);
    const names = readdirSync(folder).sort();
    expect(names).toEqual(cluster.nodes.map(({ server }) => `127.0.0.1_${server.port}.rdb`).sort());
    for (const name of names) expect((await run('redis-check-rdb', [join(folder, name)])).code).toBe(0);
    const target = await RedisServer.start();
    stops.push(() => target.stop());
    const back = await Naru.run([
      'restore',
      '--from',
      folder,
      '--to',
      target.url,
      '--json',
      '--dir',
      temp.path,
    ]);
    expect(back.exit?.code, back.stdout + back.stderr).toBe(0);
    expect(differences(await stateOfCluster(), await stateOf([target]))).toEqual([]);
    const again = await dump(cluster.url, folder);
    expect(again.eventsOf('error')[0]).toMatchObject({ code: 'FILE_EXISTS' });
    expect(readdirSync(folder).sort()).toEqual(names);
  });

  it('keeps to rules', async () => {
    const file = join(temp.path, 'ruled.rdb.gz');
    const rules = ['--include-prefix', 'large', '--rename-prefix', 'larger=other', '--db-map', '0=2'];
    const naru = await dump(cluster.url, file, ...rules);
    expect(naru.exit?.code, naru.stdout + naru.stderr).toBe(0);
    const target = await RedisServer.start();
    stops.push(() => target.stop());
    await Naru.run(['restore', '--from', file, '--to', target.url, '--json', '--dir', temp.path]);
    await target.call('SELECT', 2);
    expect(((await target.call('KEYS', '*')) as Buffer[]).map(String).sort()).toEqual([
      'large',
      'largest',
      'other',
    ]);
    expect(await target.call('LLEN', 'other')).toBe(3000);
  });

  it('is refused where slots were moved meanwhile, and waits for those that are on their way when it begins', async () => {
    const [first, second] = (await cluster.masters()) as [ClusterNode, ClusterNode];
    const half = cluster.moveSlot(0, first, second);
    await half.begin();
    // What nobody reads holds it up.
    const child = spawnNaru(['dump', '--from', cluster.url, '--to', '-', '--json']);
    stops.push(async () => void child.kill('SIGKILL'));
    let told = '';
    child.stderr.on('data', (bytes: Buffer) => {
      told += bytes.toString();
    });
    await until('the moving slot to be seen', async () => told.includes('SLOTS_MOVING'));
    expect(told).not.toContain('"started"');
    await half.finish();
    await until('the dump to begin', async () => told.includes('"started"'));
    const other = cluster.moveSlot(1, first, second);
    await other.begin();
    await other.finish();
    child.stdout.resume();
    const [code] = (await once(child, 'close')) as [number];
    expect(code).toBe(1);
    expect(told).toMatch(/"error","code":"SLOTS_MOVED"/);
  });
});

describe('naru dump by sentinels', () => {
  it('asks the master, or a replica where it is told to', async () => {
    const group = await SentinelGroup.start();
    stops.push(() => group.stop());
    const master = await group.master();
    await fill(master, 500);
    for (const args of [[], ['--prefer-replica']]) {
      const replicas = group.servers.filter((server) => server !== master);
      const acked = String(await master.call('WAIT', replicas.length, 60_000));
      expect(acked).toBe(String(replicas.length));
      const syncs = async (): Promise<number> => Number((await master.info('stats')).get('sync_full'));
      const before = await syncs();
      const file = join(temp.path, `group${args.length}.rdb`);
      const naru = await dump(group.url, file, ...args);
      expect(naru.exit?.code, naru.stdout + naru.stderr).toBe(0);
      expect((await syncs()) - before).toBe(args.length === 0 ? 1 : 0);
      expect(await compare(master, await loaded(file))).toEqual([]);
    }
  });
});

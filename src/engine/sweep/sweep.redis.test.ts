import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ApsaraProxy } from '../../../test/support/apsara-proxy.ts';
import { RedisCluster } from '../../../test/support/cluster.ts';
import { RedisServer } from '../../../test/support/redis-server.ts';
import type { RespClient } from '../../../test/support/resp-client.ts';
import { parseGroup } from '../../net/group-url.ts';
import { discover } from '../../net/topology/discover.ts';
import { keySlot } from '../../net/topology/slot.ts';
import type { Topology, TopologyName } from '../../net/topology/topology.ts';
import { TargetKeys } from '../target-keys.ts';
import { OwnKeys } from './own-keys.ts';
import { SourceKeys, type SourceKeysOptions } from './source-keys.ts';
import { readOwnKeys, sweep } from './sweep.ts';

let cluster: RedisCluster;
let proxy: ApsaraProxy;
let alone: RedisServer;
let other: RedisServer;

beforeAll(async () => {
  cluster = await RedisCluster.start({ masters: 2 });
  [proxy, alone, other] = await Promise.all([
    ApsaraProxy.start(cluster),
    RedisServer.start(),
    RedisServer.start(),
  ]);
});

afterAll(async () => {
  await proxy?.stop();
  await Promise.all([cluster?.stop(), alone?.stop(), other?.stop()]);
});

beforeEach(async () => {
  const servers = [alone, other, ...cluster.nodes.map(({ server }) => server)];
  await Promise.all(servers.map((server) => server.call('FLUSHALL')));
});

function about(url: string, side: 'source' | 'target', override?: TopologyName): SourceKeysOptions {
  const endpoint = parseGroup(url);
  const find = (): Promise<Topology> => discover({ endpoint, connectTimeoutMs: 60_000, side, override });
  const { signal } = new AbortController();
  return { endpoint, find, tls: {}, connectTimeoutMs: 60_000, giveUpAfterMs: 60_000, signal };
}

const targetAt = (url: string, override?: TopologyName): TargetKeys =>
  new TargetKeys(about(url, 'target', override));
const sourceAt = (url: string, override?: TopologyName): SourceKeys =>
  new SourceKeys(about(url, 'source', override));

/** `prefix0` to `prefix{count - 1}`, in one database. */
async function put(server: RedisServer, db: number, prefix: string, count: number): Promise<void> {
  const client = await server.connect();
  await client.pipeline([['SELECT', db], ...names(prefix, count).map((key) => ['SET', key, 'v'])]);
  client.close();
}

const names = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}${i}`);

/** Writes to whatever stands behind the proxy. */
async function putBehind(keys: readonly string[]): Promise<void> {
  const client: RespClient = await proxy.connect();
  for (const key of keys) await client.call('SET', key, 'v');
  client.close();
}

async function swept(
  target: TargetKeys,
  source: SourceKeys,
  options: { own?: OwnKeys | undefined; merged?: boolean } = {},
): Promise<string[]> {
  const gone = new Set<string>();
  const { own, merged = false } = options;
  const result = await sweep({
    target,
    source,
    own,
    merged,
    onGone: async (db, keys) => {
      for (const key of keys) gone.add(`${db} ${key.toString('latin1')}`);
    },
  });
  source.close();
  expect(result.gone).toBeGreaterThanOrEqual(gone.size);
  return [...gone].sort();
}

const sorted = (db: number, keys: readonly string[]): string[] => keys.map((key) => `${db} ${key}`).sort();

describe('sweep', () => {
  it('tells what one server has no more, database by database, and leaves alone what is not of the source', async () => {
    await put(other, 0, 'own', 30);
    await put(other, 5, 'own', 3000);
    const own = await readOwnKeys(targetAt(other.url), new OwnKeys());
    expect(own?.size).toBe(3030);
    await put(alone, 0, 'kept', 50);
    await put(alone, 5, 'kept', 3000);
    await put(other, 0, 'kept', 60);
    await put(other, 5, 'kept', 3005);
    await put(other, 9, 'kept', 2);
    await put(other, 0, 'naru:part:', 2);
    await put(other, 0, 'naru:checkpoint:', 2);
    const taken = Buffer.from('own7');
    own?.remove(5, taken, 0, taken.length);
    expect(await swept(targetAt(other.url), sourceAt(alone.url), { own })).toEqual(
      [
        ...sorted(0, names('kept', 60).slice(50)),
        ...sorted(5, ['own7', ...names('kept', 3005).slice(3000)]),
        ...sorted(9, names('kept', 2)),
      ].sort(),
    );
    expect(await readOwnKeys(targetAt(alone.url), new OwnKeys())).not.toBeUndefined();
    await alone.call('FLUSHALL');
    expect(await readOwnKeys(targetAt(alone.url), new OwnKeys())).toBeUndefined();
  });

  it('asks all databases where they are merged into a cluster', async () => {
    await put(alone, 0, 'a', 40);
    await put(alone, 3, 'b', 40);
    await putBehind([...names('a', 45), ...names('b', 45)]);
    expect(await swept(targetAt(cluster.url), sourceAt(alone.url), { merged: true })).toEqual(
      sorted(0, [...names('a', 45).slice(40), ...names('b', 45).slice(40)]),
    );
    await alone.call('FLUSHALL');
    expect(await swept(targetAt(cluster.url), sourceAt(alone.url), { merged: true })).toHaveLength(90);
  });

  it('asks the owner of each slot, or a proxy, and takes no key of a slot on its way for gone', async () => {
    await putBehind(names('key', 300));
    await put(other, 0, 'key', 310);
    const expected = sorted(0, names('key', 310).slice(300));
    expect(await swept(targetAt(other.url), sourceAt(cluster.url))).toEqual(expected);
    expect(await swept(targetAt(other.url), sourceAt(proxy.url, 'aliyun-proxy'))).toEqual(expected);

    const lost = Buffer.from('key305');
    const slot = keySlot(lost, 0, lost.length);
    const from = await cluster.masterOf(slot);
    const to = (await cluster.masters()).find(({ id }) => id !== from.id) as typeof from;
    const moving = cluster.moveSlot(slot, from, to);
    await moving.begin();
    expect(await swept(targetAt(other.url), sourceAt(cluster.url))).toEqual(
      expected.filter((text) => text !== '0 key305'),
    );
    const source = sourceAt(cluster.url);
    expect(await source.exist(0, [lost])).toEqual([true]);
    await moving.finish();
    // What it knew of the cluster does not hold any more.
    expect(await source.exist(0, [lost, Buffer.from('key1')])).toEqual([false, true]);
    source.close();
  });

  it('goes through a proxy, where that offers SCAN', async () => {
    const { options } = proxy;
    await putBehind(names('swept', 30));
    const found = await swept(targetAt(proxy.url, 'proxy'), sourceAt(alone.url));
    expect(found.filter((text) => text.includes('swept'))).toEqual(sorted(0, names('swept', 30)));
    Object.assign(options, { plainScan: false });
    expect(await swept(targetAt(proxy.url, 'aliyun-proxy'), sourceAt(alone.url))).toEqual(found);
    Object.assign(options, { shardCommands: false });
    await expect(swept(targetAt(proxy.url, 'proxy'), sourceAt(alone.url))).rejects.toMatchObject({
      code: 'SWEEP_IMPOSSIBLE',
    });
  });
});

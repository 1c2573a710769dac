/** Configurations of RedisShake do what they did there: the files as they are, but for the addresses and passwords in them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ApsaraProxy } from '../support/apsara-proxy.ts';
import { makeTempDir } from '../support/cleanup.ts';
import { type ClusterNode, RedisCluster } from '../support/cluster.ts';
import { differences, stateOf } from '../support/cluster-state.ts';
import { compare } from '../support/compare.ts';
import { fill } from '../support/fill.ts';
import { Naru } from '../support/naru.ts';
import { RedisServer } from '../support/redis-server.ts';
import { SentinelGroup } from '../support/sentinel.ts';
import { until } from '../support/until.ts';
import { applyModel, type Model } from './model.ts';

const stops: (() => unknown)[] = [];
let temp: ReturnType<typeof makeTempDir>;
beforeEach(() => {
  temp = makeTempDir();
  stops.push(() => temp.remove());
});
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function start<T extends { stop(): Promise<unknown> }>(starting: Promise<T>): Promise<T> {
  const started = await starting;
  stops.push(() => started.stop());
  return started;
}

const server = (): Promise<RedisServer> => start(RedisServer.start());

/** The fixture with these words in place of others, each of which stands in it. */
function config(name: string, words: Record<string, string>): string {
  let text = readFileSync(`test/fixtures/shake/${name}`, 'utf8');
  for (const [word, other] of Object.entries(words)) {
    expect(text).toContain(word);
    text = text.replaceAll(word, other);
  }
  const path = join(temp.path, name);
  writeFileSync(path, text);
  return path;
}

const place = ({ host, port }: { host: string; port: number }): string => `${host}:${port}`;

async function modelled(source: RedisServer, model: Model): Promise<RedisServer> {
  const expected = await server();
  await applyModel(source, expected, model);
  return expected;
}

function begin(command: string, path: string, ...args: string[]): Naru {
  const naru = Naru.start([command, '--config', path, '--json', ...args], { cwd: temp.path });
  stops.push(() => naru.stop('SIGKILL'));
  return naru;
}

async function ends(naru: Naru): Promise<void> {
  expect((await naru.exited).code, naru.stdout + naru.stderr).toBe(0);
}

describe('of RedisShake 4', () => {
  it('a sync_reader to a cluster, with filters', async () => {
    const source = await server();
    await fill(source, 300, { databases: 2 });
    const keys = ['user:1', 'user:2:tmp', 'order:{a}', 'other:1', '{a}'];
    for (const key of keys) await source.call('MSET', key, 'v', `${key}:more`, 'w');
    const cluster = await start(RedisCluster.start({ masters: 3 }));
    const path = config('sync.toml', {
      '10.0.0.1:6379@nmfu2sl5osync': '',
      '10.0.0.1:6379': place(source),
      '10.0.1.1:7000': place((cluster.nodes[0] as ClusterNode).server),
      'username = "copier"': 'username = ""',
      'pa$$w${HOME}rd': '',
      'tls = true': 'tls = false',
    });
    const naru = begin('sync', path);
    await naru.untilEvent('synced');
    await source.call('MSET', 'user:3', 'v', 'other:3', 'w', 'user:3:tmp', 'x');
    const owners = (await cluster.masters()).map((node) => node.server);
    await until('what is written now', async () => (await stateOf(owners)).has('user:3'));
    expect((await naru.stop()).code, naru.stdout + naru.stderr).toBe(0);
    const expected = await modelled(source, ({ db, key }) =>
      db === 0 && /^(user|order):/.test(key) && !key.endsWith(':tmp') ? {} : undefined,
    );
    expect(differences(await stateOf([expected]), await stateOf(owners))).toEqual([]);
    expect(naru.stderr).toContain('not supported: filter.function');
  });

  it('a scan_reader that follows keyspace events, to a group with sentinels', async () => {
    const source = await start(RedisServer.start({ config: { 'notify-keyspace-events': 'KA' } }));
    await fill(source, 300, { databases: 6 });
    const group = await start(SentinelGroup.start({ replicas: 1, downAfterMs: 60_000 }));
    const [sentinel] = group.sentinels as [(typeof group.sentinels)[0]];
    const path = config('scan-ksn.toml', {
      '10.0.0.1:6379': place(source),
      '10.0.1.1:26379': place(sentinel),
    });
    const naru = begin('scan', path);
    await naru.untilEvent('synced');
    const client = await source.connect();
    for (const db of [0, 1, 5]) {
      await client.call('SELECT', db);
      await client.call('SET', 'changed', db);
      await client.call('SETEX', 'expires', 1000, db);
      await client.call('DEL', 'expires');
    }
    client.close();
    const master = await group.master();
    const there = await master.connect();
    await there.call('SELECT', 5);
    await until('what is written now', async () => String(await there.call('GET', 'changed')) === '5');
    there.close();
    expect((await naru.stop()).code, naru.stdout + naru.stderr).toBe(0);
    const expected = await modelled(source, ({ db }) => (db === 1 || db === 5 ? {} : undefined));
    expect(await compare(expected, master)).toEqual([]);
  });

  it('an rdb_reader', async () => {
    const source = await server();
    await fill(source, 300, { databases: 5 });
    await source.call('SAVE');
    const target = await server();
    await target.call('SET', 'fill:string:0', 'of its own');
    const path = config('rdb.toml', {
      '/var/backups/dump.rdb': join(source.dir, 'dump.rdb'),
      '10.0.1.1:6379': place(target),
      'password = "secret"': 'password = ""',
    });
    await ends(begin('restore', path));
    expect(await target.text('GET', 'fill:string:0')).toBe('of its own');
    await source.call('SET', 'fill:string:0', 'of its own');
    const expected = await modelled(source, ({ db }) => (db < 3 ? {} : undefined));
    expect(await compare(expected, target)).toEqual([]);
  });
});

describe('of RedisShake 1 and 2', () => {
  it('sync from sentinels to a cluster, with filters', async () => {
    const group = await start(SentinelGroup.start({ replicas: 1, downAfterMs: 60_000 }));
    const source = await group.master();
    await fill(source, 300, { databases: 6 });
    await source.call('MSET', 'tmp:1', 'v', 'cache:1', 'w', 'kept', 'x');
    const cluster = await start(RedisCluster.start({ masters: 3 }));
    const [first, second] = cluster.nodes as [ClusterNode, ClusterNode];
    const sentinels = group.sentinels.map(place).join(';');
    const path = config('sync.conf', {
      '10.0.0.1:26379;10.0.0.2:26379': sentinels,
      'source.password_raw = pa$sword': 'source.password_raw =',
      '10.0.1.1:7000;10.0.1.2:7000': `${place(first.server)};${place(second.server)}`,
    });
    await ends(begin('sync', path, '--until-synced'));
    const expected = await modelled(source, ({ db, key }) =>
      (db === 0 || db === 5) && !/^(tmp:|cache)/.test(key) ? { db: 0 } : undefined,
    );
    const there = await stateOf((await cluster.masters()).map((node) => node.server));
    expect(there.size).toBeGreaterThan(50);
    expect(differences(await stateOf([expected]), there)).toEqual([]);
  });

  it('rump from a proxy of Alibaba Cloud', async () => {
    const shards = await start(RedisCluster.start({ masters: 2 }));
    const proxy = await start(ApsaraProxy.start(shards));
    const target = await server();
    const client = await proxy.connect();
    await client.pipeline(Array.from({ length: 500 }, (_, i) => ['SET', `key:${i}`, i]));
    await client.call('ZADD', 'leaderboard', 1, 'a', 2, 'b');
    client.close();
    const path = config('rump.conf', {
      'r-1234.redis.rds.aliyuncs.com:6379': place(proxy),
      'source.password_raw = secret': 'source.password_raw =',
      '10.0.1.1:6379': place(target),
    });
    await ends(begin('rump', path));
    const masters = (await shards.masters()).map((node) => node.server);
    expect(differences(await stateOf(masters), await stateOf([target]))).toEqual([]);
  });
});

/** What followers do when something goes wrong, and how a way is chosen. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ApsaraProxy } from '../../../../test/support/apsara-proxy.ts';
import { RedisCluster } from '../../../../test/support/cluster.ts';
import { followerAt, Hearer } from '../../../../test/support/followers.ts';
import { FaultProxy } from '../../../../test/support/proxy.ts';
import { RedisServer } from '../../../../test/support/redis-server.ts';
import type { RespClient } from '../../../../test/support/resp-client.ts';
import { until } from '../../../../test/support/until.ts';
import { openClient } from '../../../net/client.ts';
import { parseEndpoint } from '../../../net/url.ts';
import { type Choice, chooseWay } from './choose.ts';
import type { Way } from './follower.ts';
import type { OpenClient } from './session.ts';

let server: RedisServer;
let client: RespClient;
let proxy: FaultProxy;
beforeAll(async () => {
  server = await RedisServer.start({ config: { 'notify-keyspace-events': 'KA' } });
  client = await server.connect();
  proxy = await FaultProxy.start(server);
});
afterAll(async () => {
  await proxy.stop();
  client.close();
  await server.stop();
});
afterEach(() => client.call('CONFIG', 'SET', 'notify-keyspace-events', 'KA'));

const opener =
  (url: string): OpenClient =>
  () =>
    openClient(parseEndpoint(url), { side: 'source', timeoutMs: 20_000 });

const WAYS: [string, Way, boolean][] = [
  ['tracking', 'tracking', false],
  ['tracking by RESP2', 'tracking', true],
  ['keyspace', 'keyspace', false],
  ['monitor', 'monitor', false],
];

describe.each(WAYS)('%s', (_, way, redirected) => {
  it('comes back after each cut, and is unsure then', async () => {
    const hearer = new Hearer();
    const follower = followerAt(way, proxy.url, hearer, { redirected });
    await follower.start();
    for (let cut = 0; cut < 3; cut++) {
      hearer.clear();
      proxy.cut();
      await hearer.until(({ events }) => events.some((event) => event.startsWith('retry')));
      await expect(follower.caughtUp()).rejects.toMatchObject({ code: 'LINK_LOST' });
      await hearer.until(({ unsure }) => unsure.length > 0);
      expect(hearer.events.slice(0, 1)).toEqual(['retry LINK_LOST']);
      expect(hearer.events.slice(-2)).toEqual(['reconnected', expect.stringContaining('unsure: ')]);
      await client.call('SET', `after:${cut}`, 1);
      await follower.caughtUp();
      expect(hearer.has(0, `after:${cut}`)).toBe(true);
    }
    await follower.stop();
    await expect(follower.caughtUp()).rejects.toMatchObject({ code: 'LINK_LOST' });
    expect(hearer.failures).toEqual([]);
  });

  it('is unsure after the source has cut it off for being slow', async () => {
    const kind = way === 'keyspace' || redirected ? 'pubsub' : 'normal';
    const hearer = new Hearer();
    const follower = followerAt(way, proxy.url, hearer, { redirected });
    await follower.start();
    await client.call('CONFIG', 'SET', 'client-output-buffer-limit', `${kind} 200kb 0 0`);
    proxy.pause();
    const key = 'k'.repeat(10_000);
    const connections = async (): Promise<number> =>
      String(await client.call('CLIENT', 'LIST')).split('name=naru').length;
    const before = await connections();
    while ((await connections()) === before) {
      await client.pipeline(Array.from({ length: 50 }, (_, i) => ['SET', `${key}${i}`, 1]));
    }
    proxy.resume();
    await hearer.until(({ unsure }) => unsure.length > 0);
    await client.call('CONFIG', 'SET', 'client-output-buffer-limit', `${kind} 0 0 0`);
    await client.call('FLUSHALL');
    await follower.stop();
  });

  it('gives up in time', async () => {
    const own = await FaultProxy.start(server);
    const hearer = new Hearer();
    const follower = followerAt(way, own.url, hearer, { redirected, giveUpAfterMs: 300 });
    await follower.start();
    await own.stop();
    await hearer.until(({ failures }) => failures.length > 0);
    expect(hearer.failures).toMatchObject([{ code: 'GAVE_UP' }]);
    await follower.stop();
  });
});

describe('keyspace', () => {
  it('says what to run where events are left out, and sees that they are turned off', async () => {
    for (const [flags, add] of [
      ['', 'KA'],
      ['Ex$', 'KAE'],
      ['Kg$lshzxe', 'KA'],
      ['AE', 'KAE'],
    ] as const) {
      await client.call('CONFIG', 'SET', 'notify-keyspace-events', flags);
      await expect(followerAt('keyspace', server.url, new Hearer()).start()).rejects.toMatchObject({
        code: 'CHANGES_NOT_TOLD',
        message: expect.stringContaining(`run CONFIG SET notify-keyspace-events ${add} there`),
      });
    }
    await client.call('CONFIG', 'SET', 'notify-keyspace-events', 'Kg$lshzxetdm');
    const hearer = new Hearer();
    const follower = followerAt('keyspace', server.url, hearer);
    await follower.start();
    await client.call('CONFIG', 'SET', 'notify-keyspace-events', 'K$');
    await hearer.until(({ failures }) => failures.length > 0);
    expect(hearer.failures).toMatchObject([{ code: 'CHANGES_NOT_TOLD' }]);
    await follower.stop();
  });
});

describe('monitor', () => {
  it('lets a line of any size pass, and asks for keys that the table does not know', async () => {
    const hearer = new Hearer();
    const follower = followerAt('monitor', server.url, hearer);
    await follower.start();
    const before = process.memoryUsage().rss;
    await client.call('SET', 'large', Buffer.alloc(20_000_000, '\0"\\\xffab', 'latin1'));
    await follower.caughtUp();
    expect(hearer.has(0, 'large')).toBe(true);
    // The client of the test holds the value itself.
    expect(process.memoryUsage().rss - before).toBeLessThan(150_000_000);
    await client.call('DEL', 'large');
    const values = Array.from({ length: 300 }, (_, i) => [`m${i}`, Buffer.alloc(100_000, 'v')]).flat();
    await client.call('MSET', ...values);
    await client.call('COPY', 'm1', 'copied', 'DB', 2);
    await client.call('EVAL', "redis.call('SET', 'hidden', 1)", 1, 'named');
    await follower.caughtUp();
    // What does not fit into the line's room may have been a key.
    const told = Array.from({ length: 300 }, (_, i) => hearer.has(0, `m${i}`)).filter(Boolean).length;
    expect(told).toBeGreaterThan(200);
    expect(told === 300 || hearer.unsure.length > 0).toBe(true);
    for (const key of ['*:copied', '0:hidden', '0:named']) expect(hearer.dirty).toContain(key);
    await follower.stop();
  });
});

describe('chooseWay', () => {
  const user = async (...rules: string[]): Promise<Choice> => {
    await client.call('ACL', 'SETUSER', 'asked', 'reset', 'on', 'nopass', '~*', '&*', '+@all', ...rules);
    return chooseWay({ open: opener(`redis://asked:x@127.0.0.1:${server.port}`) });
  };

  it('takes the first way that the source offers, and says why not the others', async () => {
    expect(await user()).toEqual({ way: 'tracking', why: [] });
    const refused = expect.stringMatching(/^tracking: The source refuses CLIENT TRACKING: NOPERM/);
    const tracking = ['-client|tracking'];
    expect(await user(...tracking)).toEqual({ way: 'keyspace', why: [refused] });
    await client.call('CONFIG', 'SET', 'notify-keyspace-events', 'KEx');
    const unset = expect.stringMatching(/^keyspace: .* run CONFIG SET notify-keyspace-events KAE there/);
    expect(await user(...tracking)).toEqual({ way: 'monitor', why: [refused, unset] });
    const noMonitor = expect.stringMatching(/^monitor: The source refuses MONITOR: NOPERM/);
    expect(await user(...tracking, '-monitor')).toEqual({ way: 'passes', why: [refused, unset, noMonitor] });
    const hidden = expect.stringMatching(/^keyspace: CONFIG is refused/);
    expect(await user(...tracking, '-config')).toEqual({ way: 'monitor', why: [refused, hidden] });
    const doubtful = await user(...tracking, '-config', '-monitor');
    expect(doubtful).toEqual({ way: 'keyspace', why: [refused, hidden, noMonitor] });
    expect(await user('-info')).toEqual({
      way: 'tracking',
      why: [expect.stringMatching(/^tracking: INFO.*SWAPDB/)],
    });
  });

  it('tracks by RESP2 where HELLO is unknown', async () => {
    const old = await RedisServer.start({ args: ['--rename-command', 'HELLO', 'nohello'] });
    expect(await chooseWay({ open: opener(old.url) })).toEqual({ way: 'tracking', why: [] });
    const hearer = new Hearer();
    const follower = followerAt('tracking', old.url, hearer);
    await follower.start();
    await old.call('SET', 'a', 1);
    await follower.caughtUp();
    expect(hearer.dirty).toEqual(new Set(['*:a']));
    await follower.stop();
    await old.stop();
  });

  it('does not take a source that is away for one that refuses', async () => {
    await expect(chooseWay({ open: opener('redis://127.0.0.1:1') })).rejects.toMatchObject({
      code: 'UNREACHABLE',
    });
  });
});

describe("through a cloud's proxy", () => {
  const SHARDS = 3;
  const IMONITORS = Array.from({ length: SHARDS }, (_, shard) => ['IMONITOR', shard]);
  let cluster: RedisCluster;
  let cloud: ApsaraProxy;
  beforeAll(async () => {
    cluster = await RedisCluster.start({ masters: SHARDS });
    cloud = await ApsaraProxy.start(cluster);
  });
  afterAll(async () => {
    await cloud.stop();
    await cluster.stop();
  });

  it('hears what a proxy lets through, but takes MONITOR, in which it sees itself', async () => {
    for (const { server: shard } of await cluster.masters())
      await shard.call('CONFIG', 'SET', 'notify-keyspace-events', 'KA');
    Object.assign(cloud.options, { tracking: true, subscribe: true });
    const choice = await chooseWay({ open: opener(cloud.url), proxyMonitors: IMONITORS });
    const proxied = (way: Way): unknown => expect.stringContaining(`${way}: the source is a proxy`);
    const hidden = expect.stringContaining('keyspace: CONFIG is refused');
    expect(choice).toEqual({ way: 'monitor', why: [proxied('tracking'), hidden, proxied('keyspace')] });
    const writer = await cloud.connect();
    for (const way of ['tracking', 'keyspace'] as const) {
      const hearer = new Hearer();
      const follower = followerAt(way, cloud.url, hearer);
      await follower.start();
      const keys = Array.from({ length: 100 }, (_, i) => `${way}:${i}`);
      await writer.pipeline(keys.map((key) => ['SET', key, 1]));
      // Not what caughtUp promises: what comes through a proxy comes when it comes.
      await until('all keys', async () => keys.every((key) => hearer.has(0, key)));
      await follower.stop();
    }
    writer.close();
    Object.assign(cloud.options, { tracking: false, subscribe: false });
  });

  it('shows the commands of all shards', async () => {
    const choice = await chooseWay({ open: opener(cloud.url), proxyMonitors: IMONITORS });
    expect(choice.way).toBe('monitor');
    expect(choice.why[0]).toMatch(/^tracking: The source refuses HELLO and CLIENT TRACKING/);
    const hearer = new Hearer();
    const follower = followerAt('monitor', cloud.url, hearer, { monitorCommands: IMONITORS });
    await follower.start();
    const writer = await cloud.connect();
    for (let round = 0; round < 20; round++) {
      const keys = Array.from({ length: 50 }, (_, i) => `${round}:${i}`);
      await writer.pipeline(keys.map((key) => ['SET', key, 1]));
      await follower.caughtUp();
      expect(keys.filter((key) => !hearer.has(0, key))).toEqual([]);
    }
    hearer.clear();
    cloud.dropClients();
    await hearer.until(({ unsure }) => unsure.length > 0);
    writer.close();
    await follower.stop();
  });
});

/** Live scans in which several keys of the source have one name in the target: what is there is what one of them holds that the source still has. */
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { makeTempDir } from '../support/cleanup.ts';
import { RedisCluster } from '../support/cluster.ts';
import { Naru } from '../support/naru.ts';
import { RedisServer } from '../support/redis-server.ts';
import { until } from '../support/until.ts';

const temp = makeTempDir();
let source: RedisServer;
let cluster: RedisCluster;
let server: RedisServer;
let naru: Naru | undefined;
beforeAll(async () => {
  source = await RedisServer.start({ config: { 'notify-keyspace-events': 'KA' } });
  cluster = await RedisCluster.start({ masters: 2 });
  server = await RedisServer.start();
});
afterAll(async () => {
  await source?.stop();
  await cluster?.stop();
  await server?.stop();
  temp.remove();
});
beforeEach(async () => {
  await naru?.stop('SIGKILL');
  for (const one of [source, server, ...cluster.nodes.map((node) => node.server)]) await one.call('FLUSHALL');
});

/** All strings of a server but Naru's own, or of the masters of a cluster. */
async function valuesOf(target: RedisServer | RedisCluster): Promise<Record<string, string>> {
  const servers = target instanceof RedisServer ? [target] : target.nodes.map((node) => node.server);
  const values: Record<string, string> = {};
  for (const one of servers)
    for (const key of (await one.call('KEYS', '[^n]*')) as Buffer[])
      values[String(key)] = String(await one.call('GET', key));
  return values;
}

/** Fails with what is not as it should be. */
async function settles(target: RedisServer | RedisCluster, values: Record<string, string>): Promise<void> {
  const are = async (): Promise<boolean> => isDeepStrictEqual(await valuesOf(target), values);
  await until('the values', are, 60_000).catch(() => {});
  expect(await valuesOf(target)).toEqual(values);
}

async function inDatabases(commands: readonly (readonly (string | number)[])[]): Promise<void> {
  const client = await source.connect();
  await client.pipeline(commands.map((command) => [...command]));
  client.close();
}

const BEFORE = [
  ['MSET', 'up', 'up', 'both', 'of 0', 'other', 'of 0', 'expires', 'of 0', 'ends', 'of 0', 'gone', 'of 0'],
  ['SELECT', 5],
  [
    'MSET',
    'down',
    'down',
    'both',
    'of 5',
    'other',
    'of 5',
    'expires',
    'of 5',
    'ends',
    'of 5',
    'gone',
    'of 5',
  ],
];
const CHANGES = [
  ['MOVE', 'up', 5],
  ['PEXPIRE', 'ends', 1],
  ['DEL', 'other', 'gone'],
  ['SELECT', 5],
  ['MOVE', 'down', 0],
  ['PEXPIRE', 'expires', 200],
  ['DEL', 'both', 'gone'],
];
/** Comes when all of this is over, to the same node: what is there before may look as if it were. */
const LAST = '{expires}';
const AFTER = {
  [LAST]: 'last',
  up: 'up',
  down: 'down',
  both: 'of 0',
  other: 'of 5',
  expires: 'of 0',
  ends: 'of 5',
};

it.each([
  ['tracking', 'a cluster', []],
  ['keyspace', 'a server', ['--db-map', '5=0']],
  ['passes', 'a cluster', []],
  ['passes', 'a server', ['--db-map', '5=0']],
])('by %s, databases that come together in %s', async (way, to, options) => {
  const target = to === 'a server' ? server : cluster;
  await inDatabases(BEFORE);
  naru = Naru.start([
    ...['scan', '--live', '--live-by', way, '--from', source.url, '--to', target.url, '--json'],
    ...['--on-conflict', 'overwrite', '--progress-interval', '50ms', '--dir', temp.path, ...options],
  ]);
  await naru.untilEvent('synced');
  await inDatabases(CHANGES);
  const client = await source.connect();
  await client.call('SELECT', 5);
  await until('the end of a key', async () => (await client.call('EXISTS', 'expires')) === 0);
  await client.call('SET', LAST, 'last');
  client.close();
  // Long before the end, at which all is compared.
  await settles(target, AFTER);
  expect(await naru.stop('SIGINT'), naru.stdout.slice(-3000)).toMatchObject({ code: 0 });
  expect(await valuesOf(target)).toEqual(AFTER);
});

it('names that rules make one', async () => {
  await source.call('MSET', 'a:one', 'of a', 'one', 'own', 'a:two', 'of a', 'two', 'own');
  naru = Naru.start([
    ...['scan', '--live', '--live-by', 'tracking', '--from', source.url, '--to', cluster.url, '--json'],
    ...['--on-conflict', 'overwrite', '--rename-prefix', 'a:=', '--dir', temp.path],
  ]);
  await naru.untilEvent('synced');
  await source.call('DEL', 'one', 'a:two');
  const left = { one: 'of a', two: 'own' };
  await settles(cluster, left);
  expect(await naru.stop('SIGINT'), naru.stdout.slice(-3000)).toMatchObject({ code: 0 });
  expect(await valuesOf(cluster)).toEqual(left);
});

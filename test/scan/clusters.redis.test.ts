/** Scans from and into clusters, and between servers of other versions. */
import { afterEach, describe, expect, it } from 'vitest';
import { makeTempDir } from '../support/cleanup.ts';
import { RedisCluster } from '../support/cluster.ts';
import { compare } from '../support/compare.ts';
import { fill } from '../support/fill.ts';
import { Naru } from '../support/naru.ts';
import { RedisServer } from '../support/redis-server.ts';
import { cachedServers } from '../support/servers.ts';

const temp = makeTempDir();
const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
  temp.remove();
});

function started<T extends { stop(): Promise<void> }>(one: T): T {
  stops.push(() => one.stop());
  return one;
}

const scan = (from: string, to: string, ...options: string[]): Naru =>
  Naru.start([
    'scan',
    '--from',
    from,
    '--to',
    to,
    '--json',
    '--progress-interval',
    '20ms',
    '--dir',
    temp.path,
    ...options,
  ]);

/** The value of each key, by any node of a cluster. */
async function valuesOf(cluster: RedisCluster): Promise<Map<string, string>> {
  const values = new Map<string, string>();
  for (const { server } of await cluster.masters()) {
    for (const key of (await server.call('KEYS', '*')) as Buffer[])
      values.set(String(key), String(await server.call('GET', key)));
  }
  return values;
}

const LIBRARY = `#!lua name=lib
redis.register_function('f', function(keys, args) return args[1] end)`;

const librariesOf = async ({ server }: { server: RedisServer }): Promise<number> =>
  ((await server.call('FUNCTION', 'LIST')) as unknown[]).length;

/** And one library at each master. */
async function fillCluster(cluster: RedisCluster, keys: number): Promise<void> {
  for (const master of await cluster.masters()) {
    await master.server.call('FUNCTION', 'LOAD', LIBRARY);
    // Those of other masters are refused.
    await master.server.pipeline(Array.from({ length: keys }, (_, i) => ['SET', `key:${i}`, `value ${i}`]));
  }
}

it('a cluster into a server, while slots move, and into a cluster', async () => {
  const source = started(await RedisCluster.start({ masters: 3, replicas: 0 }));
  const target = started(await RedisServer.start());
  await fillCluster(source, 3000);
  const [one, two] = await source.masters();
  if (one === undefined || two === undefined) throw new Error('a cluster of one');
  const naru = scan(source.url, target.url, '--rate-keys', '500', '--count', '50');
  await naru.untilEvent('progress', ({ keys }) => keys > 300);
  // Else it might come to its end before the first slot has moved.
  naru.kill('SIGSTOP');
  await source.reshard(150, one, two);
  naru.kill('SIGCONT');
  await source.reshard(150, one, two);
  expect(await naru.exited, naru.stdout.slice(-3000)).toMatchObject({ code: 0 });
  expect(naru.eventsOf('warning').map(({ code }) => code)).toContain('SLOTS_MOVED');
  expect(await target.call('DBSIZE')).toBe(3000);
  expect(await librariesOf({ server: target })).toBe(1);
  for (const i of [0, 1, 1500, 2999]) expect(String(await target.call('GET', `key:${i}`))).toBe(`value ${i}`);

  const cluster = started(await RedisCluster.start({ masters: 3, replicas: 0 }));
  const again = scan(source.url, cluster.url, '--on-conflict', 'fail');
  expect(await again.exited, again.stdout.slice(-3000)).toMatchObject({ code: 0 });
  expect(again.eventsOf('done')[0]).toMatchObject({ keys: 3000, vanished: 0 });
  expect(await valuesOf(cluster)).toEqual(await valuesOf(source));
  for (const master of await cluster.masters()) expect(await librariesOf(master)).toBe(1);
});

it('a server into a cluster whose slots move on the way', async () => {
  const source = started(await RedisServer.start());
  const target = started(await RedisCluster.start({ masters: 3, replicas: 0 }));
  await source.pipeline(Array.from({ length: 3000 }, (_, i) => ['SET', `key:${i}`, `value ${i}`]));
  const [one, two] = await target.masters();
  if (one === undefined || two === undefined) throw new Error('a cluster of one');
  const naru = scan(source.url, target.url, '--rate-keys', '1500', '--count', '50');
  await naru.untilEvent('progress', ({ keys }) => keys > 300);
  await target.reshard(300, one, two);
  expect(await naru.exited, naru.stdout.slice(-3000)).toMatchObject({ code: 0 });
  const values = await valuesOf(target);
  expect(values.size).toBe(3000);
  expect([...values].every(([key, value]) => value === `value ${key.slice(4)}`)).toBe(true);
});

const binaries = new Map(cachedServers().map(({ name, binary }) => [name, binary]));

describe.each([
  ['redis-6.0', 'redis-7.0'],
  ['redis-8-newest', 'redis-6.0'],
  ['valkey-9', 'redis-7.0'],
])('%s to %s', (from, to) => {
  const [a, b] = [binaries.get(from), binaries.get(to)];
  it.skipIf(a === undefined || b === undefined)('is copied', async () => {
    const source = started(await RedisServer.start({ binary: a as string }));
    const target = started(await RedisServer.start({ binary: b as string }));
    await fill(source, 1500, { databases: 2 });
    const naru = scan(source.url, target.url, '--lossy');
    expect(await naru.exited, naru.stdout.slice(-3000)).toMatchObject({ code: 0 });
    const differences = await compare(source, target, {
      ttlToleranceMs: 5000,
      unsharedStreamFields: [
        'entries-added',
        'recorded-first-entry-id',
        'max-deleted-entry-id',
        'idmp-duration',
        'idmp-maxsize',
        'pids-tracked',
        'iids-tracked',
        'iids-added',
        'iids-duplicates',
        'entries-read',
        'lag',
      ],
    });
    expect(differences.filter((line) => !/function/i.test(line))).toEqual([]);
  });
});

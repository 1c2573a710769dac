/** Scans that follow a source which is written to. */
import { afterEach, expect, it } from 'vitest';
import { makeTempDir } from '../support/cleanup.ts';
import { compare } from '../support/compare.ts';
import { fill } from '../support/fill.ts';
import { Naru } from '../support/naru.ts';
import { FaultProxy } from '../support/proxy.ts';
import { RedisServer } from '../support/redis-server.ts';
import { synced } from '../support/synced.ts';
import { until } from '../support/until.ts';
import { Writer } from '../support/writers.ts';

const temp = makeTempDir();
const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
  temp.remove();
});

async function start(config: Record<string, string> = {}): Promise<RedisServer> {
  const server = await RedisServer.start({ config });
  stops.push(() => server.stop());
  return server;
}

it.each(['tracking', 'keyspace', 'monitor', 'passes'])('by %s, until it is stopped', async (way) => {
  const source = await start({ 'notify-keyspace-events': 'KA' });
  const target = await start();
  await fill(source, 3000, { databases: 3 });
  await source.call('FUNCTION', 'FLUSH');
  const proxy = await FaultProxy.start(source);
  stops.push(() => proxy.stop());
  const options = ['scan', '--live', '--live-by', way, '--from', proxy.url, '--to', target.url, '--json'];
  const naru = Naru.start([
    ...options,
    '--progress-interval',
    '50ms',
    '--dir',
    temp.path,
    '--rate-keys',
    '12000',
  ]);
  await naru.untilEvent('started');
  const writer = new Writer(source, { rate: 1000, databases: 3, seed: 7 });
  await writer.start();
  await synced(naru, writer);
  proxy.cut();
  const { length } = naru.events;
  await naru.untilEvent('progress', ({ phase }) => phase === 'follow', length);
  await source.call('SET', 'last', 'one');
  await writer.stop();
  expect(await naru.stop('SIGINT'), naru.stdout.slice(-3000)).toMatchObject({ code: 0 });
  const differences = await compare(source, target, { ttlToleranceMs: 2000 });
  expect(differences.filter((line) => !line.startsWith('functions'))).toEqual([]);
  expect(writer.written).toBeGreaterThan(0);
});

it('until it is in sync, and what the source removes is removed', async () => {
  const source = await start();
  const target = await start();
  await target.call('SET', 'own', 1);
  for (let i = 0; i < 500; i++) await source.call('SET', `key:${i}`, i);
  const options = [
    'scan',
    '--live',
    '--from',
    source.url,
    '--to',
    target.url,
    '--json',
    '--on-conflict',
    'overwrite',
  ];
  const naru = Naru.start([...options, '--progress-interval', '50ms', '--dir', temp.path]);
  await naru.untilEvent('synced');
  const [client, seen] = [await source.connect(), await target.connect()];
  stops.push(async () => {
    client.close();
    seen.close();
  });
  await client.pipeline([
    ['SELECT', 9],
    ['SET', 'in a new database', 'value'],
  ]);
  await seen.call('SELECT', 9);
  await until(
    'the new database',
    async () => String(await seen.call('GET', 'in a new database')) === 'value',
  );
  expect(naru.eventsOf('warning').map(({ code }) => code)).not.toContain('COMPARING');
  await source.call('DEL', 'key:1');
  await source.call('FLUSHALL');
  await source.call('SET', 'after', 1);
  await naru.stop('SIGTERM');
  expect(naru.exit, naru.stdout.slice(-3000)).toMatchObject({ code: 0 });
  expect(((await target.call('KEYS', '*')) as Buffer[]).map(String).sort()).toEqual(['after', 'own']);
  const synced = await Naru.run([...options, '--until-synced', '--dir', temp.path]);
  expect(synced.exit?.code, synced.stdout).toBe(0);
});

it('what is read by type, whole or in parts, is written again only where it has changed', async () => {
  const source = await start();
  const target = await start();
  await source.call('ACL', 'SETUSER', 'default', '-dump');
  await source.call('MSET', 'a', 1, 'b', 2);
  await source.call('RPUSH', 'list', 'x', 'y');
  for (let i = 0; i < 30; i++) {
    const fields = Array.from({ length: 500 }, (_, n) => [`field ${i} ${n}`, 'element '.repeat(20)]);
    await source.call('HSET', 'large', ...fields.flat());
  }
  const naru = Naru.start([
    ...['scan', '--live', '--live-by', 'passes', '--from', source.url, '--to', target.url, '--json'],
    ...['--big-key-size', '1MiB', '--progress-interval', '50ms', '--dir', temp.path],
  ]);
  await naru.untilEvent('synced');
  const bytes = async (): Promise<number> => {
    const { length } = naru.events;
    const started = performance.now();
    return (await naru.untilEvent('progress', () => performance.now() - started > 1500, length)).bytes;
  };
  const before = await bytes();
  expect(await bytes()).toBe(before);
  await source.call('HSET', 'large', 'another', 'one');
  await source.call('RPUSH', 'list', 'z');
  await until('the change', async () => (await target.call('HLEN', 'large')) === 15_001);
  await until('the other', async () => (await target.call('LLEN', 'list')) === 3);
  expect(await naru.stop('SIGINT'), naru.stdout.slice(-3000)).toMatchObject({ code: 0 });
  const [one, other] = [
    String(await source.call('DEBUG', 'DIGEST')),
    String(await target.call('DEBUG', 'DIGEST')),
  ];
  expect(other).toBe(one);
});

it('keeps the keys that the target had, or ends at the first of them', async () => {
  const source = await start();
  const target = await start();
  await target.call('MSET', 'own', 'mine', 'later', 'mine');
  await source.call('MSET', 'own', 'theirs', 'other', 'theirs');
  const both = ['scan', '--live', '--from', source.url, '--to', target.url, '--json', '--dir', temp.path];
  const naru = Naru.start([...both, '--on-conflict', 'skip']);
  await naru.untilEvent('synced');
  await source.call('MSET', 'own', 'again', 'later', 'theirs', 'new', 'theirs');
  await until('the new one', async () => (await target.call('EXISTS', 'new')) === 1);
  await source.call('DEL', 'own');
  await naru.stop('SIGINT');
  expect(naru.exit, naru.stdout.slice(-3000)).toMatchObject({ code: 0 });
  expect(naru.eventsOf('done')[0]).toMatchObject({ skipped: 2 });
  const values = (await target.call('MGET', 'own', 'later', 'new', 'other')) as Buffer[];
  expect(values.map(String)).toEqual(['mine', 'mine', 'theirs', 'theirs']);
  const failed = await Naru.run([...both, '--on-conflict', 'fail']);
  expect(failed.exit?.code).toBe(1);
  expect(failed.stdout).toContain('KEY_EXISTS');
});

it('function libraries that the source removes are removed, and those of the target stay', async () => {
  const source = await start();
  const target = await start();
  const load = (server: RedisServer, name: string, of: string): Promise<unknown> =>
    server.call(
      'FUNCTION',
      'LOAD',
      `#!lua name=${name}\nredis.register_function('${of}', function() return 1 end)`,
    );
  const libraries = async (): Promise<string[]> =>
    ((await target.call('FUNCTION', 'LIST')) as Buffer[][]).map(([, name]) => String(name)).sort();
  await load(target, 'own', 'g');
  await load(source, 'one', 'f1');
  await load(source, 'two', 'f2');
  await source.call('SET', 'key', 1);
  const naru = Naru.start([
    ...['scan', '--live', '--live-by', 'passes', '--from', source.url, '--to', target.url, '--json'],
    ...['--dir', temp.path],
  ]);
  await naru.untilEvent('synced');
  expect(await libraries()).toEqual(['one', 'own', 'two']);
  // Another library has its function now.
  await source.call('FUNCTION', 'DELETE', 'one');
  await load(source, 'three', 'f1');
  await until('the third', async () => (await libraries()).join() === 'own,three,two', 60_000);
  await source.call('FUNCTION', 'FLUSH');
  expect(await naru.stop('SIGINT'), naru.stdout.slice(-3000)).toMatchObject({ code: 0 });
  expect(await libraries()).toEqual(['own']);
});

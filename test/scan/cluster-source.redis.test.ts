/** Scans of a cluster: how changes are followed where nobody says how, what a run that is resumed may go on with, and keys that the target does not take for a while. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { makeTempDir } from '../support/cleanup.ts';
import { type ClusterNode, RedisCluster } from '../support/cluster.ts';
import { differences, stateOf } from '../support/cluster-state.ts';
import { Naru } from '../support/naru.ts';
import { RedisServer } from '../support/redis-server.ts';
import type { Reply } from '../support/reply-parser.ts';
import type { Arg } from '../support/resp-client.ts';
import { until } from '../support/until.ts';

const LONG_MS = 60_000;
const temp = makeTempDir();
let source: RedisCluster;
let target: RedisServer;
beforeAll(async () => {
  source = await RedisCluster.start({ masters: 2 });
  target = await RedisServer.start();
});
afterAll(async () => {
  await source?.stop();
  await target?.stop();
  temp.remove();
});
beforeEach(async () => {
  for (const server of [target, ...serversOf(source)]) await server.call('FLUSHALL');
});

const serversOf = (cluster: RedisCluster): RedisServer[] => cluster.nodes.map(({ server }) => server);

const atAll = async (cluster: RedisCluster, ...command: [string, ...Arg[]]): Promise<void> => {
  for (const server of serversOf(cluster)) await server.call(...command);
};

const slotOf = async (cluster: RedisCluster, key: string): Promise<number> =>
  Number(await serversOf(cluster)[0]?.call('CLUSTER', 'KEYSLOT', key));

/** Whichever node has the key. */
async function atKey(cluster: RedisCluster, command: string, key: string, ...args: Arg[]): Promise<Reply> {
  return (await cluster.masterOf(await slotOf(cluster, key))).server.call(command, key, ...args);
}

async function fillKeys(count: number): Promise<void> {
  for (const server of serversOf(source)) {
    const client = await server.connect();
    await client.pipeline(Array.from({ length: count }, (_, i) => ['SET', `key:${i}`, `value ${i}`]));
    client.close();
  }
}

const LIBRARY = "#!lua name=lib\nredis.register_function('f', function() return 1 end)";

const unequal = async (to: readonly RedisServer[] = [target]): Promise<string[]> =>
  differences(await stateOf(serversOf(source)), await stateOf(to));

it.each([
  ['tracking', '+@all', ''],
  ['keyspace', '-client|tracking', 'KA'],
  ['passes', '-monitor', ''],
])('%s is found to be the best way that is left', async (way, acl, events) => {
  const rules = ['~*', '&*', '+@all', '-client|tracking', acl];
  await atAll(source, 'CONFIG', 'SET', 'notify-keyspace-events', events);
  await atAll(source, 'ACL', 'SETUSER', 'reader', 'reset', 'on', '>secret', ...rules);
  await fillKeys(9);
  const naru = Naru.start([
    ...['scan', '--live', '--from', source.url.replace('redis://', 'redis://reader:secret@')],
    ...['--to', target.url, '--json', '--dir', temp.path],
  ]);
  await naru.untilEvent('synced');
  const told = naru.eventsOf('warning').filter(({ code }) => code === 'FOLLOWS_BY');
  expect(told.map(({ message }) => /^Changes are found by (\w+)\./.exec(message)?.[1])).toEqual([way]);
  for (let i = 0; i < 9; i += 3) await atKey(source, 'SET', `key:${i}`, way);
  await atKey(source, 'SET', 'new', way);
  await atKey(source, 'DEL', 'key:7');
  // Long before the end, at which all is compared.
  await until('both to be equal', async () => (await unequal()).length === 0, LONG_MS).catch(() => {});
  expect(await unequal()).toEqual([]);
  expect(await naru.stop('SIGINT'), naru.stdout.slice(-3000)).toMatchObject({ code: 0 });
});

/** Stopped on its way, with places in its state. */
async function interrupted(dir: string): Promise<string[]> {
  const options = ['scan', '--from', source.url, '--to', target.url, '--json', '--dir', dir];
  const naru = Naru.start([...options, '--rate-keys', '50', '--count', '20', '--progress-interval', '20ms']);
  const links = (): object[] =>
    readdirSync(dir)
      .filter((name) => name.endsWith('.scan.json'))
      .flatMap((name) => Object.values(JSON.parse(readFileSync(join(dir, name), 'utf8')).links as object));
  await until('a state', async () => links().length > 1, LONG_MS);
  await naru.stop('SIGKILL');
  return [...options, '--resume'];
}

it('is resumed where no slot has moved, and begins anew where some have', async () => {
  await fillKeys(600);
  for (const moves of [false, true]) {
    await target.call('FLUSHALL');
    const options = await interrupted(temp.path);
    const [one, two] = (await source.masters()) as [ClusterNode, ClusterNode];
    if (moves) await source.reshard(100, one, two);
    // What it would find again is not there.
    await target.call('FLUSHALL');
    const naru = await Naru.run(options);
    expect(naru.exit?.code, naru.stdout.slice(-3000)).toBe(0);
    const codes = naru.eventsOf('warning').map(({ code }) => code);
    expect(codes.includes('NOTHING_TO_RESUME')).toBe(moves);
    const { keys } = naru.eventsOf('done')[0] as { keys: number };
    if (moves) expect([keys, await unequal()]).toEqual([600, []]);
    else expect(keys).toBeLessThan(600);
  }
});

async function move(slot: number, from: ClusterNode, to: ClusterNode): Promise<void> {
  const moving = source.moveSlot(slot, from, to);
  await moving.begin();
  await moving.finish();
}

it('by passes, keys that come to another node while all are compared for the last time', async () => {
  const [moved, others] = ['{moved}', '{other}'];
  const slot = await slotOf(source, moved);
  const from = await source.masterOf(slot);
  const to = source.nodes.find(({ id }) => id !== from.id) as ClusterNode;
  // So that one node's pass is over at once, and the other's takes two seconds, in which SCAN is never far ahead.
  if ((await source.masterOf(await slotOf(source, others))).id !== from.id)
    await move(await slotOf(source, others), to, from);
  const set = async (value: string): Promise<void> => {
    const client = await from.server.connect();
    await client.pipeline(Array.from({ length: 60 }, (_, i) => ['SET', `${moved}${i}`, value]));
    await client.pipeline(Array.from({ length: 60 }, (_, i) => ['SET', `${others}${i}`, value]));
    client.close();
  };
  await set('old');
  const naru = Naru.start([
    ...['scan', '--live', '--live-by', 'passes', '--from', source.url, '--to', target.url, '--json'],
    ...['--rate-keys', '60', '--count', '1', '--progress-interval', '20ms', '--dir', temp.path],
  ]);
  await naru.untilEvent('synced');
  await set('new');
  naru.kill('SIGINT');
  await naru.untilEvent('progress', ({ phase }) => phase === 'draining');
  await move(slot, from, to);
  expect(await naru.exited, naru.stdout.slice(-3000)).toMatchObject({ code: 0 });
  expect(await unequal()).toEqual([]);
}, 180_000);

it('a key whose slot is moved at the target is written when it has come to rest, or removed if it is gone by then', async () => {
  const cluster = await RedisCluster.start({ masters: 2 });
  try {
    await fillKeys(9);
    await atAll(source, 'FUNCTION', 'LOAD', LIBRARY);
    await atKey(source, 'SET', '{slot}stays', 'old');
    await atKey(source, 'SET', '{slot}goes', 'old');
    const naru = Naru.start([
      ...['scan', '--live', '--live-by', 'tracking', '--from', source.url, '--to', cluster.url],
      ...['--json', '--dir', temp.path, '--progress-interval', '20ms'],
    ]);
    await naru.untilEvent('synced');
    for (const server of serversOf(cluster)) expect(await server.call('FUNCTION', 'LIST')).toHaveLength(1);
    const slot = await slotOf(cluster, '{slot}');
    const from = await cluster.masterOf(slot);
    const to = cluster.nodes.find(({ id }) => id !== from.id) as ClusterNode;
    const moving = cluster.moveSlot(slot, from, to);
    await moving.begin();
    await atKey(source, 'SET', '{slot}new', 'new');
    await atKey(source, 'SET', '{slot}stays', 'new');
    await atKey(source, 'SET', '{slot}goes', 'new');
    await naru.untilEvent('progress', ({ lagMs = 0 }) => lagMs > 300, naru.events.length);
    await atKey(source, 'DEL', '{slot}goes');
    await atKey(source, 'SET', 'other', 'new');
    await until('another slot', async () => (await atKey(cluster, 'EXISTS', 'other')) === 1, LONG_MS);
    await moving.finish();
    const found = (): Promise<string[]> => unequal(serversOf(cluster));
    await until('both to be equal', async () => (await found()).length === 0, LONG_MS).catch(() => {});
    expect(await found()).toEqual([]);
    await atAll(source, 'FUNCTION', 'FLUSH');
    expect(await naru.stop('SIGINT'), naru.stdout.slice(-3000)).toMatchObject({ code: 0 });
    expect(await found()).toEqual([]);
    for (const server of serversOf(cluster)) expect(await server.call('FUNCTION', 'LIST')).toEqual([]);
  } finally {
    await cluster.stop();
  }
});

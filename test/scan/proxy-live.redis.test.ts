/** As proxy.redis.test.ts, while what is behind the source changes all the time: in each way that a proxy may offer to learn of it. */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { type ApsaraOptions, ApsaraProxy } from '../support/apsara-proxy.ts';
import { makeTempDir } from '../support/cleanup.ts';
import { RedisCluster } from '../support/cluster.ts';
import { differences, stateOf } from '../support/cluster-state.ts';
import { fill } from '../support/fill.ts';
import { Naru } from '../support/naru.ts';
import type { RedisServer } from '../support/redis-server.ts';
import { until } from '../support/until.ts';
import { LEADERBOARD, Leaderboard } from './leaderboard.ts';

const temp = makeTempDir();
let source: ApsaraProxy;
let target: ApsaraProxy;

beforeAll(async () => {
  source = await ApsaraProxy.start(await RedisCluster.start({ masters: 2 }));
  target = await ApsaraProxy.start(await RedisCluster.start({ masters: 2 }));
  for (const shard of shardsOf(source)) await shard.call('CONFIG', 'SET', 'notify-keyspace-events', 'KA');
  await fill(source, 900, { databases: 1 });
});
afterAll(async () => {
  for (const proxy of [source, target]) {
    await proxy?.stop();
    await proxy?.cluster.stop();
  }
  temp.remove();
});
beforeEach(async () => {
  for (const shard of shardsOf(target)) await shard.call('FLUSHALL');
});

const shardsOf = ({ cluster }: ApsaraProxy): RedisServer[] => cluster.nodes.map(({ server }) => server);

it.each<[string, ApsaraOptions, string[], RegExp]>([
  ['IMONITOR', {}, [], /^FOLLOWS_BY Changes are found by monitor\. tracking: .*refuses HELLO/],
  ['MONITOR', { shardCommands: false }, [], /by monitor\./],
  ['tracking', { tracking: true }, ['--live-by', 'tracking'], /./],
  ['keyspace', { subscribe: true }, ['--live-by', 'keyspace'], /./],
  ['passes', {}, ['--live-by', 'passes'], /./],
])('%s', async (_, offered, options, told) => {
  for (const name of Object.keys(source.options)) delete source.options[name as keyof ApsaraOptions];
  Object.assign(source.options, offered);
  const [from, to] = [await source.connect(), await target.connect()];
  await from.call('MSET', 'stays', 1, 'goes', 1);
  const leaderboard = await Leaderboard.start(source);
  const naru = Naru.start([
    ...['scan', '--live', '--from', source.url, '--to', target.url, '--to-topology', 'proxy', '--json'],
    ...['--progress-interval', '50ms', '--dir', temp.path, ...options],
  ]);
  try {
    await naru.untilEvent('synced');
    // Long before the end, at which all is compared.
    await from.call('DEL', 'goes');
    await until('what was removed', async () => (await to.call('EXISTS', 'goes')) === 0);
    source.dropClients();
    const { length } = naru.events;
    await naru.untilEvent('progress', ({ waiting }) => waiting === undefined, length);
  } finally {
    await leaderboard.stop();
  }
  expect(await naru.stop('SIGINT'), naru.stdout.slice(-3000) + naru.stderr).toMatchObject({ code: 0 });
  const warnings = naru.eventsOf('warning').map(({ code, message }) => `${code} ${message}`);
  if (options.length === 0)
    expect(warnings.filter((text) => text.startsWith('FOLLOWS_BY')).join()).toMatch(told);
  expect(warnings.filter((text) => text.startsWith('NOT_SWEPT'))).toEqual([]);
  expect(differences(await stateOf(shardsOf(source)), await stateOf(shardsOf(target)), 2000)).toEqual([]);
  expect(
    await to.pipeline([
      ['EXISTS', LEADERBOARD],
      ['ZCARD', LEADERBOARD],
    ]),
  ).toEqual([1, 1000]);
  expect(leaderboard.changes).toBeGreaterThan(0);
  from.close();
  to.close();
});

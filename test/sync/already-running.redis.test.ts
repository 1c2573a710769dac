/** A second run of the same job must not touch what the first one has at the target. */
import { afterEach, expect, it } from 'vitest';
import { endsEqual } from '../support/ends-equal.ts';
import { failSync, startSync } from '../support/failed-run.ts';
import { RedisServer } from '../support/redis-server.ts';

const servers: RedisServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

it.each([
  ['without a word on conflicts', []],
  ['with overwrite', ['--on-conflict', 'overwrite']],
])('a second run is refused, %s, and the first goes on untouched', async (_, args) => {
  const source = await RedisServer.start({ config: { 'repl-diskless-sync-delay': '0' } });
  const target = await RedisServer.start();
  servers.push(source, target);
  await source.call('SET', 'k', 'v');
  const first = startSync(source.url, target.url);
  await first.untilEvent('synced');
  await source.call('SET', 'k', 'w');
  await first.untilEvent('progress', (event) => event.commands > 0 && event.lagBytes === 0);
  // What the first one keeps there: a second run would take it for left behind.
  await target.call('RPUSH', `naru:part:${source.host}:${source.port}`, 'in the making');
  const error = await failSync(source.url, target.url, args);
  expect(error).toMatchObject({ code: 'ALREADY_RUNNING', side: 'target' });
  expect(await target.call('EXISTS', `naru:part:${source.host}:${source.port}`)).toBe(1);
  expect(await target.call('EXISTS', `naru:checkpoint:${source.host}:${source.port}`)).toBe(1);
  await target.call('DEL', `naru:part:${source.host}:${source.port}`);
  await endsEqual(first, source, target);
});

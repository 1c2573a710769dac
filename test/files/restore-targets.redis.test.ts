/** Files restored into what is more than one server: clusters, sentinels, proxies. */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { aofServer, fillAof, rewriteAof } from '../support/aof.ts';
import { makeTempDir } from '../support/cleanup.ts';
import { type ClusterNode, RedisCluster } from '../support/cluster.ts';
import { differences, functionsOf, stateOf } from '../support/cluster-state.ts';
import { compare } from '../support/compare.ts';
import { fill, fillStrings } from '../support/fill.ts';
import { Naru } from '../support/naru.ts';
import { hasNutcracker, Nutcracker } from '../support/nutcracker.ts';
import type { RedisServer } from '../support/redis-server.ts';
import { SentinelGroup } from '../support/sentinel.ts';

const temp = makeTempDir('restore-targets');
let cluster: RedisCluster;
let source: RedisServer;
const stops: (() => Promise<void>)[] = [];

beforeAll(async () => {
  cluster = await RedisCluster.start({ masters: 3, nodeTimeoutMs: 15_000 });
  source = await aofServer({ 'aof-use-rdb-preamble': 'no' });
}, 60_000);
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});
afterAll(async () => {
  await source?.stop();
  await cluster?.stop();
  temp.remove();
});

const nodes = (): RedisServer[] => cluster.nodes.map(({ server }) => server);

async function emptied(): Promise<void> {
  for (const server of [source, ...nodes()]) {
    await server.call('FLUSHALL');
    await server.call('FUNCTION', 'FLUSH');
  }
  await rewriteAof(source);
}

function started(from: string | string[], to: string, ...args: string[]): Naru {
  const files = [from].flat().flatMap((path) => ['--from', path]);
  const naru = Naru.start(['restore', ...files, '--to', to, '--json', '--dir', temp.path, ...args]);
  stops.push(async () => void (naru.exit === undefined && (await naru.stop('SIGKILL'))));
  return naru;
}

async function restored(from: string | string[], to: string, ...args: string[]): Promise<Naru> {
  const naru = started(from, to, ...args);
  await naru.exited;
  return naru;
}

async function expectHeld(by: readonly RedisServer[], toleranceMs = 0): Promise<void> {
  const held = await stateOf(by);
  expect(differences(await stateOf([source]), held, toleranceMs)).toEqual([]);
}

async function saved(server: RedisServer): Promise<string> {
  await server.call('SAVE');
  return join(server.dir, 'dump.rdb');
}

describe('naru restore into a cluster', { timeout: 90_000 }, () => {
  it('gives each entry to its node, large ones in parts, and libraries to all', async () => {
    await emptied();
    await fill(source, 2000, { seed: 3, databases: 1 });
    await source.call('RPUSH', 'large', ...Array.from({ length: 3000 }, (_, i) => 'x'.repeat(i % 500)));
    const naru = await restored(await saved(source), nodes()[1]?.url as string, '--big-key-size', '64KiB');
    expect(naru.exit?.code, naru.stdout + naru.stderr).toBe(0);
    await expectHeld(nodes());
    for (const server of nodes()) expect(await functionsOf(server)).toBe(await functionsOf(source));
    const again = await restored(await saved(source), cluster.url);
    expect(again.eventsOf('error')[0]).toMatchObject({ code: 'TARGET_NOT_EMPTY' });
    const skips = await restored(await saved(source), cluster.url, '--on-conflict', 'skip');
    expect(skips.eventsOf('done')[0]).toMatchObject({ keys: 0 });
  });
});

describe('naru restore of an AOF into a cluster', { timeout: 90_000 }, () => {
  it('splits what can be split, and goes on where slots were moved', async () => {
    await emptied();
    await source.pipeline([
      ['MSET', 'a', '1', 'b', '2', 'c', '3', 'd', '4', 'e', '5'],
      ['MULTI'],
      ['INCR', 'a'],
      ['INCR', 'b'],
      ['APPEND', 'c', 'x'],
      ['EXEC'],
      ['DEL', 'd', 'e'],
      ['RPUSH', '{t}list', '1', '2', '3'],
      ['RENAME', '{t}list', '{t}other'],
      ['SET', 'expires', '1', 'PX', '100000000'],
      ['FUNCTION', 'LOAD', "#!lua name=lib\nredis.register_function('f', function() return 1 end)"],
    ]);
    const naru = await restored(source.dir, cluster.url);
    expect(naru.exit?.code, naru.stdout + naru.stderr).toBe(0);
    expect(naru.eventsOf('done')[0]).toMatchObject({ split: 2 });
    await expectHeld(nodes());
    for (const server of nodes()) expect(await functionsOf(server)).toBe(await functionsOf(source));
  });

  it('names the command that it can not split, its key and where it stands', async () => {
    await emptied();
    await source.pipeline([
      ['SET', 'one', '1'],
      ['RENAME', 'one', 'two'],
    ]);
    const naru = await restored(source.dir, cluster.url);
    expect(naru.exit?.code).toBe(1);
    const [error] = naru.eventsOf('error');
    expect(error).toMatchObject({ code: 'COMMAND_REFUSED', command: 'RENAME', key: 'one' });
    expect(error).toMatchObject({
      message: expect.stringMatching(/several slots.*restore it into one server/),
    });
  });
});

/** Files restored into what is more than one server: clusters, sentinels, proxies. */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { keySlot } from '../../src/net/topology/slot.ts';
import { aofServer, rewriteAof } from '../support/aof.ts';
import { makeTempDir } from '../support/cleanup.ts';
import { type ClusterNode, RedisCluster } from '../support/cluster.ts';
import { differences, functionsOf, stateOf } from '../support/cluster-state.ts';
import { compare } from '../support/compare.ts';
import { fill, fillStrings } from '../support/fill.ts';
import { Naru } from '../support/naru.ts';
import { hasNutcracker, Nutcracker } from '../support/nutcracker.ts';
import { RedisServer } from '../support/redis-server.ts';
import { SentinelGroup } from '../support/sentinel.ts';

const temp = makeTempDir('restore-targets');
let cluster: RedisCluster;
let source: RedisServer;
const stops: (() => Promise<void>)[] = [];

beforeAll(async () => {
  cluster = await RedisCluster.start({ masters: 3, nodeTimeoutMs: 15_000 });
  source = await aofServer({ 'aof-use-rdb-preamble': 'no' });
});
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

/** A run may be through before anything is seen of it: what it leaves has to be right all the same. */
async function orItsEnd(naru: Naru, event: Promise<unknown>): Promise<void> {
  await Promise.race([event.catch(() => naru.exited), naru.exited]);
}

async function expectHeld(by: readonly RedisServer[], toleranceMs = 0): Promise<void> {
  const held = await stateOf(by);
  expect(differences(await stateOf([source]), held, toleranceMs)).toEqual([]);
}

async function saved(server: RedisServer): Promise<string> {
  await server.call('SAVE');
  return join(server.dir, 'dump.rdb');
}

describe('naru restore into a cluster', () => {
  it('gives each entry to its node, large ones in parts, and libraries to all', async () => {
    await emptied();
    await fill(source, 800, { seed: 3, databases: 1 });
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

describe('naru restore of several files', () => {
  it('brings the RDBs of a cluster together, from a folder or one by one', async () => {
    await emptied();
    await fill(source, 500, { seed: 4, databases: 1 });
    expect((await restored(await saved(source), cluster.url)).exit?.code).toBe(0);
    const folder = join(temp.path, 'shards');
    mkdirSync(folder);
    const files: string[] = [];
    for (const [index, server] of nodes().entries()) {
      files.push(join(folder, `shard-${index}.rdb`));
      copyFileSync(await saved(server), files[index] as string);
    }
    const target = await RedisServer.start();
    stops.push(() => target.stop());
    for (const from of [files, folder]) {
      await target.call('FLUSHALL');
      await target.call('FUNCTION', 'FLUSH');
      const naru = await restored(from, target.url);
      expect(naru.exit?.code, naru.stdout + naru.stderr).toBe(0);
      expect(await compare(source, target)).toEqual([]);
      expect(naru.eventsOf('done')[0]).toMatchObject({ keys: (await stateOf([source])).size });
    }
    const missing = await restored(
      [...files, join(folder, 'none.rdb')],
      target.url,
      '--on-conflict',
      'overwrite',
    );
    expect(missing.eventsOf('error')[0]).toMatchObject({ code: 'FILE_UNREADABLE' });
  });
});

describe('naru restore while the target changes', () => {
  it('follows slots that move in a cluster', async () => {
    await emptied();
    await fillStrings(source, 20_000, 100);
    const [first, second] = (await cluster.masters()) as [ClusterNode, ClusterNode];
    const half = cluster.moveSlot(1, first, second);
    await half.begin();
    const naru = started(
      await saved(source),
      cluster.url,
      '--in-flight',
      '4KiB',
      '--progress-interval',
      '5ms',
    );
    await naru.untilEvent('started');
    const slots = [2, 3, 4, 5].map((slot) => cluster.moveSlot(slot, first, second));
    for (const slot of slots) {
      await slot.begin();
      await slot.finish();
    }
    await half.finish();
    await naru.exited;
    expect(naru.exit?.code, naru.stdout.slice(-2000)).toBe(0);
    await expectHeld(nodes());
  });

  it('goes on at the server that sentinels name instead', async () => {
    await emptied();
    await fillStrings(source, 20_000, 100);
    const group = await SentinelGroup.start();
    stops.push(() => group.stop());
    const args = ['--in-flight', '4KiB', '--progress-interval', '5ms'];
    const naru = started(await saved(source), group.url, ...args);
    await naru.untilEvent('progress', ({ keys }) => keys > 0);
    const heir = await group.killMaster();
    await naru.exited;
    expect(naru.exit?.code, naru.stdout.slice(-2000)).toBe(0);
    expect(await compare(source, heir)).toEqual([]);
  });
});

describe('naru restore through a proxy', () => {
  it.skipIf(!hasNutcracker())('gives what it passes, and names what it does not', async () => {
    await emptied();
    await fill(source, 500, { seed: 5, databases: 1 });
    const proxy = await Nutcracker.start();
    stops.push(() => proxy.stop());
    const args = ['--to-topology', 'proxy', '--functions', 'skip'];
    const naru = await restored(await saved(source), proxy.url, ...args);
    expect(naru.exit?.code, naru.stdout + naru.stderr).toBe(0);
    await expectHeld(proxy.servers);
    const aof = join(temp.path, 'proxy.aof');
    const command = (...words: string[]): string =>
      `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
    const good = command('MSET', 'p1', '1', 'p2', '2') + command('DEL', 'p1', 'p3');
    writeFileSync(aof, good + command('ZUNIONSTORE', 'z', '1', 'y'));
    const refused = await restored(aof, proxy.url, ...args, '--on-conflict', 'overwrite');
    expect(refused.eventsOf('error')[0]).toMatchObject({
      code: 'COMMAND_REFUSED',
      command: 'ZUNIONSTORE',
      offset: good.length,
    });
  });
});

describe('naru restore of several databases into one', () => {
  it('needs a word on keys with one name, or rules', async () => {
    await emptied();
    const other = await RedisServer.start();
    stops.push(() => other.stop());
    await other.pipeline([
      ['SET', 'same', '0'],
      ['SET', 'own', '0'],
      ['SELECT', 3],
      ['SET', 'same', '3'],
    ]);
    const rdb = await saved(other);
    const refused = await restored(rdb, cluster.url);
    expect(refused.eventsOf('error')[0]).toMatchObject({ code: 'CONFIG_INVALID' });
    const merged = await restored(rdb, cluster.url, '--on-conflict', 'overwrite');
    expect(merged.exit?.code, merged.stdout).toBe(0);
    expect(merged.eventsOf('warning').map(({ code }) => code)).toContain('DATABASES_MERGED');
    expect((await stateOf(nodes())).size).toBe(2);
    await emptied();
    const kept = await restored(
      rdb,
      cluster.url,
      '--include-db',
      '3',
      '--db-map',
      '3=0',
      '--rename-prefix',
      'sa=ba',
    );
    expect(kept.exit?.code, kept.stdout).toBe(0);
    expect([...(await stateOf(nodes())).keys()]).toEqual(['bame']);
  });
});

describe('naru restore of an AOF into a cluster', () => {
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

  it('does each command once while slots move, some keys of them before the others', async () => {
    await emptied();
    const commands: string[][] = [];
    for (let i = 0; i < 24_000; i++) {
      const key = `{tag${i % 30}}:${i % 7}`;
      if (i % 50 === 0) commands.push(['MSET', `m:${i % 90}`, `${i}`, `${key}:m`, `${i}`]);
      else if (i % 10 === 0) commands.push(['SETEX', `${key}:t`, '100000', `${i}`]);
      else commands.push(i % 2 === 0 ? ['INCR', `${key}:n`] : ['RPUSH', `${key}:l`, `${i}`]);
    }
    await source.pipeline(commands);
    await source.pipeline([['MULTI'], ['INCR', '{tag1}:0:n'], ['INCR', '{tag2}:0:n'], ['EXEC']]);
    const args = ['--in-flight', '1KiB', '--progress-interval', '5ms', '--rate-keys', '10000'];
    const naru = started(source.dir, cluster.url, ...args);
    const [first, second] = (await cluster.masters()) as [ClusterNode, ClusterNode];
    const tags = Array.from({ length: 30 }, (_, i) => Buffer.from(`tag${i}`));
    const slots = tags.map((tag) => keySlot(tag, 0, tag.length));
    const own = [];
    for (const slot of slots) if ((await cluster.masterOf(slot)).id === first.id) own.push(slot);
    expect(own.length).toBeGreaterThan(3);
    await orItsEnd(
      naru,
      naru.untilEvent('progress', ({ commands: done }) => done > 1000),
    );
    if (naru.exit === undefined) process.kill(naru.pid, 'SIGSTOP');
    const moves = own.map((slot) => cluster.moveSlot(slot, first, second));
    for (const move of moves) {
      await move.begin();
      await move.migrate(2);
    }
    if (naru.exit === undefined) process.kill(naru.pid, 'SIGCONT');
    await orItsEnd(
      naru,
      naru.untilEvent('error', ({ retry }) => retry),
    );
    for (const move of moves) await move.finish();
    await naru.exited;
    expect(naru.exit?.code, naru.stdout.slice(-2000)).toBe(0);
    // The times count from when the file was changed last, and MIGRATE moves them a little.
    await expectHeld(nodes(), 100_000);
  });

  it('says so where it can not know what a node has done', async () => {
    await emptied();
    await source.pipeline(Array.from({ length: 12_000 }, (_, i) => ['INCR', `n:${i % 100}`]));
    const args = ['--in-flight', '1KiB', '--progress-interval', '5ms', '--rate-keys', '10000'];
    const naru = started(source.dir, cluster.url, ...args);
    await orItsEnd(
      naru,
      naru.untilEvent('progress', ({ commands: done }) => done > 100),
    );
    const [first] = (await cluster.masters()) as [ClusterNode];
    await first.server.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await naru.exited;
    const outcome = naru.exit?.code === 0 ? 'whole' : naru.eventsOf('error').at(-1)?.code;
    expect(['whole', 'TARGET_LOST_DATA']).toContain(outcome);
    if (outcome === 'whole') await expectHeld(nodes());
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

/** What several databases, and transactions, become in a cluster that has one database. The tests share the cluster, which rests. */
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { keySlot } from '../../src/net/topology/slot.ts';
import { RedisCluster } from '../support/cluster.ts';
import type { Naru } from '../support/naru.ts';
import type { RedisServer } from '../support/redis-server.ts';
import { until } from '../support/until.ts';
import { ownersOf, TargetRig } from './target-rig.ts';

let cluster: RedisCluster;
let rig: TargetRig;
beforeAll(async () => {
  cluster = await RedisCluster.start({ masters: 3 });
  rig = await TargetRig.start(() => cluster.url);
});
afterAll(async () => {
  await rig.stop();
  await cluster.stop();
});
beforeEach(async () => {
  for (const server of [rig.source, ...(await ownersOf(cluster))]) await server.call('FLUSHALL');
});

const ownerOf = async (key: string): Promise<RedisServer> =>
  (await cluster.masterOf(keySlot(Buffer.from(key), 0, key.length))).server;

/** Key -> text, of all nodes. */
async function texts(): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const owner of await ownersOf(cluster)) {
    for (const key of (await owner.call('KEYS', '*')) as Buffer[])
      found[String(key)] = await owner.text('GET', key);
  }
  return found;
}

/** `k` is in two databases. */
async function fillDatabases(): Promise<void> {
  const client = await rig.source.connect();
  await client.pipeline([
    ['MSET', 'k', 'of 0', 'only0', 'x'],
    ['SELECT', 5],
    ['MSET', 'k', 'of 5', 'only5', 'y'],
  ]);
  client.close();
}

async function failed(naru: Naru): Promise<unknown> {
  await naru.exited;
  return naru.eventsOf('error').at(-1);
}

describe('databases that come together', () => {
  it('need a word on keys that are in two of them', async () => {
    await fillDatabases();
    expect(await failed(rig.sync())).toMatchObject({ code: 'CONFIG_INVALID', side: 'target' });
    expect(await failed(rig.sync('--on-conflict', 'fail'))).toMatchObject({ code: 'KEY_EXISTS' });
  });

  it.each([
    ['overwrite', 'of 5', 4, 0],
    ['skip', 'of 0', 3, 1],
  ] as const)('with --on-conflict %s', async (policy, kept, keys, skipped) => {
    await fillDatabases();
    const naru = rig.sync('--on-conflict', policy);
    await naru.untilEvent('synced');
    expect(naru.eventsOf('warning').map(({ code }) => code)).toContain('DATABASES_MERGED');
    expect(naru.eventsOf('snapshot_done')[0]).toMatchObject({ keys, skipped });
    expect(await texts()).toEqual({ k: kept, only0: 'x', only5: 'y' });
    const client = await rig.source.connect();
    await client.pipeline([
      ['SELECT', 9],
      ['SET', 'only9', 'z'],
      ['SELECT', 5],
      ['APPEND', 'only5', '!'],
      // Over several slots: it is copied, from the database that it is in.
      ['RENAME', 'only5', 'moved5'],
      ['SELECT', 0],
      ['DEL', 'only0'],
      // Of a database that shares the target with others.
      ['SET', 'last', 1],
    ]);
    await rig.acknowledged(naru);
    expect(await texts()).toEqual({ k: kept, moved5: 'y!', only9: 'z', last: '1' });
    await client.pipeline([['SELECT', 9], ['FLUSHDB']]);
    client.close();
    expect(await failed(naru)).toMatchObject({ code: 'COMMAND_REFUSED', side: 'target' });
  });
});

/** What a node does, line by line, until closed. */
async function monitor({ host, port }: RedisServer): Promise<{ lines(): string[]; close(): void }> {
  const socket = createConnection({ host, port });
  let text = '';
  socket.on('data', (bytes: Buffer) => {
    text += bytes.toString();
  });
  socket.write('MONITOR\r\n');
  await once(socket, 'data');
  return { lines: () => text.split('\r\n'), close: () => socket.destroy() };
}

describe('a transaction', () => {
  it('stays one within a slot, and is one for each stretch of a slot else', async () => {
    const naru = rig.sync();
    await naru.untilEvent('synced');
    const owner = await ownerOf('{a}');
    const watch = await monitor(owner);
    await rig.source.pipeline([
      ['MULTI'],
      ['INCR', '{a}n'],
      ['RPUSH', '{a}l', 'x'],
      ['SET', '{a}s', 'y'],
      ['EXEC'],
      ['MULTI'],
      ['INCR', '{a}n'],
      ['SET', '{b}s', 'y'],
      ['INCR', '{a}n'],
      ['APPEND', '{a}s', 'y'],
      ['EXEC'],
    ]);
    const done = (): string[] =>
      watch
        .lines()
        .filter((line) => /"(MULTI|EXEC)"|\{a\}/.test(line))
        .map((line) => line.replace(/^.*?\] /, '').replaceAll('"', ''));
    await until('all to be done', async () => done().includes('APPEND {a}s y') && done().at(-1) === 'EXEC');
    watch.close();
    expect(done()).toEqual([
      ...['MULTI', 'INCR {a}n', 'RPUSH {a}l x', 'SET {a}s y', 'EXEC'],
      ...['MULTI', 'INCR {a}n', 'EXEC'],
      ...['MULTI', 'INCR {a}n', 'APPEND {a}s y', 'EXEC'],
    ]);
    await rig.endsEqual(naru, await ownersOf(cluster));
  });
});

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { compare } from './compare.ts';
import { fill, fillStrings } from './fill.ts';
import { RedisServer } from './redis-server.ts';
import { makeReplica } from './replica.ts';
import type { RespClient } from './resp-client.ts';

async function encodings(client: RespClient): Promise<Set<string>> {
  const seen = new Set<string>();
  for (const db of [0, 1, 2]) {
    await client.call('SELECT', db);
    const keys = (await client.call('KEYS', '*')) as Buffer[];
    const types = await client.pipeline(keys.map((key) => ['TYPE', key]));
    const found = await client.pipeline(keys.map((key) => ['OBJECT', 'ENCODING', key]));
    for (const [i, encoding] of found.entries()) seen.add(`${types[i]} ${encoding}`);
  }
  return seen;
}

describe('filling', () => {
  let server: RedisServer;
  let replica: RedisServer;
  beforeAll(async () => {
    [server, replica] = await Promise.all([RedisServer.start(), RedisServer.start()]);
  });
  afterAll(() => Promise.all([server.stop(), replica.stop()]));
  beforeEach(() => server.call('FLUSHALL'));

  it('makes every type in every encoding, and a full copy of it is equal to the last counter', async () => {
    await fill(server, 9000);
    const keyspace = await server.info('keyspace');
    expect([...keyspace.values()].map((line) => /^keys=(\d+)/.exec(line)?.[1])).toEqual([
      '3000',
      '3000',
      '3000',
    ]);
    const client = await server.connect();
    const all = [
      'string int',
      'string embstr',
      'string raw',
      'list quicklist',
      'set intset',
      'set hashtable',
    ];
    all.push('hash listpack', 'hash hashtable', 'zset listpack', 'zset skiplist', 'stream stream');
    expect([...(await encodings(client))].sort()).toEqual(all.sort());
    const groups = await client.pipeline([
      ['SELECT', 0],
      ['XINFO', 'GROUPS', 'fill:stream:21'],
    ]);
    client.close();
    expect(groups).toHaveLength(2);

    await makeReplica(replica, server);
    expect(await compare(server, replica, { groupCounters: true })).toEqual([]);
    await replica.call('REPLICAOF', 'NO', 'ONE');
  });

  it('makes the same values from the same seed', async () => {
    const values = async (seed: number): Promise<unknown> => {
      await server.call('FLUSHALL');
      await fill(server, 300, { seed, types: ['string', 'hash', 'zset'] });
      return server.call('DEBUG', 'DIGEST-VALUE', 'fill:string:0', 'fill:hash:12', 'fill:zset:6');
    };
    const first = await values(1);
    expect(await values(1)).toEqual(first);
    expect(await values(2)).not.toEqual(first);
  });

  it.each([
    { compressible: true },
    { compressible: false },
    { populate: true },
  ])('sets many strings: %o', async (options) => {
    await fillStrings(server, 100_000, 100, { ...options, prefix: 'p' });
    expect(await server.call('DBSIZE')).toBe(100_000);
    const values = await server.pipeline([
      ['GET', 'p:0'],
      ['GET', 'p:99999'],
    ]);
    expect(values.map((value) => (value as Buffer).length)).toEqual([100, 100]);
  });

  it('tells when the server refuses', async () => {
    await server.call('CONFIG', 'SET', 'maxmemory', '1mb');
    await expect(fillStrings(server, 100_000, 100)).rejects.toThrow(/refused: -OOM/);
    await server.call('CONFIG', 'SET', 'maxmemory', '0');
  });
});

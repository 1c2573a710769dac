import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compare } from './compare.ts';
import { RedisServer } from './redis-server.ts';
import { inSync, makeReplica } from './replica.ts';
import { Writer } from './writers.ts';

/** What reaches a replica: some commands are propagated as others (SPOP as SREM, GEOADD as ZADD, EVAL as its effects). */
const PROPAGATED = `set|setrange|append|setbit|bitop|bitfield|mset|incrby|decr|persist|pexpireat|del|unlink
  rpush|lpush|lpop|linsert|lrem|lset|ltrim|rpoplpush|lmove
  sadd|srem|smove|sinterstore|sunionstore|sdiffstore
  hset|hmset|hsetnx|hdel|hincrby
  zadd|zincrby|zrem|zpopmin|zpopmax|zremrangebyrank|zremrangebyscore|zremrangebylex|zunionstore|zinterstore|zdiffstore|zrangestore
  xadd|xdel|xtrim|xack|xclaim|xsetid|xgroup|create
  pfadd|pfmerge|geosearchstore|sort|rename|renamenx|move|copy|swapdb|flushdb|multi|exec|function|load|select`;

describe('Writer', () => {
  let source: RedisServer;
  let replica: RedisServer;
  beforeAll(async () => {
    source = await RedisServer.start();
    replica = await RedisServer.start();
    await makeReplica(replica, source);
  });
  afterAll(() => Promise.all([source.stop(), replica.stop()]));

  it('makes changes of every type, which a plain replica follows exactly', async () => {
    const writer = new Writer(source, { seed: 7 });
    await writer.start();
    await writer.until(40_000);
    await writer.stop();
    await inSync(replica, source);
    expect(await compare(source, replica)).toEqual([]);
    expect(await replica.digest()).toBe(await source.digest());

    const stats = await replica.info('commandstats');
    const seen = [...stats.keys()].flatMap((name) => name.replace('cmdstat_', '').split('|'));
    expect(PROPAGATED.split(/[|\s]+/).filter((name) => !seen.includes(name))).toEqual([]);
    for (const type of ['string', 'list', 'set', 'hash', 'zset', 'stream']) {
      const [, keys] = (await source.call('SCAN', 0, 'TYPE', type, 'COUNT', 10_000)) as [Buffer, Buffer[]];
      expect(keys.length, type).toBeGreaterThan(3);
    }
  });

  it('keeps to its rate, and stops in the middle of a wait', async () => {
    const writer = new Writer(source, { rate: 1000, batch: 50 });
    await writer.start();
    const begin = performance.now();
    await writer.until(500);
    const ms = performance.now() - begin;
    await writer.stop();
    expect(ms).toBeGreaterThan(350);
  });

  it('tells when the server goes away', async () => {
    const server = await RedisServer.start();
    const writer = new Writer(server);
    await writer.start();
    await writer.until(1);
    await server.kill();
    await expect(writer.until(1e9)).rejects.toThrow();
    await expect(writer.stop()).rejects.toThrow();
    await server.stop();
  });
});

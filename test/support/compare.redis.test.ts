import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { compare } from './compare.ts';
import { RedisServer } from './redis-server.ts';
import type { Arg } from './resp-client.ts';

const FUNCTION = `#!lua name=lib
redis.register_function('f', function() return 1 end)`;

const GROUP: Arg[][] = [
  ['XADD', 'stream', '1-1', 'f', 'v'],
  ['XADD', 'stream', '1-2', 'f', 'v'],
  ['XGROUP', 'CREATE', 'stream', 'g', '0'],
];

/** More members than a listpack holds: it would store -0 as 0. */
const SKIPLIST: Arg[] = ['ZADD', 'z', ...Array.from({ length: 200 }, (_, i) => [i, `m${i}`]).flat()];

/** name, what both sides hold, what is written to the target in addition, the line that must come */
const CASES: [string, Arg[][], Arg[][], RegExp][] = [
  ['a key too many', [], [['SET', 'b', 1]], /^db 0 key "b": only in the target$/],
  ['a missing key', [['SET', 'a', 1]], [['DEL', 'a']], /^db 0 key "a": only in the source$/],
  [
    'another type',
    [['SET', 'a', 1]],
    [
      ['DEL', 'a'],
      ['RPUSH', 'a', 1],
    ],
    /type string in the source, list in/,
  ],
  ['another value', [['SET', 'a', 1]], [['SET', 'a', 2]], /string values differ/],
  [
    'a list in another order',
    [['RPUSH', 'l', 1, 2]],
    [['LMOVE', 'l', 'l', 'LEFT', 'RIGHT']],
    /list values differ/,
  ],
  ['a field too many', [['HSET', 'h', 'a', 1]], [['HSET', 'h', 'b', 1]], /hash values differ/],
  [
    'a score of another last bit',
    [['ZADD', 'z', '0.3', 'a']],
    [['ZADD', 'z', '0.30000000000000004', 'a']],
    /zset/,
  ],
  [
    'minus zero',
    [SKIPLIST, ['ZADD', 'z', 0, 'a']],
    [
      ['ZREM', 'z', 'a'],
      ['ZADD', 'z', '-0.0', 'a'],
    ],
    /zset/,
  ],
  ['a lost expiry', [['SET', 'a', 1, 'PXAT', 4e12]], [['PERSIST', 'a']], /expiry \d+ in the source, -1 in/],
  [
    'an expiry by 1 ms',
    [['SET', 'a', 1, 'PXAT', 4e12]],
    [['PEXPIREAT', 'a', 4e12 + 1]],
    /expiry 4000000000000 /,
  ],
  ['another database', [['SET', 'a', 1]], [['MOVE', 'a', 9]], /^db 0 key "a": only in the source$/],
  ['an entry too many', GROUP, [['XADD', 'stream', '1-3', 'f', 'v']], /stream values differ/],
  ['a missing group', GROUP, [['XGROUP', 'DESTROY', 'stream', 'g']], /stream state/],
  ['an empty consumer', GROUP, [['XGROUP', 'CREATECONSUMER', 'stream', 'g', 'c']], /stream state/],
  ['a pending entry', GROUP, [['XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 'stream', '>']], /stream state/],
  ["a stream's last id", GROUP, [['XSETID', 'stream', '9-9']], /stream state/],
  [
    "a stream's counter",
    GROUP,
    [['XSETID', 'stream', '1-2', 'ENTRIESADDED', 9, 'MAXDELETEDID', '0-0']],
    /stream/,
  ],
  ['a missing function', [['FUNCTION', 'LOAD', FUNCTION]], [['FUNCTION', 'FLUSH']], /^functions: /],
  [
    'a key of binary bytes',
    [],
    [['SET', Buffer.from([0, 10, 255]), 1]],
    /key "\\u0000\\nÿ": only in the target/,
  ],
];

describe('compare', () => {
  let source: RedisServer;
  let target: RedisServer;
  beforeAll(async () => {
    [source, target] = await Promise.all([RedisServer.start(), RedisServer.start()]);
  });
  afterAll(() => Promise.all([source.stop(), target.stop()]));
  beforeEach(async () => {
    for (const server of [source, target]) await server.pipeline([['FLUSHALL'], ['FUNCTION', 'FLUSH']]);
  });

  it.each(CASES)('finds %s', async (_name, both, onlyTarget, line) => {
    await Promise.all([source.pipeline(both), target.pipeline(both)]);
    expect(await compare(source, target)).toEqual([]);
    await target.pipeline(onlyTarget);
    const differences = await compare(source, target);
    expect(differences[0]).toMatch(line);
  });

  it('does not mind encodings', async () => {
    const members = Array.from({ length: 600 }, (_, i) => [String(i), `m${i}`]).flat();
    await source.pipeline([
      ['ZADD', 'z', ...members],
      ['SADD', 's', 1, 2, 3, 'x'],
      ['HSET', 'h', 'f', 'v'],
    ]);
    await target.call('CONFIG', 'SET', 'zset-max-listpack-entries', 1000);
    await target.pipeline([
      ['ZADD', 'z', ...members],
      ['SADD', 's', 'x', 3, 2, 1],
      ['HSET', 'h', 'f', 'v'],
    ]);
    const encodings = await Promise.all(
      [source, target].map((server) => server.text('OBJECT', 'ENCODING', 'z')),
    );
    expect(encodings).toEqual(['skiplist', 'listpack']);
    expect(await compare(source, target)).toEqual([]);
  });

  it('goes through more keys than one SCAN returns, and keeps to its limit', async () => {
    const commands = Array.from({ length: 12_000 }, (_, i) => ['SET', `key:${i}`, i]);
    await Promise.all([source.pipeline(commands), target.pipeline(commands)]);
    expect(await compare(source, target)).toEqual([]);
    await target.call('DEL', 'key:7777');
    expect(await compare(source, target)).toEqual(['db 0 key "key:7777": only in the source']);
    await target.call('FLUSHALL');
    expect(await compare(source, target, { limit: 3 })).toHaveLength(3);
  });

  it("compares a group's counters when told to", async () => {
    for (const server of [source, target]) await server.pipeline(GROUP);
    await target.call('XGROUP', 'SETID', 'stream', 'g', '0', 'ENTRIESREAD', 2);
    expect(await compare(source, target)).toEqual([]);
    expect(await compare(source, target, { groupCounters: true })).toHaveLength(1);
  });

  it('leaves out what it is told to, and expiries within the tolerance', async () => {
    await target.call('SET', 'naru:checkpoint:job', 1);
    await source.call('SET', 'a', 1, 'PXAT', 4e12);
    await target.call('SET', 'a', 1, 'PXAT', 4e12 + 5);
    expect(await compare(source, target, { ttlToleranceMs: 5 })).toEqual([]);
    expect(await compare(source, target, { ttlToleranceMs: 5, ignore: () => false })).toHaveLength(1);
    expect(await compare(source, target, { ttlToleranceMs: 4 })).toHaveLength(1);
  });
});

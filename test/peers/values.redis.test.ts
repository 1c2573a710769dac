/** Rows 1 to 4: what other tools merge, round, forget or die of. */
import { afterEach, describe, expect, it } from 'vitest';
import { compare } from '../support/compare.ts';
import { Random } from '../support/random.ts';
import { ReplyError } from '../support/reply-parser.ts';
import type { Arg } from '../support/resp-client.ts';
import { Pair, WAYS } from './pair.ts';

let pair: Pair;
afterEach(() => pair.stop());

/** Large enough to be copied in parts. */
const LARGE = 4000;
const PARTS = ['--big-key-size', '16KiB'];

async function fill(server: Pair['source'], commands: readonly Arg[][]): Promise<void> {
  const failed = (await server.pipeline(commands)).find((reply) => reply instanceof ReplyError);
  if (failed) throw failed;
}

describe.each(WAYS)('naru %s, row 1: an existing collection is never appended to or merged with', (way) => {
  const elements = (of: string, count: number): string[] =>
    Array.from({ length: count }, (_, i) => `element ${i} of the ${of}`);
  const collections = (of: string, count: number): Arg[][] => [
    ['RPUSH', 'list', ...elements(of, count)],
    ['SADD', 'set', ...elements(of, count)],
    ['HSET', 'hash', ...elements(of, count).flatMap((element) => [element, 'v'])],
    ['ZADD', 'zset', ...elements(of, count).flatMap((element, i) => [i, element])],
    ...elements(of, Math.min(count, 500)).map((element, i) => ['XADD', 'stream', `${i + 1}-1`, 'f', element]),
  ];

  it.each([
    ['small', 3],
    ['large', LARGE],
  ])('overwrite, %s: what was there is gone', async (_size, count) => {
    pair = await Pair.start();
    await fill(pair.source, collections('source', count));
    await fill(pair.target, collections('target', 5));
    const naru = await pair.copy(way, ['--on-conflict', 'overwrite', ...PARTS]);
    expect(naru.exit?.code, naru.stderr).toBe(0);
    expect(await compare(pair.source, pair.target)).toEqual([]);
  });

  it.each([
    ['small', 3],
    ['large', LARGE],
  ])('skip, %s: what was there stays as it was', async (_size, count) => {
    pair = await Pair.start();
    await fill(pair.source, collections('source', count));
    await fill(pair.target, collections('target', 5));
    const before = await pair.target.digest();
    const naru = await pair.copy(way, ['--on-conflict', 'skip', ...PARTS]);
    expect(naru.exit?.code, naru.stderr).toBe(0);
    expect(naru.eventsOf('done')[0]).toMatchObject({ keys: 0, skipped: 5 });
    expect(await pair.target.digest()).toBe(before);
  });

  it.each([
    ['small', 3],
    ['large', LARGE],
  ])('fail, %s: ends with the first one, which is not touched', async (_size, count) => {
    pair = await Pair.start();
    await fill(pair.source, collections('source', count));
    await fill(pair.target, collections('target', 5));
    const before = await pair.target.digest();
    const naru = await pair.copy(way, ['--on-conflict', 'fail', ...PARTS]);
    expect(naru.exit?.code).toBe(1);
    expect(naru.eventsOf('error').at(-1)).toMatchObject({ code: 'KEY_EXISTS' });
    expect(await pair.target.digest()).toBe(before);
  });
});

describe.each(WAYS)('naru %s, row 2: no score loses a bit', (way) => {
  const random = new Random(2);
  const bits = (): number => {
    const score = random.bytes(8).readDoubleLE();
    return Number.isNaN(score) ? 0.1 : score;
  };
  const SCORES = [
    'inf',
    '-inf',
    '-0.0',
    '0',
    '5e-324',
    '1e-300',
    '1.7976931348623157e308',
    '0.1',
    '0.30000000000000004',
  ];
  const all = [
    ...SCORES,
    '123456789.123456789',
    '9007199254740993',
    ...random.times(200, () => String(bits())),
  ];
  /** What Redis says of a score reads back as the same double; -0 and 0 are told apart. */
  const scoresOf = async (server: Pair['source'], key: string): Promise<Map<string, number>> => {
    const flat = (await server.call('ZRANGE', key, 0, -1, 'WITHSCORES')) as Buffer[];
    const pairs = Array.from({ length: flat.length / 2 }, (_, i) => [
      String(flat[2 * i]),
      String(flat[2 * i + 1]),
    ]);
    return new Map(
      pairs.map(([member, score]) => [
        member as string,
        Number((score as string).replace('inf', 'Infinity')),
      ]),
    );
  };

  it('in a listpack, in a skiplist, in parts, and by commands', async () => {
    pair = await Pair.start();
    const members = (scores: readonly string[]): Arg[] =>
      scores.flatMap((score, i) => [score, `member ${i}`]);
    await fill(pair.source, [
      ['ZADD', 'small', ...members(all.slice(0, 60))],
      ['ZADD', 'skiplist', ...members(all)],
      [
        'ZADD',
        'parts',
        ...random.times(LARGE, (i) => [String(bits()), `member ${i} ${'x'.repeat(20)}`]).flat(),
      ],
    ]);
    const naru = await pair.copy(way, PARTS);
    expect(naru.exit?.code, naru.stderr).toBe(0);
    for (const key of ['small', 'skiplist', 'parts']) {
      const [source, target] = [await scoresOf(pair.source, key), await scoresOf(pair.target, key)];
      expect(source.size).toBeGreaterThan(50);
      for (const [member, score] of source)
        expect(Object.is(target.get(member), score), `${key} ${score}`).toBe(true);
      expect(target.size).toBe(source.size);
    }
    expect(await compare(pair.source, pair.target)).toEqual([]);
  });
});

describe.each(WAYS)('naru %s, row 3: nothing of a stream is forgotten', (way) => {
  it.each([
    ['small', 12],
    ['in parts', 1000],
  ])('%s: counters, deleted ids, empty consumers, pending entries without a message', async (_size, count) => {
    pair = await Pair.start();
    const add = Array.from({ length: count }, (_, i): Arg[] => [
      'XADD',
      's',
      `${i + 1}-1`,
      'field',
      `value ${i} ${'x'.repeat(30)}`,
    ]);
    await fill(pair.source, [
      ...add,
      ['XGROUP', 'CREATE', 's', 'read', '0'],
      ['XGROUP', 'CREATE', 's', 'behind', '3-1', 'ENTRIESREAD', 3],
      ['XGROUP', 'CREATE', 's', 'unknown', '5-0'],
      ['XGROUP', 'CREATECONSUMER', 's', 'read', 'idle'],
      ['XREADGROUP', 'GROUP', 'read', 'busy', 'COUNT', 8, 'STREAMS', 's', '>'],
      ['XREADGROUP', 'GROUP', 'read', 'other', 'COUNT', 2, 'STREAMS', 's', '>'],
      ['XCLAIM', 's', 'read', 'other', 0, '2-1', 'RETRYCOUNT', 7, 'TIME', 1_700_000_000_123],
      ['XACK', 's', 'read', '1-1'],
      // Pending, and gone; and the newest one, so that the last id is not that of an entry.
      ['XDEL', 's', '4-1', `${count}-1`],
      ['XADD', 'empty', '7-7', 'f', 'v'],
      ['XGROUP', 'CREATE', 'empty', 'g', '$'],
      ['XDEL', 'empty', '7-7'],
    ]);
    const naru = await pair.copy(way, PARTS);
    expect(naru.exit?.code, naru.stderr).toBe(0);
    expect(await compare(pair.source, pair.target, { groupCounters: true })).toEqual([]);
    const info = JSON.stringify(await pair.target.call('XINFO', 'STREAM', 's', 'FULL'), (_, value) =>
      value?.type === 'Buffer' ? Buffer.from(value.data).toString() : value,
    );
    expect(info).toContain(`"entries-added",${count}`);
    expect(info).toContain(`"max-deleted-entry-id","${count}-1"`);
    expect(info).toContain('["name","idle"');
    const claimed = (await pair.target.call('XPENDING', 's', 'read', '2-1', '2-1', 1)) as unknown[][];
    expect(String(claimed[0]?.[1])).toBe('other');
    expect(claimed[0]?.[3]).toBe(7);
    const gone = (await pair.target.call('XPENDING', 's', 'read', '4-1', '4-1', 1)) as unknown[][];
    expect(gone).toHaveLength(1);
    expect(await pair.target.call('XLEN', 'empty')).toBe(0);
  });
});

describe.each(WAYS)('naru %s, row 4: a function library does not end the run', (way) => {
  const library = (name: string): Arg[] => [
    'FUNCTION',
    'LOAD',
    `#!lua name=${name}\nredis.register_function('${name}_f', function() return '${name}' end)`,
  ];

  it('is copied, and works', async () => {
    pair = await Pair.start();
    await fill(pair.source, [library('one'), library('two'), ['SET', 'k', 'v']]);
    const naru = await pair.copy(way);
    expect(naru.exit?.code, naru.stderr).toBe(0);
    expect(await pair.target.text('FCALL', 'two_f', 0)).toBe('two');
    expect(await compare(pair.source, pair.target)).toEqual([]);
  });

  it('is left out with --functions skip, and the keys are not', async () => {
    pair = await Pair.start();
    await fill(pair.source, [library('one'), ['SET', 'k', 'v']]);
    const naru = await pair.copy(way, ['--functions', 'skip']);
    expect(naru.exit?.code, naru.stderr).toBe(0);
    expect(await pair.target.call('FUNCTION', 'LIST')).toEqual([]);
    expect(await pair.target.text('GET', 'k')).toBe('v');
  });
});

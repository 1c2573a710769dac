/** A target that is older than the source: what its commands can not do is copied again. Servers of the cache; what is not there is skipped. */
import { afterEach, describe, expect, it } from 'vitest';
import { acknowledgeGone } from '../matrix/gone-messages.ts';
import { removeIdleConsumers } from '../matrix/idle-consumers.ts';
import { Rig, tallied, tally, tallyOf } from '../recovery/rig.ts';
import { acknowledged } from '../support/acknowledged.ts';
import { compare } from '../support/compare.ts';
import type { Naru } from '../support/naru.ts';
import { HoldAfterBytes, Reject } from '../support/proxy.ts';
import { Random } from '../support/random.ts';
import type { RedisServer } from '../support/redis-server.ts';
import { ReplyError } from '../support/reply-parser.ts';
import type { Arg } from '../support/resp-client.ts';
import { cachedServers } from '../support/servers.ts';
import { until } from '../support/until.ts';
import { Writer } from '../support/writers.ts';

let rig: Rig | undefined;
afterEach(async () => {
  await rig?.stop();
  rig = undefined;
});

const binaryOf = (name: string): string | undefined =>
  cachedServers().find((server) => server.name === name)?.binary;
const old = binaryOf('redis-6.0');
const newest = binaryOf('redis-8-newest') ?? binaryOf('redis-8.0');

async function started(options: { from?: string | undefined; to: string }): Promise<Rig> {
  rig = await Rig.start({
    ...(options.from === undefined ? {} : { sourceBinary: options.from }),
    targetBinary: options.to,
  });
  return rig;
}

/** Runs them on one connection; none may fail. */
async function run({ source }: Rig, commands: Arg[][]): Promise<void> {
  const client = await source.connect();
  try {
    const failed = (await client.pipeline(commands)).findIndex((reply) => reply instanceof ReplyError);
    expect(commands[failed]?.join(' ')).toBeUndefined();
  } finally {
    client.close();
  }
}

/** The same, so that all of them arrive at Naru at once: what the first ones write is held when the next ones come. */
async function runAtOnce(rig: Rig, commands: Arg[][]): Promise<void> {
  rig.toSource.pause();
  await run(rig, commands);
  rig.toSource.resume();
}

/** What a plain replica of the older version could not be equal in. */
const unsharedStreamFields = [
  'max-deleted-entry-id',
  'entries-added',
  'recorded-first-entry-id',
  'pids-tracked',
  'iids-tracked',
  'iids-added',
  'iids-duplicates',
  'idmp-duration',
  'idmp-maxsize',
];

/** The digest of a hash counts fields that expire as others, so that `timed` is left out: it is compared by its fields. */
async function differences({ source, target }: Rig): Promise<string[]> {
  const ignore = (_db: number, key: Buffer): boolean => key.toString() === 'timed';
  const found = await compare(source, target, { ignore, unsharedStreamFields });
  const [a, b] = await Promise.all([source, target].map((server) => server.text('HGETALL', 'timed')));
  if (a !== b) found.push(`timed: ${a} in the source, ${b} in the target`);
  // The older server has no place for them.
  return found.filter((line) => !line.startsWith('functions:'));
}

/** While the run goes on. */
async function differencesNow(rig: Rig): Promise<string[]> {
  return (await differences(rig)).filter((line) => !line.includes('"naru:checkpoint:'));
}

/** What the source has written up to now is in the target, but for keys that wait to be copied again. */
async function arrived({ source, target }: Rig): Promise<void> {
  const mark = String(Math.random());
  await source.call('SET', 'mark', mark);
  await until('the mark is in the target', async () => (await target.text('GET', 'mark')) === mark);
}

/** All that the source wrote has arrived, the run is stopped, and both hold the same. */
async function expectEqualAfterStop(rig: Rig, naru: Naru): Promise<{ recopied: number }> {
  await acknowledged(naru, rig.source);
  expect((await naru.stop()).code, naru.stdout.slice(-2000)).toBe(0);
  expect(await differences(rig)).toEqual([]);
  return { recopied: Number(naru.eventsOf('done').at(-1)?.recopied) };
}

/** What was told of commands that the target refused before they were copied. */
const toldCopied = (naru: Naru): string[] =>
  naru.eventsOf('warning').flatMap(({ code, message }) => (code === 'COMMAND_COPIED' ? [message] : []));

/** Naru can ask the source for nothing, until `hears`; its stream goes on. */
async function mute({ source, toSource }: Rig): Promise<void> {
  toSource.use(Reject);
  await source.call('CLIENT', 'KILL', 'TYPE', 'normal');
}

function hears({ toSource }: Rig): void {
  toSource.use(undefined);
}

/** Naru has asked the source for values since the last call. */
async function asked({ source }: Rig): Promise<void> {
  await until('a question to the source', async () =>
    (await source.info('commandstats')).has('cmdstat_dump'),
  );
  await source.call('CONFIG', 'RESETSTAT');
}

const lists = async (server: RedisServer): Promise<string> =>
  String(await server.pipeline(['list', 'other'].map((key) => ['LRANGE', key, 0, -1])));

/** Keys that the commands below begin with. */
const SEED: Arg[][] = [
  ['RPUSH', 'list', 'a', 'b', 'c', 'd'],
  ['RPUSH', 'other', 'x', 'y'],
  ['ZADD', 'zset', 1, 'a', 2, 'b', 3, 'c'],
  ['SADD', 'set', 'a', 'b', 'c'],
  ['SADD', 'set2', 'b', 'c', 'd'],
  ['SET', 'text', 'v', 'EX', 10_000],
  ['HSET', 'hash', 'f', 'v', 'g', 'w', 'h', 'x'],
  ['GEOADD', 'geo', 13.36, 38.11, 'p', 15.08, 37.5, 'c'],
  ['XADD', 'stream', '1-1', 'f', 'v'],
  ['XADD', 'stream', '2-1', 'f', 'v'],
  ['XGROUP', 'CREATE', 'stream', 'g', '0'],
  ['XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 'stream', '>'],
];

/** Redis 6.0 does not know these commands, or not these options. */
const NEW_IN_7: [string, Arg[][]][] = [
  ['LMOVE', [['LMOVE', 'list', 'other', 'LEFT', 'RIGHT']]],
  ['BLMOVE', [['BLMOVE', 'list', 'other', 'LEFT', 'RIGHT', 1]]],
  [
    'LPOP and RPOP with a count',
    [
      ['LPOP', 'list', 2],
      ['RPOP', 'other', 5],
    ],
  ],
  ['LMPOP', [['LMPOP', 2, 'none', 'list', 'LEFT', 'COUNT', 2]]],
  ['ZRANGESTORE', [['ZRANGESTORE', 'copy', 'zset', 0, 1]]],
  ['ZDIFFSTORE', [['ZDIFFSTORE', 'copy', 2, 'zset', 'none']]],
  ['ZMPOP', [['ZMPOP', 1, 'zset', 'MIN', 'COUNT', 2]]],
  [
    'ZADD GT and LT',
    [
      ['ZADD', 'zset', 'GT', 9, 'a'],
      ['ZADD', 'zset', 'LT', 9, 'b'],
    ],
  ],
  ['GEOSEARCHSTORE', [['GEOSEARCHSTORE', 'near', 'geo', 'FROMLONLAT', 15, 37, 'BYRADIUS', 200, 'km']]],
  [
    'GETEX and GETDEL',
    [
      ['GETEX', 'text', 'EX', 500],
      ['GETEX', 'text', 'PERSIST'],
      ['GETDEL', 'text'],
    ],
  ],
  [
    'SET with KEEPTTL and GET',
    [
      ['SET', 'text', 'w', 'KEEPTTL'],
      ['SET', 'text', 'x', 'KEEPTTL', 'GET'],
    ],
  ],
  [
    'SET with EXAT and PXAT',
    [
      ['SET', 'text', 'w', 'EXAT', 4_000_000_000],
      ['SET', 'other text', 'w', 'PXAT', '4000000000000'],
    ],
  ],
  [
    'EXPIRE NX, GT and LT',
    [
      ['EXPIRE', 'list', 900, 'NX'],
      ['EXPIRE', 'text', 90_000, 'GT'],
      ['EXPIRE', 'text', 80_000, 'LT'],
    ],
  ],
  [
    'XADD NOMKSTREAM and MINID',
    [
      ['XADD', 'stream', 'NOMKSTREAM', '*', 'f', 'v'],
      ['XADD', 'stream', 'MINID', '2-0', '*', 'f', 'v'],
    ],
  ],
  ['XTRIM MINID', [['XTRIM', 'stream', 'MINID', '2-0']]],
  ['XAUTOCLAIM', [['XAUTOCLAIM', 'stream', 'g', 'd', 0, '0-0']]],
  ['XGROUP CREATECONSUMER', [['XGROUP', 'CREATECONSUMER', 'stream', 'g', 'e']]],
  ['XSETID with counters', [['XSETID', 'stream', '9-9', 'ENTRIESADDED', 20, 'MAXDELETEDID', '1-1']]],
  ['COPY', [['COPY', 'list', 'copy']]],
  [
    'COPY across databases',
    [
      ['COPY', 'list', 'copy', 'DB', 3],
      ['SELECT', 3],
      ['RPUSH', 'copy', 'more'],
      ['SELECT', 0],
    ],
  ],
  [
    'a transaction with known and unknown commands',
    [
      ['MULTI'],
      ['INCR', 'n'],
      ['LMOVE', 'list', 'other', 'LEFT', 'LEFT'],
      ['RPUSH', 'other', 'z'],
      ['INCR', 'n'],
      ['EXEC'],
      ['INCR', 'n'],
    ],
  ],
];

/** Redis 7.0 does not know these. */
const NEW_IN_8: [string, Arg[][]][] = [
  ['HGETDEL', [['HGETDEL', 'timed', 'FIELDS', 2, 'f', 'none']]],
  [
    'HEXPIRE that is over at once',
    [
      ['HPEXPIRE', 'timed', 0, 'FIELDS', 1, 'f'],
      ['HSET', 'timed', 'f', 'anew'],
    ],
  ],
  [
    'HEXPIRE: the field stays',
    [
      ['HEXPIRE', 'timed', 10_000, 'FIELDS', 1, 'f'],
      ['HINCRBY', 'timed', 'n', 1],
    ],
  ],
  ['HSETEX', [['HSETEX', 'timed', 'EX', 10_000, 'FIELDS', 1, 'k', 'v']]],
  [
    'HGETEX',
    [
      ['HGETEX', 'timed', 'EX', 10_000, 'FIELDS', 2, 'f', 'g'],
      ['HGETEX', 'timed', 'PERSIST', 'FIELDS', 1, 'f'],
      ['HSET', 'timed', 'f', 'anew'],
    ],
  ],
];

/** What comes to keys that are held: their own changes, and what is made out of them. LMOVE holds `list` and `other`. */
const HOLD: Arg[] = ['LMOVE', 'list', 'other', 'LEFT', 'RIGHT'];
const WHILE_HELD: [string, Arg[][]][] = [
  ['a known command', [HOLD, ['RPUSH', 'list', 'e'], ['LSET', 'other', 0, 'changed']]],
  ['an expiry', [HOLD, ['PEXPIRE', 'list', 5_000_000], ['PEXPIRE', 'other', 1]]],
  ['RENAME', [HOLD, ['RENAME', 'list', 'renamed'], ['RPUSH', 'renamed', 'e']]],
  ['RENAME onto it', [HOLD, ['RPUSH', 'fresh', 'e'], ['RENAME', 'fresh', 'list'], ['RPUSH', 'list', 'f']]],
  ['MOVE', [HOLD, ['MOVE', 'list', 2], ['SELECT', 2], ['RPUSH', 'list', 'e'], ['SELECT', 0]]],
  ['COPY', [HOLD, ['COPY', 'list', 'copy'], ['COPY', 'other', 'copy', 'DB', 2]]],
  [
    'SUNIONSTORE of what is derived',
    [
      ['SMISMEMBER', 'set', 'a'],
      ['COPY', 'set', 'derived'],
      ['SUNIONSTORE', 'union', 'derived', 'set2'],
      ['SADD', 'union', 'q'],
    ],
  ],
  [
    'SORT STORE',
    [HOLD, ['SORT', 'list', 'ALPHA', 'STORE', 'sorted'], ['SORT', 'set', 'ALPHA', 'STORE', 'list']],
  ],
  [
    'SORT BY a held key',
    [
      ['SET', 'weight_a', 9],
      ['COPY', 'weight_a', 'weight_b'],
      ['SORT', 'set', 'BY', 'weight_*', 'STORE', 'sorted'],
    ],
  ],
  ['DEL', [HOLD, ['DEL', 'list'], ['UNLINK', 'other']]],
  ['DEL and anew', [HOLD, ['DEL', 'list'], ['SET', 'list', 'text'], ['APPEND', 'list', 'more']]],
  ['FLUSHDB', [HOLD, ['FLUSHDB'], ['RPUSH', 'list', 'z']]],
  ['FLUSHALL', [HOLD, ['FLUSHALL'], ['SET', 'n', 1]]],
  [
    'SWAPDB',
    [
      ['SELECT', 1],
      ['SET', 'here', 1],
      ['SELECT', 0],
      HOLD,
      ['SWAPDB', 0, 1],
      ['SELECT', 1],
      ['RPUSH', 'list', 'q'],
      ['SELECT', 0],
      ['SET', 'list', 1],
    ],
  ],
  [
    'a script',
    [HOLD, ['EVAL', "redis.call('RPUSH', KEYS[1], redis.call('LPOP', KEYS[2]))", 2, 'made', 'list']],
  ],
  [
    'a large command',
    [HOLD, ['RPUSH', 'list', 'x'.repeat(1_500_000)], ['SET', 'big', 'y'.repeat(1_500_000)]],
  ],
  ['a large known command made of it', [HOLD, ['MSET', 'big', 'y'.repeat(1_500_000), 'list', 'text']]],
];

describe.skipIf(old === undefined)('from 7.0 to 6.0', () => {
  const to = old as string;

  it('each command that is not known there', async () => {
    const rig = await started({ to });
    const naru = rig.naru();
    await naru.untilEvent('synced');
    for (const [name, commands] of NEW_IN_7) {
      await run(rig, [['FLUSHALL'], ...SEED]);
      await acknowledged(naru, rig.source);
      await run(rig, commands);
      await acknowledged(naru, rig.source);
      expect([name, ...(await differencesNow(rig))]).toEqual([name]);
    }
    await expectEqualAfterStop(rig, naru);
    expect(toldCopied(naru)).toEqual([]);
  });

  it('what is refused for an option does not bring the plain command into disrepute', async () => {
    const rig = await started({ to });
    await run(rig, SEED);
    const naru = rig.naru();
    await naru.untilEvent('synced');
    for (let round = 0; round < 4; round++) {
      await run(rig, [
        ['SET', 'text', round, 'KEEPTTL', 'GET'],
        ['ZADD', 'zset', 'GT', 10 + round, 'a'],
        ['SET', `plain ${round}`, round],
        ['SET', `plain ${round}`, round, 'XX'],
        ['ZADD', 'plain', round, 'm'],
      ]);
    }
    const { recopied } = await expectEqualAfterStop(rig, naru);
    expect(recopied).toBeLessThanOrEqual(8);
    expect(toldCopied(naru)).toEqual([]);
  });

  it('a value larger than --big-key-size is held and written in parts', async () => {
    const rig = await started({ to });
    const members = Array.from({ length: 20_000 }, (_, i) => [i, `member ${i}`]).flat();
    await run(rig, [
      ['ZADD', 'large', ...members],
      ['PEXPIREAT', 'large', '4000000000000'],
      ['SET', 'text', 'x'.repeat(300_000)],
    ]);
    const naru = rig.naru(['--big-key-size', '64KiB']);
    await naru.untilEvent('synced');
    await runAtOnce(rig, [
      ['ZADD', 'large', 'GT', 1e9, 'member 1'],
      ['ZADD', 'large', 3, 'more'],
      ['COPY', 'text', 'copy'],
      ['APPEND', 'copy', 'y'],
      ['ZRANGESTORE', 'other', 'large', 0, -1],
    ]);
    expect((await expectEqualAfterStop(rig, naru)).recopied).toBe(2);
  });

  it('a key that never rests, and is copied again and again', async () => {
    const rig = await started({ to });
    const naru = rig.naru();
    await naru.untilEvent('synced');
    const counted = tally();
    const client = await rig.source.connect();
    for (let round = 0; round < 1000; round++) {
      await client.pipeline([
        ['SELECT', 0],
        ['ZADD', 'hot', 'GT', round, 'm'],
        ...Array.from({ length: 30 }, () => ['ZINCRBY', 'hot', 1, 'n']),
        ['LPUSH', 'queue', round],
        ['LMOVE', 'queue', 'done', 'LEFT', 'RIGHT'],
        ...counted.extra(new Random(round)),
      ]);
    }
    client.close();
    const { recopied } = await expectEqualAfterStop(rig, naru);
    expect(recopied).toBeGreaterThan(2);
    expect(await tallied(rig.target)).toEqual(tallyOf(counted.count));
  });

  it('a target that is cut off again and again: nothing is missing and nothing is doubled', async () => {
    const rig = await started({ to });
    const counted = tally();
    const writer = new Writer(rig.source, { seed: 31, rate: 2000, extra: counted.extra });
    await writer.start();
    const naru = rig.naru(['--big-key-size', '64KiB', '--lossy']);
    await naru.untilEvent('snapshot_done');
    const random = new Random(31);
    for (let cut = 0; cut < 12; cut++) await rig.cutTarget(random, 50_000);
    await writer.stop();
    // A key that waits to be copied again would not be there yet.
    await acknowledged(naru, rig.source);
    // In these any two servers on both sides of 6.2 and of 7 differ.
    await Promise.all([rig.source, rig.target].map(acknowledgeGone));
    await Promise.all([rig.source, rig.target].map(removeIdleConsumers));
    const { recopied } = await expectEqualAfterStop(rig, naru);
    expect(recopied).toBeGreaterThan(10);
    expect(await tallied(rig.target)).toEqual(tallyOf(counted.count));
  });

  it('a target that breaks while the value is on its way: it is written after all', async () => {
    const rig = await started({ to });
    await run(rig, SEED);
    const naru = rig.naru();
    await naru.untilEvent('synced');
    for (let round = 0; round < 5; round++) {
      // The source rests: the value is true for where the stream stands already.
      const before = rig.toTarget.passed['to-server'];
      rig.toTarget.pause();
      await run(rig, [
        ['LMOVE', 'list', 'other', 'LEFT', 'RIGHT'],
        ['RPUSH', 'list', round],
      ]);
      await asked(rig);
      expect(rig.toTarget.passed['to-server']).toBe(before);
      const connections = rig.toTarget.accepted;
      rig.toTarget.cut();
      rig.toTarget.resume();
      await until('a new connection', async () => rig.toTarget.accepted > connections);
      await until('the value', async () => (await lists(rig.target)) === (await lists(rig.source)));
    }
    await expectEqualAfterStop(rig, naru);
  });

  it('a target that is killed while keys are held has them right afterwards', async () => {
    rig = await Rig.start({ targetBinary: to, target: { appendonly: 'yes', appendfsync: 'always' } });
    const { source, target } = rig;
    await run(rig, SEED);
    const naru = rig.naru();
    await naru.untilEvent('synced');
    for (let round = 1; round <= 3; round++) {
      await mute(rig);
      await run(rig, [['INCR', 'n'], HOLD, ['RPUSH', 'list', `round ${round}`], ['INCR', 'n']]);
      await until('all but the keys', async () => (await target.text('GET', 'n')) === String(round * 2));
      expect(await target.call('LLEN', 'other')).toBe(round + 1);
      await target.kill('SIGKILL');
      await target.restart();
      hears(rig);
      await until('the values', async () => (await lists(target)) === (await lists(source)));
    }
    await expectEqualAfterStop(rig, naru);
  });

  it('--until-synced does not end before the keys that are held are written', async () => {
    const rig = await started({ to });
    await run(rig, [
      ...SEED,
      ...Array.from({ length: 400 }, (_, i) => ['SET', `pad ${i}`, 'x'.repeat(10_000)]),
    ]);
    // What is read takes its time, so that all else is there long before.
    await run(rig, [['RPUSH', 'list', ...Array.from({ length: 300 }, (_, i) => `${i}`.repeat(3000))]]);
    rig.toTarget.use(HoldAfterBytes(500_000, 'to-server'));
    const naru = rig.naru(['--until-synced', '--in-flight', '64KiB']);
    await until('the snapshot is with Naru', async () =>
      /state=online/.test((await rig.source.info('replication')).get('slave0') ?? ''),
    );
    expect(naru.eventsOf('snapshot_done')).toEqual([]);
    await run(rig, [['INCR', 'n'], HOLD, ['INCR', 'n']]);
    rig.toTarget.use(undefined);
    expect((await naru.exited).code, naru.stdout.slice(-2000)).toBe(0);
    expect(naru.eventsOf('done').at(-1)?.recopied).toBe(2);
    expect(await differences(rig)).toEqual([]);
  });

  it('SIGTERM while the source is asked: the run ends with the key as it is there', async () => {
    const rig = await started({ to });
    await run(rig, SEED);
    const naru = rig.naru(['--progress-interval', '50ms', '--drain-timeout', '120s']);
    const { offset } = await naru.untilEvent('synced');
    await mute(rig);
    await run(rig, [['INCR', 'n'], HOLD, ['INCR', 'n']]);
    await until('all but the keys', async () => (await rig.target.text('GET', 'n')) === '2');
    expect(await rig.target.call('LLEN', 'other')).toBe(2);
    naru.kill('SIGTERM');
    await naru.untilEvent('progress', ({ phase }) => phase === 'draining');
    hears(rig);
    expect((await naru.exited).code, naru.stdout.slice(-2000)).toBe(0);
    expect(naru.eventsOf('done').at(-1)).toMatchObject({ recopied: 2, lagBytes: 0 });
    expect(naru.eventsOf('done').at(-1)?.offset).toBeGreaterThan(offset);
    expect(await differences(rig)).toEqual([]);
  });

  it('a command that the target refuses: told, and its keys are copied', async () => {
    const rig = await started({ to });
    await run(rig, SEED);
    const naru = rig.naru();
    await naru.untilEvent('synced');
    await rig.target.pipeline([
      ['SET', 'list', 'somebody else'],
      ['DEL', 'hash'],
      ['SET', 'hash', 1],
    ]);
    await runAtOnce(rig, [
      ['INCR', 'n'],
      ['RPUSH', 'list', 'e'],
      ['RPOPLPUSH', 'list', 'other'],
      ['MULTI'],
      ['INCR', 'n'],
      ['HSET', 'hash', 'k', 'v'],
      ['LPUSH', 'list', 'first'],
      ['APPEND', 'text', 'more'],
      ['EXEC'],
      ['APPEND', 'text', 'and more'],
    ]);
    await expectEqualAfterStop(rig, naru);
    const copied = naru.eventsOf('warning').filter(({ code }) => code === 'COMMAND_COPIED');
    expect(
      copied.map(({ message }) => /\((\w+) of (\w+)\)/.exec(message)?.slice(1).join(' ')).sort(),
    ).toEqual(['HSET hash', 'LPUSH list', 'RPOPLPUSH list', 'RPUSH list']);
  });

  it('the target is cut off while a refused command is looked for', async () => {
    const rig = await started({ to });
    await run(rig, SEED);
    const naru = rig.naru();
    await naru.untilEvent('synced');
    const counted = tally();
    const random = new Random(5);
    let looked = 0;
    for (let round = 0; round < 6; round++) {
      await rig.target.pipeline([
        ['DEL', 'list'],
        ['SET', 'list', 'somebody else'],
      ]);
      const before = rig.toTarget.accepted;
      await runAtOnce(rig, [
        ...counted.extra(random),
        ['SELECT', 0],
        [random.pick(['RPUSH', 'LPUSH', 'RPUSHX', 'LPUSHX']), 'list', round],
        ['SMISMEMBER', 'set', 'a'],
        HOLD,
        ...counted.extra(random),
      ]);
      // Where the key is still held from the round before, nothing is refused.
      const equal = async (): Promise<boolean> => (await lists(rig.target)) === (await lists(rig.source));
      await until('the way back to it', async () => rig.toTarget.accepted > before || (await equal()));
      if (rig.toTarget.accepted > before) looked++;
      if (round % 2 === 0) rig.toTarget.cut();
      else rig.toTarget.use({ kind: 'cut-after-bytes', bytes: 500 * round, direction: 'to-server' });
      // What is still to be written would put right what the next round spoils.
      await until('the values', equal);
      await arrived(rig);
    }
    expect(looked).toBeGreaterThan(0);
    rig.toTarget.use(undefined);
    await run(rig, [
      ['SELECT', 0],
      ['RPUSH', 'list', 'last'],
    ]);
    await expectEqualAfterStop(rig, naru);
    expect(await tallied(rig.target)).toEqual(tallyOf(counted.count));
  });

  it('keys of the target are kept: the first command that it does not know ends the run', async () => {
    const rig = await started({ to });
    await run(rig, SEED);
    await rig.target.call('SET', 'own', 1);
    const naru = rig.naru(['--on-conflict', 'skip']);
    await naru.untilEvent('synced');
    await run(rig, [HOLD]);
    expect((await naru.exited).code).toBe(1);
    expect(naru.eventsOf('error').at(-1)).toMatchObject({
      code: 'COMMAND_REFUSED',
      command: 'LMOVE',
      key: 'list',
    });
    expect(await rig.target.text('GET', 'own')).toBe('1');
  });

  it('what comes to keys that are held', async () => {
    const rig = await started({ to });
    const naru = rig.naru(['--progress-interval', '20ms']);
    await naru.untilEvent('synced');
    for (const [name, commands] of WHILE_HELD) {
      await run(rig, [['FLUSHALL'], ...SEED]);
      await acknowledged(naru, rig.source);
      const before = Number(naru.eventsOf('progress').at(-1)?.recopied);
      await runAtOnce(rig, [...commands, ['INCR', 'n']]);
      await acknowledged(naru, rig.source);
      expect([name, ...(await differencesNow(rig))]).toEqual([name]);
      await naru.untilEvent('progress', ({ recopied }) => recopied > before, naru.events.length);
    }
    await expectEqualAfterStop(rig, naru);
  });
});

describe.skipIf(newest === undefined)('from 8 to 7.0', () => {
  it.each(NEW_IN_8)('%s', async (_name, commands) => {
    const rig = await started({ from: newest, to: 'redis-server' });
    await run(rig, [...SEED, ['HSET', 'timed', 'f', 'v', 'g', 'w', 'h', 'x']]);
    const naru = rig.naru(['--lossy']);
    await naru.untilEvent('synced');
    await runAtOnce(rig, [...commands, ['INCR', 'n']]);
    await expectEqualAfterStop(rig, naru);
  });

  it('VADD: what is no value of the target is counted, and what else there is goes on', async () => {
    const rig = await started({ from: newest, to: 'redis-server' });
    await run(rig, SEED);
    const naru = rig.naru(['--lossy']);
    await naru.untilEvent('synced');
    await runAtOnce(rig, [
      ['VADD', 'vectors', 'VALUES', 2, 1, 2, 'm'],
      ['INCR', 'n'],
      ['RENAME', 'vectors', 'moved'],
      ['SET', 'vectors', 'text'],
    ]);
    await arrived(rig);
    expect((await naru.stop()).code, naru.stdout.slice(-2000)).toBe(0);
    const found = await differences(rig);
    expect(found.filter((line) => !/\bmoved\b/.test(line))).toEqual([]);
    expect(Number(naru.eventsOf('done').at(-1)?.lost)).toBeGreaterThan(0);
    expect(await rig.target.call('EXISTS', 'moved')).toBe(0);
    expect(await rig.target.text('GET', 'vectors')).toBe('text');
  });

  it('VADD without --lossy ends the run', async () => {
    const rig = await started({ from: newest, to: 'redis-server' });
    const naru = rig.naru();
    await naru.untilEvent('synced');
    await run(rig, [['VADD', 'vectors', 'VALUES', 2, 1, 2, 'm']]);
    expect((await naru.exited).code).toBe(1);
    expect(naru.eventsOf('error').at(-1)).toMatchObject({ code: 'TARGET_TOO_OLD' });
  });
});

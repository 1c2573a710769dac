/** FLUSHALL and FLUSHDB under rules, inside and outside of transactions: what was migrated goes, and nothing else; counters show what is done twice. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeTempDir } from '../support/cleanup.ts';
import { compare } from '../support/compare.ts';
import { Naru } from '../support/naru.ts';
import { Random } from '../support/random.ts';
import { RedisServer } from '../support/redis-server.ts';
import type { Arg } from '../support/resp-client.ts';
import { until } from '../support/until.ts';
import { applyModel, type Model } from './model.ts';

const CASES: { name: string; args: string[]; model: Model }[] = [
  {
    name: 'whose names tell which keys they are',
    args: [
      '--exclude-prefix',
      'left:',
      '--rename-prefix',
      'kept:=new:',
      '--db-map',
      '1=9',
      '--db-map',
      '9=1',
    ],
    model: ({ db, key }) =>
      key.startsWith('left:') ? undefined : { db: db === 1 ? 9 : db, key: key.replace('kept:', 'new:') },
  },
  {
    name: 'by an expression, and databases that come together',
    args: [
      '--exclude-prefix',
      'left:',
      '--include-db',
      '0,1',
      '--rename-regex',
      '/^kept:0:(\\w+)$/new:$1:zero/',
      '--rename-regex',
      '/^kept:1:(\\w+)$/new:$1:one/',
      '--db-map',
      '1=0',
    ],
    model: ({ key, db }) =>
      key.startsWith('left:') || db > 1
        ? undefined
        : {
            db: 0,
            key: key.replace(/^kept:(\d):(\w+)$/, (_, n, name) => `new:${name}:${['zero', 'one'][n]}`),
          },
  },
];

/** Of a database; the target has keys of these names, too, where they are left out. */
function write(random: Random, db: number): Arg[] {
  const key = `${random.chance(0.7) ? 'kept' : 'left'}:${db}:`;
  const number = random.int(12);
  return random.pick<Arg[]>([
    ['INCR', `${key}n${number}`],
    ['INCR', `${key}n${number}`],
    ['RPUSH', `${key}l${number}`, random.int(100)],
    ['SET', `${key}s${number}`, random.text(8), 'EX', 100_000],
    ['DEL', `${key}n${number}`, `left:${db}:n${number}`],
    ['MSET', `${key}s1`, random.text(5), `left:${db}:s2`, 1, `kept:${db}:s3`, 2],
  ]);
}

function group(random: Random): Arg[][] {
  const db = random.int(2);
  const some = (): Arg[][] => random.times(random.int(5), () => write(random, db));
  const elsewhere = (): Arg[][] => [['SELECT', 1 - db], write(random, 1 - db), ['SELECT', db], ...some()];
  const flush = random.pick<Arg[]>([['FLUSHALL'], ['FLUSHDB'], ['FLUSHALL', 'ASYNC'], ['FLUSHDB', 'SYNC']]);
  const commands = random.pick<() => Arg[][]>([
    () => [...some(), ...some()],
    () => [['MULTI'], ...some(), ['EXEC']],
    () => (random.chance(0.15) ? [flush, ...some()] : some()),
    () => (random.chance(0.2) ? [['MULTI'], ...elsewhere(), flush, ...some(), ['EXEC']] : some()),
    () =>
      random.chance(0.1) ? [['MULTI'], ...some(), flush, ...some(), ['FLUSHDB'], ...some(), ['EXEC']] : [],
    // A script is a transaction of its own.
    () =>
      random.chance(0.1)
        ? [
            [
              'EVAL',
              "redis.call('INCR', KEYS[1]) redis.call('FLUSHDB') redis.call('INCR', KEYS[1])",
              1,
              `kept:${db}:n1`,
            ],
          ]
        : [],
  ])();
  return [['SELECT', db], ...commands];
}

describe('a flush of the source, under rules', () => {
  const temp = makeTempDir();
  let source: RedisServer;
  let target: RedisServer;
  let expected: RedisServer;
  let restored: RedisServer;
  beforeAll(async () => {
    const config = { appendonly: 'yes', 'aof-use-rdb-preamble': 'no', 'auto-aof-rewrite-percentage': '0' };
    source = await RedisServer.start({ config });
    [target, expected, restored] = await Promise.all([
      RedisServer.start(),
      RedisServer.start(),
      RedisServer.start(),
    ]);
  });
  afterAll(async () => {
    for (const server of [source, target, expected, restored]) await server?.stop();
    temp.remove();
  });

  /** What no rule makes. */
  const own = async (server: RedisServer): Promise<void> => {
    await server.pipeline([
      ['FLUSHALL'],
      ['SELECT', 0],
      ['MSET', 'left:own', 1, 'left:0:n1', 'of the target', 'kept:0:n1:no', 2],
      ['SELECT', 9],
      ['SET', 'left:1:n1', 'of the target'],
      ['SELECT', 5],
      ['SET', 'left:own', 3],
    ]);
  };

  it.each(CASES)('$name: sync, where the target is lost on the way, and restore of the AOF', async (one) => {
    const { args, model } = one;
    const random = new Random(args.length);
    // A log of its own for each.
    await source.call('CONFIG', 'SET', 'appendonly', 'no');
    await source.call('FLUSHALL');
    await source.call('CONFIG', 'SET', 'appendonly', 'yes');
    await until('the log is begun', async () => {
      const info = await source.info('persistence');
      return info.get('aof_rewrite_in_progress') === '0' && info.get('aof_rewrite_scheduled') === '0';
    });
    await own(target);
    const ends = ['--from', source.url, '--to', target.url, '--dir', temp.path, '--on-conflict', 'overwrite'];
    const naru = Naru.start(['sync', ...ends, '--json', '--progress-interval', '50ms', ...args]);
    try {
      await naru.untilEvent('synced');
      const client = await source.connect();
      for (let round = 0; round < 40; round++) {
        for (let i = 0; i < 20; i++) await client.pipeline(group(random));
        if (round % 8 === 7) await target.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      }
      for (let i = 0; i < 5; i++) {
        await client.pipeline([['SELECT', i % 2], ...random.times(10, () => write(random, i % 2))]);
      }
      client.close();
      const offset = Number((await source.info('replication')).get('master_repl_offset'));
      await until('everything to be acknowledged', async () => {
        if (naru.exit !== undefined) throw new Error(naru.stdout + naru.stderr);
        const replica = (await source.info('replication')).get('slave0') ?? '';
        return Number(/offset=(\d+)/.exec(replica)?.[1] ?? -1) >= offset;
      });
      expect((await naru.stop()).code, naru.stdout + naru.stderr).toBe(0);
    } finally {
      if (naru.exit === undefined) await naru.stop('SIGKILL');
    }
    await own(expected);
    expect(await applyModel(source, expected, model)).toBeGreaterThan(5);
    expect(await compare(expected, target)).toEqual([]);

    await own(restored);
    const file = ['--from', source.dir, '--to', restored.url, '--on-conflict', 'overwrite'];
    const loaded = await Naru.run(['restore', ...file, '--json', ...args]);
    expect(loaded.exit?.code, loaded.stdout + loaded.stderr).toBe(0);
    expect(await compare(expected, restored)).toEqual([]);
  });
});

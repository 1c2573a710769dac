/** Rules that make one key of two: what the conflict policy decides in the full copy, what is counted, and what becomes of the commands on either key afterwards. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeTempDir } from '../support/cleanup.ts';
import { compare } from '../support/compare.ts';
import { Naru } from '../support/naru.ts';
import { Random } from '../support/random.ts';
import { RedisServer } from '../support/redis-server.ts';
import type { Arg } from '../support/resp-client.ts';
import { until } from '../support/until.ts';

interface Case {
  args: string[];
  /** database and name in the target */
  name(db: number, key: string): [number, string];
}

const CASES: Case[] = [
  { args: ['--rename-prefix', 'a:=b:'], name: (db, key) => [db, key.replace(/^a:/, 'b:')] },
  { args: ['--db-map', '1=0'], name: (_, key) => [0, key] },
  {
    args: ['--rename-regex', '/^[bc]:/x/', '--db-map', '0=3', '--db-map', '1=3'],
    name: (_, key) => [3, key.replace(/^[bc]:/, 'x')],
  },
];

/** One command, its database, and where its keys stand. */
interface Write {
  readonly db: number;
  readonly args: readonly Arg[];
  readonly keys: readonly number[];
}

function writeOf(random: Random): Write {
  const key = (type: string): string => `${random.pick(['a', 'b', 'c'])}:${type}${random.int(6)}`;
  const [keys, args] = random.pick<() => [number[], Arg[]]>([
    () => [[1], ['INCRBY', key('n'), random.int(100)]],
    () => [[1], ['SET', key('n'), random.int(100), ...(random.chance(0.3) ? ['EX', 100_000] : [])]],
    () => [[1], ['RPUSH', key('l'), random.int(100)]],
    () => [[1], ['LPOP', key('l')]],
    () => [[1], ['HSET', key('h'), `f${random.int(4)}`, random.text(3)]],
    () => [[1], ['SADD', key('s'), random.int(9)]],
    () => [[1], ['PERSIST', key('n')]],
    () => [
      [1, 2],
      ['DEL', key('n'), key('l')],
    ],
    () => [
      [1, 3],
      ['MSET', key('n'), 1, key('n'), 2],
    ],
  ])();
  return { db: random.int(2), args, keys };
}

/** The same command, as it has to come to the target. */
function renamed({ db, args, keys }: Write, { name }: Case): Arg[][] {
  const [to] = name(db, '');
  return [['SELECT', to], args.map((arg, i) => (keys.includes(i) ? name(db, String(arg))[1] : arg))];
}

/** By `database name`: what each server's keys hold. */
async function payloads(server: RedisServer, nameOf: Case['name']): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  const client = await server.connect();
  for (const db of [0, 1, 3]) {
    await client.call('SELECT', db);
    for (const key of (await client.call('KEYS', '*')) as Buffer[]) {
      const name = nameOf(db, key.toString()).join(' ');
      const value = `${String(await client.call('DUMP', key))} ${await client.call('PEXPIRETIME', key)}`;
      found.set(name, [...(found.get(name) ?? []), value]);
    }
  }
  client.close();
  return found;
}

describe('rules that make one key of two', () => {
  const temp = makeTempDir();
  let source: RedisServer;
  let target: RedisServer;
  let expected: RedisServer;
  beforeAll(async () => {
    [source, target, expected] = await Promise.all([
      RedisServer.start(),
      RedisServer.start(),
      RedisServer.start(),
    ]);
  });
  afterAll(async () => {
    for (const server of [source, target, expected]) await server?.stop();
    temp.remove();
  });

  it.each(CASES.map((one, i) => [one.args.join(' '), one, i] as const))('%s', async (_, one, i) => {
    const random = new Random(i + 1);
    const policy = i % 2 === 0 ? 'overwrite' : 'skip';
    for (const server of [source, target, expected]) await server.call('FLUSHALL');
    const client = await source.connect();
    for (const { db, args } of random.times(200, () => writeOf(random)))
      await client.pipeline([['SELECT', db], [...args]]);
    const ends = ['--from', source.url, '--to', target.url, '--dir', temp.path, '--json', ...one.args];
    const given = await payloads(source, one.name);
    const keys = [...given.values()].flat().length;
    expect(keys).toBeGreaterThan(given.size);

    const scan = await Naru.run(['scan', ...ends, '--on-conflict', policy]);
    expect(scan.exit?.code, scan.stdout + scan.stderr).toBe(0);
    await oneOfEach(given);
    await target.call('FLUSHALL');

    const naru = Naru.start(['sync', ...ends, '--on-conflict', policy, '--progress-interval', '50ms']);
    try {
      await naru.untilEvent('synced');
      await oneOfEach(given);
      for (const run of [scan, naru])
        expect(run.eventsOf('rules')[0]).toMatchObject({ merged: keys - given.size });
      // From here on the name gets the commands on either, in their order.
      await copyAll(target, expected);
      const there = await expected.connect();
      for (const write of random.times(300, () => writeOf(random))) {
        const [, reply] = await client.pipeline([['SELECT', write.db], [...write.args]]);
        // What has done nothing at the source is not in its stream.
        if (reply !== null && !(reply === 0 && /^(DEL|SADD|PERSIST)$/.test(String(write.args[0]))))
          await there.pipeline(renamed(write, one));
      }
      there.close();
      const offset = Number((await source.info('replication')).get('master_repl_offset'));
      await until('everything to be acknowledged', async () => {
        if (naru.exit !== undefined) throw new Error(naru.stdout + naru.stderr);
        const replica = (await source.info('replication')).get('slave0') ?? '';
        return Number(/offset=(\d+)/.exec(replica)?.[1] ?? -1) >= offset;
      });
      expect((await naru.stop()).code, naru.stdout + naru.stderr).toBe(0);
      expect(await compare(expected, target, { ttlToleranceMs: 5000 })).toEqual([]);
    } finally {
      client.close();
      if (naru.exit === undefined) await naru.stop('SIGKILL');
    }

    await target.call('FLUSHALL');
    if (i === 2) return;
    const failed = await Naru.run([i % 2 === 0 ? 'sync' : 'scan', ...ends, '--on-conflict', 'fail']);
    expect(failed.exit?.code).toBe(1);
    expect(failed.eventsOf('error').at(-1)).toMatchObject({ code: 'KEY_EXISTS' });
  });

  /** Each name holds what one of its keys holds. */
  async function oneOfEach(given: ReadonlyMap<string, string[]>): Promise<void> {
    const held = await payloads(target, (db, key) => [db, key]);
    expect([...held.keys()].filter((name) => !name.includes('naru:')).sort()).toEqual(
      [...given.keys()].sort(),
    );
    for (const [name, values] of given) expect(values).toContain(held.get(name)?.[0]);
  }
});

async function copyAll(from: RedisServer, to: RedisServer): Promise<void> {
  const [source, target] = [await from.connect(), await to.connect()];
  for (const db of [0, 1, 3]) {
    await source.call('SELECT', db);
    await target.call('SELECT', db);
    for (const key of (await source.call('KEYS', '*')) as Buffer[]) {
      if (key.toString().startsWith('naru:')) continue;
      const [dump, at] = [await source.call('DUMP', key), await source.call('PEXPIRETIME', key)];
      await target.call('RESTORE', key, Math.max(Number(at), 0), dump as Buffer, 'ABSTTL');
    }
  }
  source.close();
  target.close();
}

import { once } from 'node:events';
import { appendFileSync, cpSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { aofServer, fillAof, nextSecond, rewriteAof } from '../support/aof.ts';
import { makeTempDir, type TempDir } from '../support/cleanup.ts';
import { compare } from '../support/compare.ts';
import { fill, fillStrings } from '../support/fill.ts';
import { Naru } from '../support/naru.ts';
import { RedisServer } from '../support/redis-server.ts';
import { fixture, type Line, linesOf, type Ran, runNaru, spawnNaru } from './run.ts';
import { fixtures, readTruth, type Shown, shownValue, toBase64, trueValue } from './truth.ts';

const servers: RedisServer[] = [];
const folders: TempDir[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
  for (const folder of folders.splice(0)) folder.remove();
});

async function started(server: Promise<RedisServer>): Promise<RedisServer> {
  servers.push(await server);
  return server;
}

function folder(): string {
  const made = makeTempDir('restore');
  folders.push(made);
  return made.path;
}

const url = (server: RedisServer): string => `redis://${server.host}:${server.port}`;

function restore(
  from: string,
  to: RedisServer,
  args: string[] = [],
  input: Buffer | string = '',
): Promise<Ran> {
  return runNaru(['restore', '--from', from, '--to', url(to), '--json', ...args], input);
}

async function restored(
  from: string,
  args: string[] = [],
  input: Buffer | string = '',
): Promise<RedisServer> {
  const target = await started(RedisServer.start());
  const ran = await restore(from, target, args, input);
  expect([ran.code, ran.stderr]).toEqual([0, '']);
  return target;
}

/** What a server holds, as `naru decode` tells it. */
async function told(server: RedisServer): Promise<Line[]> {
  await server.call('SAVE');
  return linesOf(await runNaru(['decode', join(server.dir, 'dump.rdb')]));
}

const eventOf = (ran: Ran, name: string): Line | undefined =>
  linesOf(ran).find((line) => line.event === name);

/** No key of Naru's own is left. */
async function expectClean(server: RedisServer): Promise<void> {
  expect(await server.call('KEYS', 'naru:*')).toEqual([]);
}

describe('naru restore of an RDB', () => {
  // Redis 7.0 has no place for fields that expire.
  const readable = fixtures.filter((name) => !/^redis-7\.4/.test(name));

  it.each(readable)('makes %s anew', async (name) => {
    const target = await restored(fixture(`rdb/${name}.rdb`));
    await expectClean(target);
    const truth = readTruth(name);
    const entries = (await told(target)).filter((line) => line.type !== 'function');
    const now = Date.now();
    const expected = Object.entries(truth.databases).flatMap(([db, keys]) =>
      Object.entries(keys)
        .filter(([, { expireAtMs = now + 1 }]) => expireAtMs > now)
        .map(([key]) => `${db} ${key}`),
    );
    expect(entries.map(({ db, key }) => `${db} ${toBase64(key as Shown)}`).sort()).toEqual(expected.sort());
    for (const { db, key, type, value, expireAtMs } of entries) {
      const true_ = truth.databases[db as number]?.[toBase64(key as Shown)];
      expect(type).toBe(true_?.type);
      expect(expireAtMs).toBe(true_?.expireAtMs);
      const shown = shownValue(type as string, value);
      expect(shown).toEqual(trueValue(true_ as NonNullable<typeof true_>, shown));
    }
    const libraries = (await target.call('FUNCTION', 'LIST')) as unknown[];
    expect(libraries.length).toBe((truth.functions ?? []).length);
  });

  it('says at which key of redis-7.4.1 a 7.0 has no place, and leaves that out with --lossy', async () => {
    const target = await started(RedisServer.start());
    const from = fixture('rdb/redis-7.4.1.rdb');
    const ran = await restore(from, target);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/^error TARGET_TOO_OLD: .*redis 7\.0.* a hash whose fields expire/);
    await expectClean(target);
    const again = await restore(from, target, ['--lossy', '--on-conflict', 'overwrite']);
    expect([again.code, eventOf(again, 'warning')?.code]).toEqual([0, 'LEFT_OUT']);
    const truth = readTruth('redis-7.4.1').databases[0] ?? {};
    const hash = Object.entries(truth).find(([, { type }]) => type === 'hash');
    expect(await target.call('EXISTS', Buffer.from(hash?.[0] ?? '', 'base64'))).toBe(1);
  });

  it('tells of its progress', async () => {
    const source = await started(RedisServer.start());
    await fill(source, 20_000);
    await source.call('SAVE');
    const target = await started(RedisServer.start());
    const ran = await restore(join(source.dir, 'dump.rdb'), target, ['--progress-interval', '20ms']);
    expect(ran.code).toBe(0);
    const lines = linesOf(ran);
    expect(lines[0]).toMatchObject({
      event: 'started',
      sourceVersion: 'RDB',
      target: `127.0.0.1:${target.port}`,
    });
    const percents = lines.filter((line) => line.event === 'progress').map((line) => line.percent ?? 0);
    expect(percents.length).toBeGreaterThan(0);
    expect(percents).toEqual([...percents].sort((a, b) => a - b));
    expect(lines.at(-2)).toMatchObject({ event: 'snapshot_done' });
    const keys = Number((lines.at(-1) as Line).keys);
    expect(lines.at(-1)).toMatchObject({ event: 'done', skipped: 0, commands: 0 });
    expect(keys).toBeGreaterThan(1000);
    expect(await compare(source, target)).toEqual([]);
    await expectClean(target);
  });

  it('keeps to its rate, also with a file that is read before the target has any of it', async () => {
    const target = await started(RedisServer.start());
    const ran = await restore(fixture('rdb/redis-7.0.15.rdb'), target, ['--rate-keys', '20']);
    const { keys, ms } = eventOf(ran, 'done') as Line & { ms: number };
    expect(Number(keys)).toBeGreaterThan(40);
    expect(ms).toBeGreaterThan(1500);
  });

  it('takes a large key apart, from standard input, packed', async () => {
    const source = await started(RedisServer.start());
    await source.call(
      'RPUSH',
      'list',
      ...Array.from({ length: 3000 }, (_, i) => `element ${i} ${'x'.repeat(i)}`),
    );
    await source.call('PEXPIREAT', 'list', 4e12);
    await source.call('SAVE');
    const packed = gzipSync(readFileSync(join(source.dir, 'dump.rdb')));
    const target = await restored('-', ['--big-key-size', '64KiB'], packed);
    expect(await compare(source, target)).toEqual([]);
    await expectClean(target);
  });

  it('does with keys that exist what it is told', async () => {
    const source = await started(RedisServer.start());
    await source.pipeline([
      ['SET', 'a', 'new'],
      ['SET', 'b', 'new'],
      ['SET', 'c', 'new', 'PX', 1e12],
    ]);
    await source.call('SAVE');
    const rdb = join(source.dir, 'dump.rdb');
    const target = await started(RedisServer.start());
    await target.call('SET', 'b', 'old');
    const refused = await restore(rdb, target);
    expect([refused.code, eventOf(refused, 'error')?.code]).toEqual([1, 'TARGET_NOT_EMPTY']);
    const fails = await restore(rdb, target, ['--on-conflict', 'fail']);
    expect(fails.code).toBe(1);
    expect(eventOf(fails, 'error')).toMatchObject({ code: 'KEY_EXISTS', key: 'b', db: 0 });
    const skips = await restore(rdb, target, ['--on-conflict', 'skip']);
    expect(skips.code).toBe(0);
    expect(await target.text('GET', 'b')).toBe('old');
    expect(await target.text('GET', 'c')).toBe('new');
    const overwrites = await restore(rdb, target, ['--on-conflict', 'overwrite']);
    expect(eventOf(overwrites, 'done')).toMatchObject({ keys: 3 });
    expect(await compare(source, target)).toEqual([]);
    await expectClean(target);
  });

  it('ends with an error where the file does', async () => {
    const rdb = readFileSync(fixture('rdb/redis-7.0.15.rdb'));
    const target = await started(RedisServer.start());
    const ran = await restore('-', target, [], rdb.subarray(0, 60_000));
    expect([ran.code, eventOf(ran, 'error')?.code]).toEqual([1, 'FILE_TRUNCATED']);
    await expectClean(target);
  });

  it('refuses commands behind an RDB', async () => {
    const rdb = readFileSync(fixture('rdb/redis-7.0.15.rdb'));
    const target = await started(RedisServer.start());
    const ran = await restore('-', target, [], Buffer.concat([rdb, Buffer.from('*1\r\n$4\r\nPING\r\n')]));
    expect([ran.code, eventOf(ran, 'error')?.code]).toEqual([1, 'BAD_FORMAT']);
  });
});

describe('naru restore of an AOF', () => {
  it.each([
    ['an RDB before it', {}],
    ['no RDB before it', { 'aof-use-rdb-preamble': 'no' }],
    ['timestamps', { 'aof-timestamp-enabled': 'yes' }],
  ])('makes one with %s anew', async (_, config) => {
    const source = await started(aofServer(config));
    await fillAof(source, 1);
    await rewriteAof(source);
    await fillAof(source, 2);
    const target = await restored(source.dir);
    expect(await compare(source, target)).toEqual([]);
    expect(await target.digest()).toBe(await source.digest());
    await expectClean(target);
  });

  it.each(readdirSync(fixture('aof')).filter((name) => !name.endsWith('.ts')))('reads %s', async (name) => {
    const target = await restored(fixture(`aof/${name}`));
    expect(Number(await target.call('DBSIZE'))).toBeGreaterThan(5);
  });

  it('applies nothing of what is not whole, and says where the file breaks off', async () => {
    const source = await started(aofServer({ 'aof-use-rdb-preamble': 'no' }));
    await fillAof(source, 1);
    const digest = await source.digest();
    await source.pipeline([['MULTI'], ['SET', 'counter', 'lost'], ['RPUSH', 'lost', 'x'], ['EXEC']]);
    const copy = folder();
    cpSync(join(source.dir, 'appendonlydir'), copy, { recursive: true });
    const incr = join(copy, 'appendonly.aof.1.incr.aof');
    truncateSync(incr, readFileSync(incr).length - 3);
    const target = await started(RedisServer.start());
    const ran = await restore(copy, target);
    expect(ran.code).toBe(0);
    expect(eventOf(ran, 'warning')).toMatchObject({ code: 'AOF_TRUNCATED' });
    expect(await target.digest()).toBe(digest);
    await expectClean(target);
  });

  it('stops at a time', async () => {
    const source = await started(aofServer({ 'aof-timestamp-enabled': 'yes', 'aof-use-rdb-preamble': 'no' }));
    await fillAof(source, 1);
    const digest = await source.digest();
    const second = await nextSecond(source);
    await fillAof(source, 2);
    const target = await restored(source.dir, ['--until', String(second)]);
    expect(await target.digest()).toBe(digest);
    const other = await restored(source.dir, ['--until', new Date(second * 1000).toISOString()]);
    expect(await other.digest()).toBe(digest);
  });

  it('counts relative expiries from the timestamp before them, and else from the time of the file', async () => {
    const command = (...args: string[]): string =>
      `*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join('')}`;
    const path = join(folder(), 'old.aof');
    const begin = Math.floor(Date.now() / 1000) - 1000;
    writeFileSync(
      path,
      `#TS:${begin}\r\n${command('SET', 'a', 'v', 'EX', '5000')}${command('SETEX', 'gone', '900', 'v')}`,
    );
    const target = await restored(path);
    expect(await target.call('PEXPIRETIME', 'a')).toBe((begin + 5000) * 1000);
    expect(await target.call('EXISTS', 'gone')).toBe(0);
    const plain = join(folder(), 'plain.aof');
    writeFileSync(plain, command('SET', 'a', 'v', 'EX', '5000'));
    const other = await started(RedisServer.start());
    const ran = await restore(plain, other);
    expect(eventOf(ran, 'warning')).toMatchObject({ code: 'EXPIRY_BY_FILE_TIME' });
    const left = (begin + 1000 + 5000) * 1000 - Number(await other.call('PEXPIRETIME', 'a'));
    expect(Math.abs(left)).toBeLessThan(60_000);
  });

  it('needs an empty target, or a word that it may change keys', async () => {
    const target = await started(RedisServer.start());
    await target.call('SET', 'own', '1');
    const from = fixture('aof/plain.aof');
    expect((await restore(from, target, ['--on-conflict', 'skip'])).code).toBe(2);
    const ran = await restore(from, target, ['--on-conflict', 'overwrite']);
    expect([ran.code, eventOf(ran, 'warning')?.code]).toEqual([0, 'AOF_INTO_KEYS']);
  });

  it('names the command that the target refuses', async () => {
    const path = join(folder(), 'bad.aof');
    writeFileSync(path, '*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n');
    appendFileSync(path, '*3\r\n$5\r\nRPUSH\r\n$1\r\na\r\n$1\r\n1\r\n');
    const target = await started(RedisServer.start());
    const ran = await restore(path, target);
    expect(ran.code).toBe(1);
    expect(eventOf(ran, 'error')).toMatchObject({ code: 'COMMAND_REFUSED', key: 'a', command: 'RPUSH' });
    await expectClean(target);
  });
});

describe('naru restore that is cut short', () => {
  /** A run that is in the midst of its file. */
  async function midway(): Promise<{ target: RedisServer; naru: Naru }> {
    const source = await started(RedisServer.start());
    await fillStrings(source, 50_000, 100);
    await source.call('SAVE');
    const target = await started(RedisServer.start());
    const args = ['--json', '--progress-interval', '5ms', '--rate-keys', '1000', '--give-up-after', '1ms'];
    const from = join(source.dir, 'dump.rdb');
    const naru = Naru.start(['restore', '--from', from, '--to', url(target), ...args]);
    await naru.untilEvent('progress', ({ keys }) => keys > 0);
    return { target, naru };
  }

  it('ends when the target dies, and says so', async () => {
    const { target, naru } = await midway();
    await target.kill();
    expect((await naru.exited).code).toBe(1);
    expect(naru.events.at(-1)).toMatchObject({
      event: 'error',
      code: 'GAVE_UP',
      side: 'target',
      retry: false,
    });
  });

  it('ends when it is told to, and leaves nothing of its own behind', async () => {
    const { target, naru } = await midway();
    expect((await naru.stop('SIGINT')).code).toBe(1);
    expect(naru.events.at(-1)).toMatchObject({ event: 'error', code: 'STOPPED_EARLY' });
    await expectClean(target);
  });

  it('ends when it is told to, though the pipe gives nothing', async () => {
    const target = await started(RedisServer.start());
    const args = ['restore', '--from', '-', '--to', url(target), '--json'];
    const child = spawnNaru(args);
    child.stdin.write(readFileSync(fixture('rdb/redis-7.0.15.rdb')).subarray(0, 50_000));
    await once(child.stdout, 'data');
    child.kill('SIGTERM');
    expect((await once(child, 'close'))[0]).toBe(1);
    await expectClean(target);
  });

  it('says which file is not there', async () => {
    const target = await started(RedisServer.start());
    const ran = await restore(fixture('rdb/none.rdb'), target);
    expect([ran.code, eventOf(ran, 'error')?.code]).toEqual([1, 'FILE_UNREADABLE']);
  });
});

import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { aofServer, fillAof, rewriteAof } from '../support/aof.ts';
import { RedisServer } from '../support/redis-server.ts';
import { fixture, linesOf, type Ran, run, runNaru } from './run.ts';
import { fixtures, readTruth, type Shown, shownValue, toBase64, trueValue } from './truth.ts';

const servers: RedisServer[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

async function started(server: Promise<RedisServer>): Promise<RedisServer> {
  servers.push(await server);
  return server;
}

/** A server with the commands that `naru decode` wrote. */
async function piped(commands: Buffer): Promise<{ server: RedisServer; ran: Ran }> {
  const server = await started(RedisServer.start());
  const args = ['-h', server.host, '-p', String(server.port), '--pipe'];
  return { server, ran: await run('redis-cli', args, commands) };
}

/** A server that loaded an RDB itself. */
async function loaded(rdb: string): Promise<RedisServer> {
  const server = await started(RedisServer.start());
  copyFileSync(rdb, join(server.dir, 'dump.rdb'));
  await server.kill();
  await server.restart();
  return server;
}

describe('naru decode --format jsonl', () => {
  it.each(fixtures)('says of %s what its server said', async (name) => {
    const ran = await runNaru(['decode', fixture(`rdb/${name}.rdb`)]);
    expect(ran.stderr).toBe('');
    expect(ran.code).toBe(0);
    const lines = linesOf(ran);
    const truth = readTruth(name);
    const codes = lines.filter((line) => line.type === 'function').map((line) => line.code);
    expect(codes).toEqual((truth.functions ?? []).map((library) => library.library_code));
    const entries = lines.filter((line) => line.type !== 'function');
    const keys = Object.values(truth.databases).reduce((sum, db) => sum + Object.keys(db).length, 0);
    expect(entries.length).toBe(keys);
    for (const { db, key, type, value, expireAtMs } of entries) {
      const expected = truth.databases[db as number]?.[toBase64(key as Shown)];
      expect(expected?.type).toBe(type);
      expect(expireAtMs).toBe(expected?.expireAtMs);
      const shown = shownValue(type as string, value);
      expect(shown).toEqual(trueValue(expected as NonNullable<typeof expected>, shown));
    }
  });

  it('reads standard input, and gzip', async () => {
    const path = fixture('rdb/redis-7.0.15.rdb');
    const packed = gzipSync(readFileSync(path));
    const [file, stdin] = [await runNaru(['decode', path]), await runNaru(['decode', '-'], packed)];
    expect(stdin.code).toBe(0);
    expect(stdin.stdout.equals(file.stdout)).toBe(true);
  });

  it('keeps idle times and access counts', async () => {
    const server = await started(RedisServer.start({ config: { 'maxmemory-policy': 'allkeys-lfu' } }));
    await server.call('SET', 'key', 'v', 'PXAT', 4e12);
    await server.call('SAVE');
    const [line] = linesOf(await runNaru(['decode', join(server.dir, 'dump.rdb')]));
    expect(line).toEqual({ db: 0, key: 'key', type: 'string', expireAtMs: 4e12, freq: 5, value: 'v' });
  });

  it('writes large values in parts', async () => {
    const server = await started(RedisServer.start({ config: { rdbcompression: 'no' } }));
    const text = Buffer.alloc(20 * 1024 * 1024 + 1, 'abcdefg');
    await server.call('SET', 'large', text);
    await server.call('HSET', 'hash', 'f', text, 'g', 'small');
    await server.call('SAVE');
    const lines = linesOf(await runNaru(['decode', join(server.dir, 'dump.rdb')]));
    const base64 = text.toString('base64');
    const large = lines.find(({ key }) => key === 'large');
    expect((large?.value as { base64: string }).base64 === base64).toBe(true);
    const hash = lines.find(({ key }) => key === 'hash')?.value as [string, Shown][];
    expect(hash.find(([field]) => field === 'g')?.[1]).toBe('small');
    const other = hash.find(([field]) => field === 'f')?.[1] as { base64: string };
    expect(other.base64 === base64).toBe(true);
  });

  it('tells an AOF command by command', async () => {
    const ran = await runNaru(['decode', fixture('aof/timestamps')]);
    expect(ran.code).toBe(0);
    const lines = linesOf(ran);
    expect(lines.find((line) => 'timestamp' in line)?.timestamp).toBeGreaterThan(1.6e9);
    expect(lines).toContainEqual({ command: ['MULTI'] });
    expect(JSON.stringify(lines).includes('{"base64":"')).toBe(true);
  });
});

describe('naru decode --format commands', () => {
  // Redis 7.0 can not set the expiries of fields that 7.4 has.
  it.each(fixtures.filter((name) => !name.startsWith('redis-7.4')))('makes %s anew', async (name) => {
    const path = fixture(`rdb/${name}.rdb`);
    const { stdout, stderr, code } = await runNaru(['decode', path, '--format', 'commands']);
    expect([code, stderr]).toEqual([0, '']);
    const { server, ran } = await piped(stdout);
    expect(ran.stdout.toString()).toMatch(/errors: 0,/);
    // 7.0 can't load what 7.2 wrote; what is in it stands in the truth, too.
    if (name.startsWith('redis-7.2')) return;
    const truth = await loaded(path);
    expect(await server.digest()).toBe(await truth.digest());
    expect(await server.text('FUNCTION', 'LIST', 'WITHCODE')).toBe(
      await truth.text('FUNCTION', 'LIST', 'WITHCODE'),
    );
  });

  it('passes on what an AOF holds, behind its RDB and over several files', async () => {
    const source = await started(aofServer());
    await fillAof(source, 1);
    await rewriteAof(source);
    await fillAof(source, 2);
    const { stdout } = await runNaru(['decode', source.dir, '--format', 'commands']);
    const { server, ran } = await piped(stdout);
    expect(ran.stdout.toString()).toMatch(/errors: 0,/);
    expect(await server.digest()).toBe(await source.digest());
  });

  it('leaves out a transaction that is not whole, and says so', async () => {
    const whole = '*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n';
    const file = `*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n${whole}*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n2\r\n*3\r\n$3`;
    const ran = await runNaru(['decode', '-', '--format=commands'], file);
    expect(ran.code).toBe(0);
    expect(ran.stderr).toMatch(/^warning AOF_TRUNCATED: - breaks off: it is good up to offset 50/);
    const { server } = await piped(ran.stdout);
    expect(await server.text('GET', 'a')).toBe('1');
  });
});

describe('naru decode --format summary', () => {
  it('counts by type, prefix, expiry and size', async () => {
    const server = await started(RedisServer.start({ config: { rdbcompression: 'no' } }));
    await server.pipeline([
      ['SET', 'user:1', 'x'.repeat(100)],
      ['SET', 'user:2', 'y', 'EX', 1000],
      ['RPUSH', 'queue:a', 'a', 'b', 'c'],
      ['ZADD', 'plain', 1, 'm', 2, 'n'],
      ['SELECT', 2],
      ['HSET', 'user:h', 'f', 'z'.repeat(5000)],
    ]);
    await server.call('SAVE');
    const path = join(server.dir, 'dump.rdb');
    const json = await runNaru(['decode', path, '--format', 'summary', '--json']);
    const summary = JSON.parse(json.stdout.toString());
    expect(summary.keys).toMatchObject({ count: 5, elements: 8 });
    expect(summary.types.map((t: { name: string; count: number }) => [t.name, t.count])).toEqual([
      ['hash', 1],
      ['string', 2],
      ['list', 1],
      ['zset', 1],
    ]);
    expect(summary.prefixes[0]).toMatchObject({ name: 'user:', count: 3, elements: 3 });
    expect(summary.prefixes.map((p: { name: string }) => p.name).sort()).toEqual([
      '(no colon)',
      'queue:',
      'user:',
    ]);
    expect(summary.expiries).toEqual([
      { name: 'no expiry', count: 4 },
      { name: 'within an hour', count: 1 },
    ]);
    expect(summary.largest[0]).toMatchObject({ db: 2, key: 'user:h', type: 'hash', elements: 1 });
    expect(summary.largest[0].bytes).toBeGreaterThan(5000);
    const text = await runNaru(['decode', path, '--format', 'summary']);
    expect(text.stdout.toString()).toMatch(/^5 keys, .*8 elements\n\ntype +keys +bytes +elements\nhash +1 /);
  });
});

describe('naru decode of what is not whole', () => {
  const rdb = readFileSync(fixture('rdb/redis-7.0.15.rdb'));

  it('finds a damaged checksum, and can be told not to look', async () => {
    const damaged = Buffer.from(rdb);
    damaged[damaged.length - 1] = (damaged.at(-1) as number) ^ 1;
    const found = await runNaru(['decode', '-'], damaged);
    expect(found.code).toBe(1);
    expect(found.stderr).toMatch(/^error CHECKSUM_MISMATCH: /);
    expect((await runNaru(['decode', '-', '--no-verify-checksum'], damaged)).code).toBe(0);
  });

  it('ends with an error where an RDB breaks off', async () => {
    const ran = await runNaru(['decode', '-'], rdb.subarray(0, 50_000));
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/^error FILE_TRUNCATED: /);
    expect(linesOf(ran).length).toBeGreaterThan(10);
  });

  it('refuses what is no such file, as a usage error', async () => {
    expect((await runNaru(['decode', fixture('rdb/redis-7.0.15.json')])).code).toBe(2);
    expect((await runNaru(['decode'])).code).toBe(2);
    expect((await runNaru(['decode', 'x', '--until', 'yesterday'])).code).toBe(2);
  });
});

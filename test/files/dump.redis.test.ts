import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { makeTempDir, type TempDir } from '../support/cleanup.ts';
import { compare } from '../support/compare.ts';
import { fill, fillStrings } from '../support/fill.ts';
import { Naru } from '../support/naru.ts';
import { RedisServer } from '../support/redis-server.ts';
import { cachedServers } from '../support/servers.ts';
import { markedSnapshot, SourceDouble, sizedSnapshot } from '../support/source-double.ts';
import { fixture, linesOf, type Ran, runNaru } from './run.ts';

const servers: { stop(): Promise<void> }[] = [];
const folders: TempDir[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
  for (const folder of folders.splice(0)) folder.remove();
});

async function started<S extends { stop(): Promise<void> }>(server: Promise<S>): Promise<S> {
  servers.push(await server);
  return server;
}

function folder(): string {
  const made = makeTempDir();
  folders.push(made);
  return made.path;
}

const url = ({ host, port }: { host: string; port: number }): string => `redis://${host}:${port}`;

function dump(from: string, to: string, ...args: string[]): Promise<Ran> {
  return runNaru(['dump', '--from', from, '--to', to, '--json', ...args]);
}

/** A server that loaded the file itself. */
async function loaded(rdb: string): Promise<RedisServer> {
  const dir = folder();
  copyFileSync(rdb, join(dir, 'naru.rdb'));
  return started(RedisServer.start({ dir, config: { dbfilename: 'naru.rdb' } }));
}

describe('naru dump', () => {
  const valkey = cachedServers().find(({ name }) => name === 'valkey-9');

  it.skipIf(valkey === undefined)(
    'writes what Valkey can not write for other servers: fields that expire',
    async () => {
      const { binary } = valkey as { binary: string };
      const source = await started(RedisServer.start({ binary }));
      const file = join(folder(), 'a.rdb');
      await source.call('SET', 'k', 'v');
      expect((await dump(url(source), file)).code).toBe(0);
      expect(readFileSync(file).toString('latin1', 0, 9)).toBe('REDIS0011');
      await source.pipeline([
        ['HSET', 'h', 'f', 'v'],
        ['HPEXPIREAT', 'h', 4_000_000_000_000, 'FIELDS', 1, 'f'],
      ]);
      expect((await dump(url(source), file, '--overwrite')).code).toBe(0);
      expect(readFileSync(file).toString('latin1', 0, 9)).toBe('VALKEY080');
      const dir = folder();
      copyFileSync(file, join(dir, 'naru.rdb'));
      const there = await started(RedisServer.start({ binary, dir, config: { dbfilename: 'naru.rdb' } }));
      expect(await there.call('HPEXPIRETIME', 'h', 'FIELDS', 1, 'f')).toEqual([4_000_000_000_000]);
    },
  );

  it.each([
    ['from memory to memory', { 'repl-diskless-sync': 'yes' }],
    ['over its disk', { 'repl-diskless-sync': 'no' }],
  ])('writes what a server sends %s, and redis-server loads it', async (_, config) => {
    const source = await started(RedisServer.start({ config }));
    await fill(source, 5000);
    const file = join(folder(), 'a.rdb');
    const ran = await dump(url(source), file);
    expect([ran.code, ran.stderr]).toEqual([0, '']);
    const [first, ...rest] = linesOf(ran);
    expect(first).toMatchObject({ event: 'started', source: `127.0.0.1:${source.port}`, target: file });
    expect(rest.at(-2)).toMatchObject({ event: 'snapshot_done', bytes: statSync(file).size });
    expect(rest.at(-1)).toMatchObject({ event: 'done', bytes: statSync(file).size, replid: first?.replid });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const copy = await loaded(file);
    expect(await copy.digest()).toBe(await source.digest());
    expect(await compare(source, copy)).toEqual([]);
  });

  it('writes an empty server, too', async () => {
    const source = await started(RedisServer.start());
    const file = join(folder(), 'a.rdb');
    expect((await dump(url(source), file)).code).toBe(0);
    expect(await (await loaded(file)).call('DBSIZE')).toBe(0);
  });

  it('packs a name that ends in .gz, and restore reads it', async () => {
    const source = await started(RedisServer.start());
    await fill(source, 2000);
    const file = join(folder(), 'a.rdb.gz');
    expect((await dump(url(source), file)).code).toBe(0);
    expect(gunzipSync(readFileSync(file)).toString('latin1', 0, 5)).toBe('REDIS');
    const target = await started(RedisServer.start());
    expect((await runNaru(['restore', '--from', file, '--to', url(target)])).code).toBe(0);
    expect(await compare(source, target)).toEqual([]);
  });

  it('writes to standard output, and tells of it on stderr', async () => {
    const source = await started(RedisServer.start());
    await fill(source, 2000);
    const ran = await dump(url(source), '-');
    expect(ran.code).toBe(0);
    const last = ran.stderr.trim().split('\n').at(-1) as string;
    expect(JSON.parse(last)).toMatchObject({ event: 'done', bytes: ran.stdout.length });
    const file = join(folder(), 'a.rdb');
    writeFileSync(file, ran.stdout);
    expect(await (await loaded(file)).digest()).toBe(await source.digest());
  });

  it('leaves a file that exists as it is, unless told otherwise', async () => {
    const source = await started(RedisServer.start());
    const dir = folder();
    const file = join(dir, 'a.rdb');
    writeFileSync(file, 'precious');
    const refused = await dump(url(source), file);
    expect([refused.code, linesOf(refused)[0]?.code]).toEqual([2, 'FILE_EXISTS']);
    expect(readFileSync(file, 'utf8')).toBe('precious');
    writeFileSync(`${file}.part`, 'what a run that was killed left behind');
    expect((await dump(url(source), file, '--overwrite')).code).toBe(0);
    expect(readFileSync(file, 'latin1')).toMatch(/^REDIS/);
    expect(readdirSync(dir)).toEqual(['a.rdb']);
    mkdirSync(join(dir, 'folder'));
    expect((await dump(url(source), join(dir, 'folder'), '--overwrite')).code).toBe(2);
    expect(existsSync(join(dir, 'folder.part'))).toBe(false);
  });

  it('says where it can not write', async () => {
    const source = await started(RedisServer.start());
    const ran = await dump(url(source), join(folder(), 'none', 'a.rdb'));
    expect([ran.code, linesOf(ran)[0]?.code]).toEqual([1, 'FILE_UNWRITABLE']);
  });
});

describe('naru dump that fails', () => {
  async function midway(args: string[] = []): Promise<{ naru: Naru; source: RedisServer; dir: string }> {
    // So slow that a run is in the midst of it.
    const config = { 'rdb-key-save-delay': '1000', 'repl-diskless-sync': 'yes', rdbcompression: 'no' };
    const source = await started(RedisServer.start({ config }));
    await fillStrings(source, 20_000, 1000);
    const dir = folder();
    const to = join(dir, 'a.rdb');
    const naru = Naru.start([
      'dump',
      '--from',
      url(source),
      '--to',
      to,
      '--json',
      '--progress-interval',
      '5ms',
      ...args,
    ]);
    await naru.untilEvent('progress', ({ keys }) => keys > 100);
    expect(readdirSync(dir)).toEqual(['a.rdb.part']);
    return { naru, source, dir };
  }

  it.each(['SIGINT', 'SIGTERM'] as const)('leaves nothing when it is ended by %s', async (signal) => {
    const { naru, dir } = await midway();
    expect((await naru.stop(signal)).code).toBe(1);
    expect(naru.events.at(-1)).toMatchObject({ event: 'error', code: 'STOPPED_EARLY' });
    expect(readdirSync(dir)).toEqual([]);
  });

  it('never has the name when it is killed', async () => {
    const { naru, dir } = await midway();
    await naru.stop('SIGKILL');
    expect(readdirSync(dir)).toEqual(['a.rdb.part']);
  });

  it('leaves nothing when the source dies', async () => {
    const { naru, source, dir } = await midway();
    await source.kill();
    expect((await naru.exited).code).toBe(1);
    expect(naru.events.at(-1)).toMatchObject({ event: 'error', code: 'LINK_LOST', side: 'source' });
    expect(readdirSync(dir)).toEqual([]);
  });

  const rdb = readFileSync(fixture('rdb/redis-7.0.15.rdb'));
  const damaged = Buffer.from(rdb);
  damaged[100] = (damaged[100] as number) ^ 1;

  it.each([
    ['a damaged RDB', sizedSnapshot(damaged), /^(CHECKSUM_MISMATCH|BAD_FORMAT)$/],
    ['an RDB that ends early', sizedSnapshot(rdb.subarray(0, 1000)), /^BAD_FORMAT$/],
    ['an RDB with more behind it', sizedSnapshot(Buffer.concat([rdb, Buffer.from('more')])), /^BAD_FORMAT$/],
    ['an RDB that ends early, before its mark', markedSnapshot(rdb.subarray(0, 1000)), /^BAD_FORMAT$/],
  ])('refuses %s', async (_, answer, code) => {
    const source = await started(SourceDouble.start({ psync: (socket) => void socket.write(answer) }));
    const dir = folder();
    const ran = await dump(source.url, join(dir, 'a.rdb'));
    expect(ran.code).toBe(1);
    expect(linesOf(ran).at(-1)?.code).toMatch(code);
    expect(readdirSync(dir)).toEqual([]);
  });

  it('finds the mark wherever the packets cut it', async () => {
    const answer = markedSnapshot(rdb);
    for (const behind of [1, 20, 39, 41, 60]) {
      const at = answer.length - behind;
      const source = await started(
        SourceDouble.start({
          psync: (socket) => {
            socket.setNoDelay(true);
            socket.write(answer.subarray(0, at));
            setTimeout(() => socket.write(Buffer.concat([answer.subarray(at), Buffer.from('stream')])), 30);
          },
        }),
      );
      const file = join(folder(), 'a.rdb');
      expect((await dump(source.url, file)).code).toBe(0);
      expect(readFileSync(file).equals(rdb)).toBe(true);
    }
  });
});

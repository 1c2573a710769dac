/** AOFs and manifests that are damaged or lead nowhere, and files that are none. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  createWriteStream,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { decode, restore } from '../../src/index.ts';
import { makeTempDir } from '../support/cleanup.ts';
import { Naru } from '../support/naru.ts';
import { RedisServer } from '../support/redis-server.ts';
import { until } from '../support/until.ts';
import { fixture, linesOf, runNaru, spawnNaru } from './run.ts';

const temp = makeTempDir();
let target: RedisServer;
beforeAll(async () => {
  target = await RedisServer.start();
});
beforeEach(() => target.call('FLUSHALL'));
afterAll(async () => {
  await target.stop();
  temp.remove();
});

/** `restore` and `decode` end with this error, which has this exit code. */
async function bothRefuse(path: string, code: string, exitCode: number, message: RegExp): Promise<void> {
  const refused = { code, exitCode, message: expect.stringMatching(message), place: { side: 'source' } };
  await expect(restore({ from: path, to: target.url }).result).rejects.toMatchObject(refused);
  await expect(
    decode({ file: path, format: 'commands', to: new PassThrough().resume() }),
  ).rejects.toMatchObject(refused);
}

const SET = '*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n';

describe('an AOF', () => {
  it.each([
    ['a count of 2^32', '*4294967296\r\n'],
    ['a count below zero', '*-1\r\n'],
    ['no arguments', '*0\r\n'],
    ['a string without a length', '*1\r\n$\r\n'],
    ['a null', '*1\r\n$-1\r\n'],
    ['no end of a line', '*1\r\n$1\r\naXX'],
    ['text', 'SET a 1\r\n'],
    ['zeros, as a disk leaves them after a crash', '\0'.repeat(64)],
  ])('with %s in it: good up to there, and no further', async (_name, bad) => {
    const path = join(temp.path, 'bad.aof');
    writeFileSync(path, SET + bad);
    await bothRefuse(path, 'BAD_FORMAT', 1, /at offset \d+ \(good up to 27\)/);
    expect(await target.call('KEYS', 'naru:*')).toEqual([]);
  });
});

describe('an AOF that promises terabytes', () => {
  it('is refused at once', async () => {
    const path = join(temp.path, 'promise.aof');
    writeFileSync(path, `${SET}*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$9999999999999\r\nxx`);
    const restored = await runNaru(['restore', '--from', path, '--to', target.url, '--json']);
    expect(linesOf(restored).at(-1)).toMatchObject({ code: 'BAD_FORMAT', node: path, offset: 27 });
    expect(restored.stderr).toContain('a command of more than 1 GiB at offset 27');
    expect(restored.code).toBe(1);
  });
});

describe('a manifest', () => {
  const folder = join(temp.path, 'aof');
  beforeEach(() => {
    rmSync(folder, { recursive: true, force: true });
    cpSync(fixture('aof/plain'), folder, { recursive: true });
  });
  const manifest = join(folder, 'appendonly.aof.manifest');
  const rewrite = (change: (text: string) => string): void =>
    writeFileSync(manifest, change(readFileSync(manifest, 'utf8')));

  it('that names a file which is not there: nothing is written', async () => {
    rmSync(join(folder, 'appendonly.aof.2.incr.aof'));
    await bothRefuse(folder, 'FILE_UNREADABLE', 1, /2\.incr\.aof can not be read: there is no such file/);
    expect(await target.call('DBSIZE')).toBe(0);
  });

  it('that names a directory', async () => {
    rmSync(join(folder, 'appendonly.aof.2.incr.aof'));
    mkdirSync(join(folder, 'appendonly.aof.2.incr.aof'));
    await bothRefuse(folder, 'FILE_UNREADABLE', 1, /2\.incr\.aof can not be read: it is a directory/);
  });

  it.each([
    ['a sequence that does not rise', (text: string) => `${text}file again seq 2 type i\n`],
    ['two bases', (text: string) => `${text}file again seq 3 type b\n`],
    ['a path', (text: string) => `${text}file ../again seq 3 type i\n`],
    ['an unknown type', (text: string) => `${text}file again seq 3 type z\n`],
    ['a line that is cut', (text: string) => text.slice(0, -1)],
    ['nothing', () => ''],
  ])('with %s: refused as Redis refuses it', async (_name, change) => {
    rewrite(change);
    await bothRefuse(folder, 'BAD_FORMAT', 1, /manifest.* at offset \d+/);
    expect(await target.call('DBSIZE')).toBe(0);
  });

  it('whose first file is cut, with others behind it', async () => {
    const base = join(folder, 'appendonly.aof.2.base.aof');
    writeFileSync(base, readFileSync(base).subarray(0, -3));
    await bothRefuse(folder, 'FILE_TRUNCATED', 1, /2\.base\.aof breaks off at offset \d+/);
  });
});

describe('what is no file', () => {
  it('a directory without a manifest', async () => {
    const path = join(temp.path, 'none');
    mkdirSync(path, { recursive: true });
    await bothRefuse(path, 'FILE_UNKNOWN', 2, /holds no file \*\.manifest/);
  });

  it('a path that leads nowhere', async () => {
    await bothRefuse(join(temp.path, 'nowhere'), 'FILE_UNREADABLE', 1, /there is no such file/);
  });
});

/** Whether an epoll of the process has this descriptor on its list. */
function watches(pid: number | undefined, descriptor: number): boolean {
  const info = `/proc/${pid}/fdinfo`;
  try {
    const watched = new RegExp(`^tfd:\\s+${descriptor} `, 'm');
    return readdirSync(info).some((fd) => watched.test(readFileSync(join(info, fd), 'utf8')));
  } catch {
    // One of them was closed meanwhile.
    return false;
  }
}

/** Whether the process has this file open. */
function holds(pid: number, path: string): boolean {
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).some((fd) => readlinkSync(join(folder, fd)) === path);
  } catch {
    // One of them was closed meanwhile.
    return false;
  }
}

describe('a named pipe', () => {
  const pipe = join(temp.path, 'pipe');
  beforeAll(() => void execFileSync('mkfifo', [pipe]));

  /** restore has the pipe open: only then would a signal find it there. */
  const reading = (naru: Naru): Promise<void> => until('the pipe is open', async () => holds(naru.pid, pipe));

  it.each(['SIGTERM', 'SIGINT'] as const)('that nobody writes to: ends at %s', async (signal) => {
    const naru = Naru.start(['restore', '--from', pipe, '--to', target.url, '--json']);
    await reading(naru);
    expect((await naru.stop(signal)).code).toBe(1);
    expect(naru.events.at(-1)).toMatchObject({ event: 'error', code: 'STOPPED_EARLY' });
  });

  it('whose writer never says a word: ends at SIGTERM', async () => {
    const naru = Naru.start(['restore', '--from', pipe, '--to', target.url, '--json']);
    const writer = createWriteStream(pipe);
    await once(writer, 'open');
    await reading(naru);
    expect((await naru.stop('SIGTERM')).code).toBe(1);
    writer.destroy();
  });

  it('is read to its end', async () => {
    const naru = Naru.start(['restore', '--from', pipe, '--to', target.url, '--json']);
    const rdb = readFileSync(fixture('rdb/redis-7.0.15.rdb'));
    const writer = createWriteStream(pipe);
    writer.write(rdb.subarray(0, 70_000));
    writer.end(rdb.subarray(70_000));
    expect((await naru.exited).code, naru.stderr).toBe(0);
    expect(Number(await target.call('DBSIZE'))).toBeGreaterThan(20);
  });

  it('standard input that never says a word: ends at SIGTERM', async () => {
    const child = spawnNaru(['restore', '--from', '-', '--to', target.url, '--json']);
    await until('it waits for input', async () => watches(child.pid, 0));
    child.kill('SIGTERM');
    expect((await once(child, 'close'))[0]).toBe(1);
  });
});

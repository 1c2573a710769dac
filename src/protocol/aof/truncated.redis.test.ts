import { execFile } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { walkAof } from '../../../test/fuzz/aof-collect.ts';
import { makeTempDir, type TempDir } from '../../../test/support/cleanup.ts';
import { RedisServer } from '../../../test/support/redis-server.ts';

const run = promisify(execFile);

const frame = (...args: string[]): string =>
  `*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join('')}`;

const aof: Buffer = Buffer.from(
  [
    '#TS:1700000000\r\n',
    frame('SELECT', '0'),
    frame('SET', 'a', '\r\n*1'),
    frame('MULTI'),
    frame('INCR', 'n'),
    '# within a transaction\r\n',
    frame('RPUSH', 'list', 'x', 'y'),
    frame('EXEC'),
    '#TS:1700000001\r\n',
    frame('SELECT', '5'),
    frame('DEL', 'a'),
    frame('INCR', 'n'),
  ].join(''),
);

/** What redis-check-aof says of a file, which ends with 1 where it breaks off. */
async function okUpTo(path: string): Promise<number> {
  const { stdout } = await run('redis-check-aof', [path]).catch((error: { stdout: string }) => error);
  return Number(/ok_up_to=(\d+)/.exec(stdout)?.[1]);
}

let temp: TempDir;

beforeAll(() => {
  temp = makeTempDir('naru-aof-');
});

afterAll(() => temp.remove());

/** The lengths to which the bytes are cut: each from 1 on, an empty file is looked at by neither. */
const lengths = (bytes: Buffer, from = 1): number[] =>
  Array.from({ length: bytes.length - from + 1 }, (_, i) => from + i);

/** Those around the places where a command or an annotation ends, and a few within. */
const turns = (bytes: Buffer): number[] =>
  lengths(bytes).filter((length) => {
    const ends = [0, 1].some((back) =>
      /^[*#]/.test(bytes.toString('latin1', length - back, length - back + 1)),
    );
    return ends || length % 23 === 0 || length === bytes.length;
  });

describe('a file that breaks off', () => {
  it('is good up to where redis-check-aof says, at every byte', async () => {
    const path = join(temp.path, 'cut.aof');
    for (const length of lengths(aof)) {
      writeFileSync(path, aof.subarray(0, length));
      const { end } = walkAof(aof.subarray(0, length));
      const judged = await okUpTo(path);
      expect([length, end.validTo, end.truncated]).toEqual([length, judged, judged !== length]);
    }
  });

  it('is good up to there behind an RDB too', async () => {
    const url = new URL('../../../test/fixtures/aof/preamble.aof', import.meta.url);
    const path = join(temp.path, 'preamble.aof');
    copyFileSync(fileURLToPath(url), path);
    const whole = readFileSync(path);
    const rdbEnd = whole.indexOf('*2\r\n$6\r\nSELECT');
    const lately = rdbEnd + 200;
    for (const length of lengths(whole.subarray(0, lately), rdbEnd)) {
      writeFileSync(path, whole.subarray(0, length));
      expect([length, walkAof(whole.subarray(0, length)).end.validTo]).toEqual([length, await okUpTo(path)]);
    }
  });

  it('gives what redis-server loads of it (aof-load-truncated yes)', async () => {
    const folder = join(temp.path, 'live');
    const loader = await RedisServer.start({
      config: {
        appendonly: 'yes',
        'aof-load-truncated': 'yes',
        'auto-aof-rewrite-percentage': '0',
        appenddirname: 'live',
      },
      dir: temp.path,
    });
    const applier = await RedisServer.start();
    try {
      const incr = join(folder, 'appendonly.aof.1.incr.aof');
      const digests = new Map<string, string>();
      for (const length of turns(aof)) {
        writeFileSync(incr, aof.subarray(0, length));
        await loader.restart();
        const { sink, end } = walkAof(aof.subarray(0, length));
        const begun =
          end.unfinished === 'transaction'
            ? sink.commands.findIndex(([name]) => name === 'MULTI')
            : undefined;
        const commands = sink.commands.slice(0, begun);
        const key = JSON.stringify(commands);
        if (!digests.has(key)) {
          await applier.pipeline([['FLUSHALL'], ['SELECT', 0], ...commands]);
          digests.set(key, await applier.digest());
        }
        expect([length, await loader.digest()]).toEqual([length, digests.get(key)]);
      }
      expect(digests.size).toBeGreaterThan(4);
    } finally {
      await loader.stop();
      await applier.stop();
    }
  });
});

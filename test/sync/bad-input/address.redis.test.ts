/** Addresses and directories that are wrong: said at once, in plain words. */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeTempDir, type TempDir } from '../../support/cleanup.ts';
import { failSync } from '../../support/failed-run.ts';
import { freePort, RedisServer } from '../../support/redis-server.ts';

const SIDES = ['source', 'target'] as const;
const SECRET = 'hunter2-s3cret';

let server: RedisServer;
let silent: Server;
let http: Server;
let temp: TempDir;
beforeAll(async () => {
  temp = makeTempDir();
  server = await RedisServer.start();
  silent = createServer(() => {}).listen(0, '127.0.0.1');
  http = createHttpServer((_, response) => response.end('hello')).listen(0, '127.0.0.1');
  await Promise.all([once(silent, 'listening'), once(http, 'listening')]);
});
afterAll(async () => {
  silent.close();
  http.close();
  await server.stop();
  temp.remove();
});

const portOf = (listener: Server): number => (listener.address() as AddressInfo).port;

/** The address stands for one side, the server for the other. */
function failAt(side: (typeof SIDES)[number], address: string, args: string[] = []) {
  const url = `redis://:${SECRET}@${address}`;
  const [from, to] = side === 'source' ? [url, server.url] : [server.url, url];
  return failSync(from, to, args, { secrets: [SECRET], cwd: temp.path });
}

describe.concurrent.each(SIDES)('a wrong address of the %s', (side) => {
  it('closed port', async () => {
    const node = `127.0.0.1:${await freePort()}`;
    const error = await failAt(side, node);
    expect(error).toMatchObject({ code: 'UNREACHABLE', side, node });
    expect(error.message).toMatch(/Nothing accepts connections.*ECONNREFUSED/);
  });

  it('unknown host', async () => {
    const error = await failAt(side, 'no-such-host.invalid:6379');
    expect(error).toMatchObject({ code: 'UNREACHABLE', side, node: 'no-such-host.invalid:6379' });
    expect(error.message).toMatch(/host name|name server/);
  });

  it('a unix socket that is not there', async () => {
    const url = `unix://${join(temp.path, 'none.sock')}`;
    const error = await (side === 'source' ? failSync(url, server.url) : failSync(server.url, url));
    expect(error).toMatchObject({ code: 'UNREACHABLE', side, node: join(temp.path, 'none.sock') });
  });

  it('HTTP', async () => {
    const error = await failAt(side, `127.0.0.1:${portOf(http)}`);
    expect(error).toMatchObject({ code: 'NOT_REDIS', side, node: `127.0.0.1:${portOf(http)}` });
    expect(error.message).toContain('HTTP');
  });

  it('a port that says nothing', async () => {
    const error = await failAt(side, `127.0.0.1:${portOf(silent)}`, ['--connect-timeout', '3s']);
    expect(error).toMatchObject({ code: 'NOT_REDIS', side });
    expect(error.message).toContain('no answer within 3000 ms');
  });

  it('TLS where there is none', async () => {
    const soon = ['--connect-timeout', '3s'];
    const tls = server.url.replace('redis:', 'rediss:');
    const error = await (side === 'source'
      ? failSync(tls, server.url, soon)
      : failSync(server.url, tls, soon));
    expect(error).toMatchObject({ code: 'TLS_FAILED', side });
    expect(error.message).toContain('may be the plain one (redis://)');
  });
});

describe.concurrent('a directory that can not be used', () => {
  it.each([
    ['below a file', 'file/spool', /ENOTDIR|EEXIST/],
    ['a file', 'file', /ENOTDIR|EEXIST/],
  ])('%s', async (_name, path, system) => {
    writeFileSync(join(temp.path, 'file'), '');
    const other = await RedisServer.start();
    await other.call('SET', 'k', 'v');
    try {
      const dir = join(temp.path, path);
      const error = await failSync(other.url, server.url, ['--dir', dir]);
      expect(error).toMatchObject({ code: 'SPOOL_FAILED', side: 'spool' });
      expect(error.message).toContain(dir);
      expect(error.message).toMatch(system);
      expect(await server.call('DBSIZE')).toBe(0);
    } finally {
      await other.stop();
    }
  });
});

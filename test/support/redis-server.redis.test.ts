import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisServer } from './redis-server.ts';
import { ReplyError } from './reply-parser.ts';
import { RespClient } from './resp-client.ts';
import { makeTlsFiles } from './tls.ts';
import { until } from './until.ts';

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

const childOf = (pid: number): string => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();

/** Not a zombie that nobody has waited for. */
const running = (pid: number): boolean => {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

describe('RedisServer', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await RedisServer.start({ unixSocket: true });
  });
  afterAll(() => server.stop());

  it('answers, binary-safe', async () => {
    const key = Buffer.from([0, 13, 10, 255]);
    expect(await server.call('SET', key, Buffer.alloc(100_000, 10))).toBe('OK');
    expect(await server.call('GET', key)).toEqual(Buffer.alloc(100_000, 10));
    expect(await server.call('GET', 'missing')).toBeNull();
    expect(await server.text('GET', 'missing')).toBe('');
  });

  it('throws an error reply of a call, returns it in a pipeline', async () => {
    await expect(server.call('NOSUCH')).rejects.toThrow(/unknown command/);
    const replies = await server.pipeline([
      ['SET', 'n', 1],
      ['LPUSH', 'n', 1],
      ['INCR', 'n'],
      ['KEYS', 'none*'],
    ]);
    expect(replies).toEqual(['OK', expect.any(ReplyError), 2, []]);
  });

  it('parses nested arrays and long pipelines', async () => {
    await server.call('XADD', 'x', '1-1', 'f', 'v');
    expect(await server.call('XRANGE', 'x', '-', '+')).toEqual([
      [Buffer.from('1-1'), [Buffer.from('f'), Buffer.from('v')]],
    ]);
    const replies = await server.pipeline(Array.from({ length: 20_000 }, () => ['INCR', 'count']));
    expect(replies.at(-1)).toBe(20_000);
  });

  it('digests all databases', async () => {
    const before = await server.digest();
    expect(before).toMatch(/^[0-9a-f]{40}$/);
    const other = await server.connect();
    await other.call('SELECT', 5);
    await other.call('SET', 'a', 'b');
    expect(await server.digest()).not.toBe(before);
    await other.call('DEL', 'a');
    other.close();
    expect(await server.digest()).toBe(before);
  });

  it('reads INFO and listens on the unix socket', async () => {
    expect((await server.info('server')).get('tcp_port')).toBe(String(server.port));
    const client = await RespClient.connect({ path: server.socketPath });
    expect(await client.call('PING')).toBe('PONG');
    client.close();
  });
});

describe('the life of a server', () => {
  it('leaves neither process nor folder behind', async () => {
    const server = await RedisServer.start();
    const { pid, dir } = server;
    await server.stop();
    expect([alive(pid), existsSync(dir)]).toEqual([false, false]);
  });

  it('stops while it is paused', async () => {
    const server = await RedisServer.start();
    const { pid } = server;
    await server.kill('SIGSTOP');
    await server.stop();
    expect(alive(pid)).toBe(false);
  });

  it.runIf(process.platform === 'linux')('takes along a child that saves in the background', async () => {
    const server = await RedisServer.start({ config: { 'rdb-key-save-delay': '60000000' } });
    await server.pipeline([['MSET', 'a', 1, 'b', 2], ['BGSAVE']]);
    const child = Number(childOf(server.pid));
    expect(alive(child)).toBe(true);
    await server.kill();
    await until('the child is gone', async () => !running(child));
    await server.stop();
    expect(existsSync(server.dir)).toBe(false);
  });

  it('comes back on its port with the data that it saved', async () => {
    const server = await RedisServer.start({ config: { appendonly: 'yes', appendfsync: 'always' } });
    const { port } = server;
    await server.call('SET', 'a', 'b');
    await server.kill();
    expect(server.running).toBe(false);
    await server.restart();
    expect([server.port, await server.text('GET', 'a')]).toEqual([port, 'b']);
    await server.stop();
  });

  it('tells why a server did not start', async () => {
    await expect(RedisServer.start({ config: { 'no-such-setting': '1' } })).rejects.toThrow(
      /no-such-setting/,
    );
    await expect(RedisServer.start({ binary: '/no/such/server' })).rejects.toThrow(/ENOENT/);
  });
});

describe('TLS', () => {
  it('answers with TLS, and wants a client certificate where told so', async () => {
    const files = makeTlsFiles();
    const server = await RedisServer.start({ tls: { ...files, clientAuth: true } });
    expect(server.url).toMatch(/^rediss:/);
    expect(await server.call('PING')).toBe('PONG');
    const { host, port } = server;
    const bare = async (): Promise<unknown> =>
      (await RespClient.connect({ host, port, tls: { ca: files.ca } })).call('PING');
    await expect(bare()).rejects.toThrow();
    await server.stop();
    files.remove();
    expect(existsSync(files.dir)).toBe(false);
  });
});

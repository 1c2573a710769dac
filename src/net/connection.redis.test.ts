import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect as connectTcp } from 'node:net';
import { createServer } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisServer } from '../../test/support/redis-server.ts';
import { makeTlsFiles, type TlsFiles } from '../../test/support/tls.ts';
import { openClient } from './client.ts';
import { Connection, type OpenOptions, type Reader, type TlsOptions } from './connection.ts';
import { parseEndpoint } from './url.ts';

const OPTIONS: OpenOptions = { side: 'source', timeoutMs: 60_000 };

let files: TlsFiles;
beforeAll(() => {
  files = makeTlsFiles();
});
afterAll(() => files.remove());

/** Hashes the first `total` bytes that arrive, in spaces of changing sizes. */
class Hasher implements Reader {
  readonly hash = createHash('sha1');
  readonly done: Promise<string>;
  readonly #buffer = Buffer.allocUnsafe(256 * 1024);
  #left: number;
  #turn = 0;
  #given: Buffer = this.#buffer;
  #finish: (digest: string) => void = () => {};

  constructor(total: number) {
    this.#left = total;
    this.done = new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  space(): Buffer {
    const sizes = [this.#buffer.length, 1, 4093, 64 * 1024];
    this.#given = this.#buffer.subarray(0, sizes[this.#turn++ % sizes.length]);
    return this.#given;
  }

  received(n: number): void {
    this.hash.update(this.#given.subarray(0, n));
    this.#left -= n;
    if (this.#left === 0) this.#finish(this.hash.digest('hex'));
  }
}

async function streamsIntact(server: RedisServer, url: string, tls: TlsOptions): Promise<void> {
  const value = randomBytes(64 * 1024 * 1024);
  await server.call('SET', 'large', value);
  const head = Buffer.from(`$${value.length}\r\n`);
  const expected = createHash('sha1').update(head).update(value).update('\r\n').digest('hex');
  const client = await openClient(parseEndpoint(url), { ...OPTIONS, tls });
  const hasher = new Hasher(head.length + value.length + 2);
  // Nothing is pending: the connection may be taken over from the client.
  client.connection.setReader(hasher);
  client.connection.write('*2\r\n$3\r\nGET\r\n$5\r\nlarge\r\n');
  expect(await hasher.done).toBe(expected);
  await client.connection.end();
}

describe('a real server', () => {
  it('streams 64 MB through the reader intact, over TCP, a unix socket and TLS', async () => {
    const server = await RedisServer.start({ unixSocket: true });
    await streamsIntact(server, server.url, {});
    await streamsIntact(server, `unix://${server.socketPath}`, {});
    await server.stop();
    const secure = await RedisServer.start({ tls: files });
    await streamsIntact(secure, secure.url, { ca: files.ca });
    await secure.stop();
  });

  it('resolves closed when the server is killed', async () => {
    const server = await RedisServer.start();
    const client = await openClient(parseEndpoint(server.url), OPTIONS);
    const blocked = client.call('BLPOP', 'nothing', 0);
    const refused = expect(blocked).rejects.toMatchObject({ code: 'LINK_LOST' });
    await server.kill();
    expect((await client.connection.closed).code).toBe('LINK_LOST');
    await refused;
    expect(client.pending).toBe(0);
    await expect(client.call('PING')).rejects.toMatchObject({ code: 'LINK_LOST' });
    await server.stop();
  });

  it('sends what is buffered before end() closes', async () => {
    const server = await RedisServer.start();
    const client = await openClient(parseEndpoint(server.url), OPTIONS);
    const value = Buffer.alloc(16 * 1024 * 1024, 'v');
    const set = client.call('SET', 'k', value);
    await client.close();
    expect(await set).toBe('OK');
    expect(await server.text('STRLEN', 'k')).toBe(String(value.length));
    await server.stop();
  });
});

describe('TLS', () => {
  it('trusts only the CA that is given, or all when told so', async () => {
    const server = await RedisServer.start({ tls: files });
    const endpoint = parseEndpoint(server.url);
    const open = (tls: TlsOptions) => Connection.open(endpoint, { ...OPTIONS, tls });
    await expect(open({})).rejects.toMatchObject({
      code: 'TLS_FAILED',
      message: expect.stringMatching(/not signed by a CA that is trusted \(\w+\)\.$/),
      place: { side: 'source', node: `127.0.0.1:${server.port}` },
    });
    const stranger = readFileSync(files.strangerCaFile);
    await expect(open({ ca: stranger })).rejects.toMatchObject({ code: 'TLS_FAILED' });
    for (const tls of [{ ca: files.ca }, { insecure: true }, { ca: files.ca, serverName: 'localhost' }]) {
      const connection = await open(tls);
      expect(connection.isOpen).toBe(true);
      await connection.end();
    }
    const byName = await openClient(parseEndpoint(`rediss://localhost:${server.port}/2`), {
      ...OPTIONS,
      tls: { ca: files.ca },
    });
    await byName.close();
    await server.stop();
  });

  it('refuses a certificate for another name, and files that are none', async () => {
    const server = await RedisServer.start({ tls: files });
    const endpoint = parseEndpoint(server.url);
    const open = (tls: TlsOptions) => Connection.open(endpoint, { ...OPTIONS, tls });
    for (const serverName of ['redis.example.com', '127.0.0.2']) {
      await expect(open({ ca: files.ca, serverName })).rejects.toMatchObject({
        code: 'TLS_FAILED',
        message: expect.stringContaining('for another name'),
      });
    }
    await expect(open({ ca: files.ca, cert: 'none', key: 'none' })).rejects.toMatchObject({
      code: 'TLS_FAILED',
    });
    await server.stop();
  });

  it('shows a client certificate to a server that wants one', async () => {
    const server = await RedisServer.start({ tls: { ...files, clientAuth: true } });
    const endpoint = parseEndpoint(server.url);
    const tls = { ca: files.ca, cert: files.clientCert, key: files.clientKey };
    const client = await openClient(endpoint, { ...OPTIONS, tls });
    expect(await client.call('PING')).toBe('PONG');
    await client.close();
    await expect(openClient(endpoint, { ...OPTIONS, tls: { ca: files.ca } })).rejects.toMatchObject({
      code: 'TLS_FAILED',
      message: expect.stringContaining('wants a client certificate'),
    });
    await server.stop();
  });

  it('loses nothing that came before the reader, and follows swaps within a record', async () => {
    const server = createServer(
      { cert: readFileSync(files.serverCertFile), key: readFileSync(files.serverKeyFile) },
      (socket) => socket.end('early words'),
    ).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const endpoint = parseEndpoint(`rediss://127.0.0.1:${port}`);
    const connection = await Connection.open(endpoint, { ...OPTIONS, tls: { ca: files.ca } });
    await new Promise((resolve) => setTimeout(resolve, 20));
    const got: string[] = [];
    const reader = (name: string, next?: Reader): Reader => {
      const space = Buffer.alloc(4);
      const received = (n: number): void => {
        got.push(name + space.toString('latin1', 0, n));
        if (next !== undefined) connection.setReader(next);
      };
      return { space: () => space, received };
    };
    connection.setReader(reader('1:', reader('2:')));
    await connection.closed;
    expect(got).toEqual(['1:earl', '2:y wo', '2:rds']);
    server.close();
  });

  it('calls a plain port by its name, and a TLS port that is spoken to in plain', async () => {
    const plain = await RedisServer.start();
    const secure = await RedisServer.start({ tls: files });
    const wrongTls = openClient(parseEndpoint(`rediss://127.0.0.1:${plain.port}`), {
      ...OPTIONS,
      timeoutMs: 2000,
    });
    await expect(wrongTls).rejects.toMatchObject({ code: 'TLS_FAILED' });
    const wrongPlain = openClient(parseEndpoint(`redis://127.0.0.1:${secure.port}`), OPTIONS);
    await expect(wrongPlain).rejects.toMatchObject({
      code: 'NOT_REDIS',
      message: 'The port speaks TLS: write rediss://.',
    });
    await plain.stop();
    await secure.stop();
  });
});

describe('addresses', () => {
  it('reaches IPv6', async (context) => {
    const server = await RedisServer.start({ args: ['--bind', '127.0.0.1', '::1'] });
    if (!(await listens('::1', server.port))) {
      await server.stop();
      return context.skip('this machine has no ::1');
    }
    const client = await openClient(parseEndpoint(`redis://[::1]:${server.port}`), OPTIONS);
    expect(client.connection.node).toBe(`[::1]:${server.port}`);
    expect(String(await client.call('CLIENT', 'LIST'))).toContain('addr=[::1]:');
    await client.close();
    await server.stop();
  });
});

function listens(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectTcp({ host, port });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

import { once } from 'node:events';
import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { NaruError } from '../errors/errors.ts';
import { FormatError } from '../protocol/format-error.ts';
import { Connection, type OpenOptions, type Reader } from './connection.ts';

/** A peer that a test plays itself: no server, so that every byte and pause is known. */
const servers: net.Server[] = [];
const sockets: net.Socket[] = [];

async function pair(): Promise<{ connection: Connection; peer: net.Socket }> {
  const server = net.createServer();
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[net.Socket]>;
  const connection = await Connection.open(endpointOf(server), OPTIONS);
  const [peer] = await accepted;
  peer.on('error', () => {});
  sockets.push(peer);
  return { connection, peer };
}

const OPTIONS: OpenOptions = { side: 'target', timeoutMs: 60_000 };

function endpointOf(server: net.Server): { host: string; port: number; db: number; tls: boolean } {
  return { host: '127.0.0.1', port: (server.address() as net.AddressInfo).port, db: 0, tls: false };
}

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

class Collector implements Reader {
  bytes = 0;
  text = '';
  readonly #buffer: Buffer;
  #until = 0;
  #wake: () => void = () => {};
  onReceived: () => void = () => {};

  constructor(size = 1024) {
    this.#buffer = Buffer.alloc(size);
  }

  space(): Buffer {
    return this.#buffer;
  }

  received(n: number): void {
    this.bytes += n;
    if (this.text.length < 1024) this.text += this.#buffer.toString('latin1', 0, n);
    this.onReceived();
    if (this.bytes >= this.#until) this.#wake();
  }

  has(bytes: number): Promise<void> {
    this.#until = bytes;
    return new Promise((resolve) => {
      this.#wake = resolve;
      if (this.bytes >= bytes) resolve();
    });
  }
}

describe('reading', () => {
  it('loses nothing that came before the reader', async () => {
    const { connection, peer } = await pair();
    await new Promise<void>((resolve) => peer.write('early ', () => resolve()));
    await new Promise((resolve) => setTimeout(resolve, 20));
    const reader = new Collector(4);
    connection.setReader(reader);
    peer.write('late');
    await reader.has(10);
    expect(reader.text).toBe('early late');
    connection.destroy();
  });

  it('hands over to another reader, inside and outside of received()', async () => {
    const { connection, peer } = await pair();
    const [first, second, third] = [new Collector(64), new Collector(3), new Collector(64)];
    first.onReceived = () => connection.setReader(second);
    connection.setReader(first);
    peer.write('one');
    await first.has(3);
    peer.write('twotwo');
    await second.has(6);
    connection.setReader(third);
    peer.write('three');
    await third.has(5);
    expect([first.text, second.text, third.text]).toEqual(['one', 'twotwo', 'three']);
    connection.destroy();
  });

  it('stops reading while paused, so that the peer is held up, and goes on after', async () => {
    const { connection, peer } = await pair();
    const reader = new Collector(64 * 1024);
    connection.setReader(reader);
    peer.write('x');
    await reader.has(1);
    connection.pause();
    // More than the kernel's buffers hold: the peer can only finish if somebody reads.
    const total = 32 * 1024 * 1024;
    const finished = new Promise<void>((resolve) => peer.write(Buffer.alloc(total), () => resolve()));
    await Promise.race([finished, new Promise((resolve) => setTimeout(resolve, 200))]);
    const atPause = reader.bytes;
    expect(atPause).toBe(1);
    expect(peer.writableLength).toBeGreaterThan(0);
    connection.resume();
    await reader.has(total + 1);
    await finished;
    expect(reader.bytes).toBe(total + 1);
    connection.destroy();
  });

  it('can be paused inside received(), and before there is a reader', async () => {
    const { connection, peer } = await pair();
    const reader = new Collector(4);
    connection.pause();
    connection.setReader(reader);
    await new Promise<void>((resolve) => peer.write('x', () => resolve()));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(reader.text).toBe('');
    connection.resume();
    await reader.has(1);
    reader.onReceived = () => connection.pause();
    peer.write('abcdefgh');
    await reader.has(5);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(reader.text).toBe('xabcd');
    connection.resume();
    await reader.has(9);
    expect(reader.text).toBe('xabcdefgh');
    connection.destroy();
  });

  it('closes when a reader throws, and passes the reason on', async () => {
    const cases: [Error, string][] = [
      [new NaruError('SPOOL_FULL', 'full'), 'SPOOL_FULL'],
      [new FormatError('malformed', 'bad', 7), 'BAD_FORMAT'],
      [new Error('oops'), 'INTERNAL'],
    ];
    for (const [error, code] of cases) {
      const { connection, peer } = await pair();
      const reader = new Collector();
      reader.onReceived = () => {
        throw error;
      };
      connection.setReader(reader);
      peer.write('x');
      expect((await connection.closed).code).toBe(code);
    }
  });
});

describe('writing', () => {
  it('tells that the kernel has the bytes: at once, or later by done and onDrain', async () => {
    const { connection, peer } = await pair();
    let drains = 0;
    connection.onDrain = () => {
      drains++;
    };
    expect(connection.write('small')).toBe(true);
    expect(connection.bufferedBytes).toBe(0);
    peer.pause();
    const large = Buffer.alloc(32 * 1024 * 1024, 'x');
    const order: string[] = [];
    const drained = new Promise<void>((resolve) => {
      connection.onDrain = () => {
        drains++;
        resolve();
      };
    });
    expect(connection.write(large, () => order.push('large'))).toBe(false);
    expect(connection.write('tail', () => order.push('tail'))).toBe(false);
    expect(connection.bufferedBytes).toBe(large.length + 4);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect([drains, order]).toEqual([0, []]);
    let got = 0;
    peer.on('data', (chunk) => {
      got += chunk.length;
    });
    peer.resume();
    await drained;
    expect([drains, order]).toEqual([1, ['large', 'tail']]);
    expect(connection.bufferedBytes).toBe(0);
    await connection.end();
    if (!peer.readableEnded) await once(peer, 'end');
    expect(got).toBe(large.length + 'smalltail'.length);
  });

  it('calls done exactly once when the connection dies, before closed resolves', async () => {
    for (const how of ['destroy', 'reset'] as const) {
      const { connection, peer } = await pair();
      connection.setReader(new Collector());
      peer.pause();
      const calls = [0, 0, 0];
      const count = (i: number) => () => {
        calls[i] = (calls[i] ?? 0) + 1;
      };
      connection.write(Buffer.alloc(32 * 1024 * 1024), count(0));
      connection.write('b', count(1));
      if (how === 'destroy') connection.destroy();
      else peer.resetAndDestroy();
      const reason = await connection.closed;
      expect(reason.code).toBe('LINK_LOST');
      expect(calls).toEqual([1, 1, 0]);
      expect(connection.write('c', count(2))).toBe(false);
      await new Promise((resolve) => setImmediate(resolve));
      expect(calls).toEqual([1, 1, 1]);
    }
  });
});

describe('closing', () => {
  it('resolves closed when the peer closes or resets', async () => {
    const closing = await pair();
    closing.connection.setReader(new Collector());
    closing.peer.end();
    const closed = await closing.connection.closed;
    expect([closed.code, closed.message]).toEqual(['LINK_LOST', 'The peer closed the connection.']);
    expect(closed.place).toEqual({ side: 'target', node: closing.connection.node });
    expect(closing.connection.isOpen).toBe(false);

    const resetting = await pair();
    resetting.connection.setReader(new Collector());
    resetting.peer.resetAndDestroy();
    expect((await resetting.connection.closed).message).toBe(
      'The peer broke the connection off (ECONNRESET).',
    );
  });

  it('resolves closed with the reason that destroy was given, and reads no more', async () => {
    const { connection, peer } = await pair();
    const reader = new Collector();
    connection.setReader(reader);
    peer.write('x');
    await reader.has(1);
    const reason = new NaruError('GAVE_UP', 'enough');
    connection.destroy(reason);
    connection.destroy(new NaruError('INTERNAL', 'second'));
    peer.write('y');
    expect(await connection.closed).toBe(reason);
    expect(reader.text).toBe('x');
    await connection.end();
  });

  it('ends after all is sent, also when the peer never closes its end', async () => {
    const server = net.createServer({ allowHalfOpen: true });
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const accepted = once(server, 'connection') as Promise<[net.Socket]>;
    const connection = await Connection.open(endpointOf(server), OPTIONS);
    const [peer] = await accepted;
    sockets.push(peer);
    let got = 0;
    peer.on('data', (chunk) => {
      got += chunk.length;
    });
    connection.write(Buffer.alloc(8 * 1024 * 1024));
    const ended = connection.end();
    expect(connection.isOpen).toBe(false);
    await ended;
    expect(got).toBe(8 * 1024 * 1024);
    expect((await connection.closed).message).toBe('The connection was closed by Naru.');
  });
});

describe('opening', () => {
  it('is UNREACHABLE where nothing listens, in time, and when aborted', async () => {
    const server = net.createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const endpoint = endpointOf(server);
    server.close();
    await once(server, 'close');
    await expect(Connection.open(endpoint, OPTIONS)).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: 'Nothing accepts connections at this address (ECONNREFUSED).',
      place: { side: 'target', node: `127.0.0.1:${endpoint.port}` },
    });
    const path = { path: '/nowhere/redis.sock', db: 0, tls: false };
    await expect(Connection.open(path, OPTIONS)).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: 'There is no such socket (ENOENT).',
      place: { node: '/nowhere/redis.sock' },
    });
    const controller = new AbortController();
    controller.abort();
    const aborted = Connection.open(endpoint, { ...OPTIONS, signal: controller.signal });
    await expect(aborted).rejects.toMatchObject({ code: 'UNREACHABLE', message: 'Connecting was stopped.' });
  });

  it('is TLS_FAILED at ports that are silent or speak something else', async () => {
    const server = net.createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => {});
      if (greeting !== '') socket.write(greeting);
    });
    let greeting = '';
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const endpoint = { ...endpointOf(server), tls: true };
    await expect(Connection.open(endpoint, { ...OPTIONS, timeoutMs: 1000 })).rejects.toMatchObject({
      code: 'TLS_FAILED',
      message: expect.stringContaining('did not answer the TLS handshake within 1000 ms'),
      cause: { code: 'ETIMEDOUT' },
    });
    greeting = 'HTTP/1.1 400 Bad Request\r\n\r\n';
    await expect(Connection.open(endpoint, OPTIONS)).rejects.toMatchObject({
      code: 'TLS_FAILED',
      message: expect.stringContaining('does not speak TLS'),
    });
    greeting = '';
    const controller = new AbortController();
    const reason = new NaruError('STOPPED_EARLY', 'stop');
    server.once('connection', () => controller.abort(reason));
    await expect(Connection.open(endpoint, { ...OPTIONS, signal: controller.signal })).rejects.toBe(reason);
  });

  it('tries the other addresses of a name', async () => {
    const { connection } = await pair();
    const byName = await Connection.open(
      { host: 'localhost', port: Number(connection.node.split(':')[1]), db: 0, tls: false },
      OPTIONS,
    );
    expect(byName.isOpen).toBe(true);
    byName.destroy();
    connection.destroy();
  });
});

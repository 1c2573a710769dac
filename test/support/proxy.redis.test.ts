import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CutAfterBytes, FaultProxy, HoldAfterBytes, HoldResponse, Reject, RespondSlowly } from './proxy.ts';
import { RedisServer } from './redis-server.ts';
import { RespClient } from './resp-client.ts';
import { until } from './until.ts';

describe('FaultProxy', () => {
  let server: RedisServer;
  let proxy: FaultProxy;
  let client: RespClient;
  beforeAll(async () => {
    server = await RedisServer.start();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    proxy = await FaultProxy.start(server);
    client = await RespClient.connect(proxy);
  });
  afterEach(async () => {
    client.close();
    await proxy.stop();
  });

  it('passes everything on, large values in both directions', async () => {
    const large = Buffer.alloc(20_000_000, 'x');
    await client.call('SET', 'large', large);
    expect(large.equals((await client.call('GET', 'large')) as Buffer)).toBe(true);
    expect([proxy.connections, proxy.accepted]).toEqual([1, 1]);
    expect(Math.min(...Object.values(proxy.passed))).toBeGreaterThan(20_000_000);
  });

  it('rejects new connections and leaves the old', async () => {
    proxy.use(Reject);
    const second = RespClient.connect(proxy).then((other) => other.call('PING'));
    await expect(second).rejects.toThrow();
    expect(await client.call('PING')).toBe('PONG');
    proxy.use(undefined);
    const third = await RespClient.connect(proxy);
    expect(await third.call('PING')).toBe('PONG');
    third.close();
  });

  it('cuts after exactly so many bytes of the requests', async () => {
    const ping = '*1\r\n$4\r\nPING\r\n'.length;
    await client.call('PING');
    proxy.use(CutAfterBytes(2 * ping + 3, 'to-server'));
    await expect(client.pipeline([['PING'], ['PING'], ['PING']])).rejects.toThrow();
    expect(proxy.passed['to-server']).toBe(3 * ping + 3);
    const after = await RespClient.connect(proxy);
    expect(await after.call('PING')).toBe('PONG');
    after.close();
  });

  it('cuts after exactly so many bytes of the answers, which arrive', async () => {
    await server.call('SET', 'v', Buffer.alloc(1000, 'v'));
    proxy.use(CutAfterBytes(107, 'to-client'));
    await expect(client.call('GET', 'v')).rejects.toThrow();
    expect(proxy.passed['to-client']).toBe(107);
  });

  it('holds what comes after so many bytes of the requests, and then lets it go on', async () => {
    const ping = '*1\r\n$4\r\nPING\r\n'.length;
    proxy.use(HoldAfterBytes(2 * ping + 3, 'to-server'));
    const [first, second, third] = [0, 1, 2].map(() => client.call('PING'));
    expect([await first, await second, proxy.passed['to-server']]).toEqual(['PONG', 'PONG', 2 * ping + 3]);
    const other = await RespClient.connect(proxy);
    const fourth = other.call('PING');
    await until('both connections', async () => proxy.connections === 2);
    expect(proxy.passed['to-server']).toBe(2 * ping + 3);
    proxy.use(undefined);
    expect([await third, await fourth]).toEqual(['PONG', 'PONG']);
    other.close();
  });

  it('holds the answers while requests pass', async () => {
    proxy.use(HoldResponse);
    const reply = client.call('INCR', 'held');
    let answered = false;
    void reply.then(() => {
      answered = true;
    });
    await until('the request arrives', async () => (await server.text('GET', 'held')) === '1');
    expect(answered).toBe(false);
    proxy.use(undefined);
    expect(await reply).toBe(1);
  });

  it('lets answers come slowly', async () => {
    await server.call('SET', 'v', Buffer.alloc(30_000, 'v'));
    proxy.use(RespondSlowly(100_000));
    const begin = performance.now();
    expect(await client.call('STRLEN', 'v')).toBe(30_000);
    expect(((await client.call('GET', 'v')) as Buffer).length).toBe(30_000);
    expect(performance.now() - begin).toBeGreaterThan(250);
  });

  it('cuts every connection now', async () => {
    const blocked = client.call('BLPOP', 'none', 0);
    await until('BLPOP blocks', async () => (await server.text('CLIENT', 'LIST')).includes('cmd=blpop'));
    proxy.cut();
    await expect(blocked).rejects.toThrow();
  });

  it('lets nothing pass while it is paused', async () => {
    proxy.pause();
    const reply = client.call('SET', 'paused', 1);
    expect(await server.call('EXISTS', 'paused')).toBe(0);
    proxy.resume();
    expect(await reply).toBe('OK');
  });

  it('ends the client when the server ends', async () => {
    const other = await RedisServer.start();
    const between = await FaultProxy.start(other);
    const through = await RespClient.connect(between);
    await through.call('PING');
    await other.kill();
    await expect(through.call('BLPOP', 'none', 0)).rejects.toThrow();
    through.close();
    await between.stop();
    await other.stop();
    expect(between.connections).toBe(0);
  });
});

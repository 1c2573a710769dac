/** Signals at any time: what was promised is done, and what is not done is said. */

import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { acknowledged } from '../../support/acknowledged.ts';
import { compare } from '../../support/compare.ts';
import { failureOf, startSync } from '../../support/failed-run.ts';
import { fillStrings } from '../../support/fill.ts';
import { FaultProxy, HoldAfterBytes, HoldResponse } from '../../support/proxy.ts';
import { RedisServer } from '../../support/redis-server.ts';
import { SourceDouble } from '../../support/source-double.ts';
import { until } from '../../support/until.ts';
import { Writer } from '../../support/writers.ts';

/** A busy machine's; what is waited for otherwise takes two minutes. */
const AT_ONCE_MS_MAX = 60_000;

let source: RedisServer;
let target: RedisServer;
let proxy: FaultProxy;
beforeAll(async () => {
  [source, target] = await Promise.all([RedisServer.start(), RedisServer.start()]);
  proxy = await FaultProxy.start(target);
});
afterAll(async () => {
  await proxy.stop();
  await Promise.all([source.stop(), target.stop()]);
});
beforeEach(async () => {
  proxy.use(undefined);
  for (const server of [source, target]) await server.call('FLUSHALL');
});

describe('SIGTERM', () => {
  it('while connecting to a silent port: ends at once', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as { port: number };
    const naru = startSync(`redis://127.0.0.1:${port}`, target.url, ['--connect-timeout', '120s']);
    await once(silent, 'connection');
    expect(await endOf(naru)).toMatchObject({ code: 'STOPPED_EARLY' });
    silent.close();
  });

  it('while the source prepares its snapshot: ends at once', async () => {
    let asked = (): void => {};
    const psync = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const double = await SourceDouble.start({ psync: () => asked() });
    const naru = startSync(double.url, target.url);
    await psync;
    expect(await endOf(naru)).toMatchObject({ code: 'STOPPED_EARLY' });
    await double.stop();
  });

  it('in the snapshot: the copy is not whole', async () => {
    await fillStrings(source, 20_000, 1000);
    const before = proxy.passed['to-server'];
    proxy.use(HoldAfterBytes(1_000_000, 'to-server'));
    const naru = startSync(source.url, proxy.url, ['--in-flight', '64KiB']);
    await until('some bytes', async () => proxy.passed['to-server'] >= before + 1_000_000);
    expect(await endOf(naru)).toMatchObject({ code: 'STOPPED_EARLY' });
    expect(naru.eventsOf('done')).toEqual([]);
  });

  it.each([
    'SIGTERM',
    'SIGINT',
  ] as const)('in the stream, as %s: applies what was received', async (signal) => {
    const writer = new Writer(source, { seed: 13, rate: 5000 });
    await writer.start();
    const naru = startSync(source.url, target.url);
    await naru.untilEvent('synced');
    await writer.until(1000);
    await writer.stop();
    const offset = Number((await source.info('replication')).get('master_repl_offset'));
    await acknowledged(naru, source);
    expect((await naru.stop(signal)).code, naru.stderr).toBe(0);
    expect(naru.eventsOf('done')[0]).toMatchObject({ lagBytes: 0 });
    expect(naru.eventsOf('done')[0]?.offset).toBeGreaterThanOrEqual(offset);
    expect(await compare(source, target)).toEqual([]);
    expect(await target.call('KEYS', 'naru:*')).toEqual([]);
  });

  it('in the stream while the target does not answer: says after --drain-timeout how much is missing', async () => {
    const naru = startSync(source.url, proxy.url, ['--drain-timeout', '300ms']);
    await naru.untilEvent('synced');
    proxy.use(HoldResponse);
    await source.call('SET', 'later', 1);
    await naru.untilEvent('progress', (event) => event.lagBytes > 0);
    const error = await endOf(naru);
    expect(error).toMatchObject({ code: 'STOPPED_EARLY' });
    expect(error.message).toMatch(/\d+ bytes.*--drain-timeout/);
  });
});

describe('a second SIGINT', () => {
  it('ends at once, with exit code 1', async () => {
    const naru = startSync(source.url, proxy.url, ['--drain-timeout', '120s']);
    await naru.untilEvent('synced');
    proxy.use(HoldResponse);
    await source.call('SET', 'later', 1);
    await naru.untilEvent('progress', (event) => event.lagBytes > 0);
    naru.kill('SIGINT');
    await naru.untilEvent('progress', (event) => event.phase === 'draining');
    const begin = performance.now();
    expect(await naru.stop('SIGINT')).toEqual({ code: 1, signal: null });
    expect(performance.now() - begin).toBeLessThan(AT_ONCE_MS_MAX);
    expect(naru.stderr).toContain('SIGINT again');
  });
});

async function endOf(naru: ReturnType<typeof startSync>) {
  const begin = performance.now();
  naru.kill('SIGTERM');
  const error = await failureOf(naru);
  expect(performance.now() - begin).toBeLessThan(AT_ONCE_MS_MAX);
  return error;
}

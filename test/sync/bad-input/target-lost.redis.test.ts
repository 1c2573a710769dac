/** The target dies, refuses, or has no room: it is waited for while that may help, and no write is taken for done that was not. */
import { afterEach, describe, expect, it } from 'vitest';
import { endsEqual } from '../../support/ends-equal.ts';
import { failureOf, startSync } from '../../support/failed-run.ts';
import { fillStrings } from '../../support/fill.ts';
import type { Naru } from '../../support/naru.ts';
import { FaultProxy } from '../../support/proxy.ts';
import { RedisServer } from '../../support/redis-server.ts';
import { Writer } from '../../support/writers.ts';

const servers: RedisServer[] = [];
const proxies: FaultProxy[] = [];
const runs: Naru[] = [];
afterEach(async () => {
  for (const naru of runs.splice(0)) if (naru.exit === undefined) await naru.stop('SIGKILL');
  for (const proxy of proxies.splice(0)) await proxy.stop();
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

async function setUp(
  config: Record<string, string> = {},
): Promise<{ source: RedisServer; target: RedisServer }> {
  const [source, target] = await Promise.all([RedisServer.start(), RedisServer.start({ config })]);
  servers.push(source, target);
  await source.call('SET', 'k', 'v');
  return { source, target };
}

function start(source: RedisServer, target: { url: string }, ...args: string[]): Naru {
  const naru = startSync(source.url, target.url, ['--progress-interval', '20ms', ...args]);
  runs.push(naru);
  return naru;
}

const isRetry = (event: { retry: boolean }): boolean => event.retry;

describe('a target that dies', () => {
  it('and does not come back: gives up after --give-up-after', async () => {
    const { source, target } = await setUp();
    const naru = start(source, target, '--give-up-after', '1s');
    await naru.untilEvent('synced');
    await target.kill();
    const error = await failureOf(naru);
    expect(error).toMatchObject({ code: 'GAVE_UP', side: 'target', node: `127.0.0.1:${target.port}` });
    expect(error.message).toContain('ECONNREFUSED');
  });

  it.each([
    ['in the stream', ['SET', 'later', '1']],
    ['right after the snapshot', undefined],
  ])('and comes back empty, %s: its loss is seen', async (_name, command) => {
    const { source, target } = await setUp();
    const naru = start(source, target);
    await naru.untilEvent('synced');
    if (command !== undefined) {
      const from = naru.events.length;
      await source.call(...command);
      await naru.untilEvent('progress', (event) => event.commands > 0 && event.lagBytes === 0, from);
    }
    await target.kill();
    await target.restart();
    const error = await failureOf(naru);
    expect(error).toMatchObject({ code: 'TARGET_LOST_DATA', side: 'target' });
    expect(error.message).toContain('checkpoint is gone');
    expect(error.advice).toContain('--on-conflict overwrite');
  });

  it('and comes back with its data: goes on, and ends equal', async () => {
    const { source, target } = await setUp({ appendonly: 'yes', appendfsync: 'always' });
    const writer = new Writer(source, { seed: 9, rate: 3000 });
    await writer.start();
    const naru = start(source, target);
    await naru.untilEvent('snapshot_done');
    for (let round = 0; round < 2; round++) {
      await writer.until(500);
      await target.kill();
      await target.restart();
    }
    await writer.until(500);
    await writer.stop();
    await endsEqual(naru, source, target);
  });

  it('at SIGTERM is away: says that not everything is there', async () => {
    const { source, target } = await setUp();
    const naru = start(source, target, '--drain-timeout', '500ms');
    await naru.untilEvent('synced');
    await target.kill();
    await naru.untilEvent('error', isRetry);
    naru.kill('SIGTERM');
    const error = await failureOf(naru);
    expect(error.code).toBe('STOPPED_EARLY');
    expect(error.message).toContain('target was away');
  });

  it('is silent when Naru connects again: waited for', async () => {
    const { source, target } = await setUp();
    const proxy = await FaultProxy.start(target);
    proxies.push(proxy);
    const naru = start(source, proxy, '--connect-timeout', '2s');
    await naru.untilEvent('synced');
    await target.kill('SIGSTOP');
    proxy.cut();
    const silence = await naru.untilEvent('error', (event) => event.message.includes('no answer within'));
    expect(silence).toMatchObject({ code: 'NOT_REDIS', retry: true, side: 'target' });
    await target.kill('SIGCONT');
    await endsEqual(naru, source, target);
  });
});

describe('a target that refuses writes', () => {
  it('for a while (NOREPLICAS): waits, says why, goes on and ends equal', async () => {
    const { source, target } = await setUp();
    const writer = new Writer(source, { seed: 11, rate: 2000 });
    await writer.start();
    const naru = start(source, target);
    await naru.untilEvent('snapshot_done');
    await target.call('CONFIG', 'SET', 'min-replicas-to-write', 1);
    const error = await naru.untilEvent('error', isRetry);
    expect(error).toMatchObject({ code: 'TARGET_UNAVAILABLE', side: 'target' });
    expect(error.message).toContain('NOREPLICAS');
    const { waiting } = await naru.untilEvent('progress', (event) => event.waiting !== undefined);
    expect(waiting).toMatch(/target lost, trying again: .*NOREPLICAS/);
    await writer.until(200);
    await target.call('CONFIG', 'SET', 'min-replicas-to-write', 0);
    await writer.until(200);
    await writer.stop();
    expect(naru.eventsOf('error').length).toBeLessThan(30);
    await endsEqual(naru, source, target);
  });

  it('for ever (NOREPLICAS): gives up, although it lets Naru in each time', async () => {
    const { source, target } = await setUp({ 'min-replicas-to-write': '1' });
    const error = await failureOf(
      start(source, target, '--give-up-after', '1s', '--on-conflict', 'overwrite'),
    );
    // Even the first word, which removes what an earlier run may have left, is a write.
    expect(error.message).toContain('NOREPLICAS');
    expect(error).toMatchObject({ side: 'target' });
    await target.call('CONFIG', 'SET', 'min-replicas-to-write', 0);
    const naru = start(source, target, '--give-up-after', '1s');
    await naru.untilEvent('synced');
    await target.call('CONFIG', 'SET', 'min-replicas-to-write', 1);
    await source.call('SET', 'later', 1);
    expect(await failureOf(naru)).toMatchObject({ code: 'GAVE_UP', side: 'target' });
    expect(naru.eventsOf('error').length).toBeLessThan(20);
  });

  it('has no memory for the snapshot', async () => {
    const { source, target } = await setUp({ maxmemory: '3mb', 'maxmemory-policy': 'noeviction' });
    await fillStrings(source, 5000, 1000);
    const error = await failureOf(start(source, target));
    expect(error).toMatchObject({ code: 'TARGET_OUT_OF_MEMORY', side: 'target', key: expect.any(String) });
    expect(error.offset).toBeGreaterThan(0);
    expect(error.message).toContain('OOM');
    expect(error.advice).toContain('maxmemory');
  });

  it('has no memory for the stream', async () => {
    const { source, target } = await setUp({ maxmemory: '3mb', 'maxmemory-policy': 'noeviction' });
    const naru = start(source, target);
    await naru.untilEvent('synced');
    await source.pipeline(Array.from({ length: 100 }, (_, i) => ['APPEND', `big${i}`, 'x'.repeat(50_000)]));
    const error = await failureOf(naru);
    expect(error).toMatchObject({ code: 'TARGET_OUT_OF_MEMORY', side: 'target', command: 'APPEND' });
    expect(error.key).toMatch(/^big\d+$/);
    expect(error.offset).toBeGreaterThan(0);
  });
});

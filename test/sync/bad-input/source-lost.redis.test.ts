/** The way to the source breaks, or it falls silent: the stream goes on where it was, or the run says that it can't. */
import { afterEach, describe, expect, it } from 'vitest';
import { endsEqual } from '../../support/ends-equal.ts';
import { failureOf, startSync } from '../../support/failed-run.ts';
import { fill, fillStrings } from '../../support/fill.ts';
import type { Naru } from '../../support/naru.ts';
import { CutAfterBytes, FaultProxy, Reject } from '../../support/proxy.ts';
import { RedisServer } from '../../support/redis-server.ts';
import { until } from '../../support/until.ts';
import { Writer } from '../../support/writers.ts';

interface Setup {
  source: RedisServer;
  target: RedisServer;
  proxy: FaultProxy;
}

const open: Setup[] = [];
const runs: Naru[] = [];
afterEach(async () => {
  for (const naru of runs.splice(0)) if (naru.exit === undefined) await naru.stop('SIGKILL');
  for (const { source, target, proxy } of open.splice(0)) {
    await proxy.stop();
    await Promise.all([source.stop(), target.stop()]);
  }
});

async function setUp(config: Record<string, string> = {}): Promise<Setup> {
  const [source, target] = await Promise.all([RedisServer.start({ config }), RedisServer.start()]);
  const setup = { source, target, proxy: await FaultProxy.start(source) };
  open.push(setup);
  return setup;
}

function start({ proxy, target }: Setup, ...args: string[]): Naru {
  const naru = startSync(proxy.url, target.url, ['--progress-interval', '20ms', ...args]);
  runs.push(naru);
  return naru;
}

const isRetry = (event: { retry: boolean }): boolean => event.retry;
const partialSyncs = async (source: RedisServer): Promise<number> =>
  Number((await source.info('stats')).get('sync_partial_ok'));

describe('the first connection', () => {
  it('is cut at different bytes of what the source says: an error each time, nothing written', async () => {
    const setup = await setUp();
    await setup.source.call('SET', 'k', 'v'.repeat(100));
    // The questions before PSYNC are answered with 12 bytes, INFO and TIME; what is left of 120 bytes is the handshake.
    for (const bytes of [0, 3, 7, 12, 500]) {
      setup.proxy.use(CutAfterBytes(bytes, 'to-client'));
      const error = await failureOf(start(setup));
      expect(error, String(bytes)).toMatchObject({ side: 'source' });
      expect(error.code, String(bytes)).toMatch(/^(LINK_LOST|NOT_REDIS)$/);
      setup.proxy.use(undefined);
    }
    expect(await setup.target.call('DBSIZE')).toBe(0);
  });

  it('is cut in the snapshot', async () => {
    const setup = await setUp();
    await fillStrings(setup.source, 2000, 1000);
    setup.proxy.use(CutAfterBytes(1_000_000, 'to-client'));
    const error = await failureOf(start(setup));
    expect(error).toMatchObject({ code: 'SNAPSHOT_BROKEN_OFF', side: 'source' });
    // All but what the source was asked before: of that its list of commands is a hundred kB.
    expect(error.offset).toBeGreaterThan(500_000);
    expect(error.offset).toBeLessThan(1_000_000);
    expect(error.message).toContain(`${error.offset} bytes`);
  });
});

describe('the stream', () => {
  it('goes on after CLIENT KILL and after cuts, under writes, by partial resync', async () => {
    const setup = await setUp({ 'repl-backlog-size': '64mb' });
    await fill(setup.source, 2000);
    const writer = new Writer(setup.source, { seed: 5, rate: 5000 });
    await writer.start();
    const naru = start(setup);
    await naru.untilEvent('snapshot_done');
    for (let round = 0; round < 4; round++) {
      const from = naru.events.length;
      if (round % 2 === 0) await setup.source.call('CLIENT', 'KILL', 'TYPE', 'replica');
      else setup.proxy.use(CutAfterBytes(10_007, 'to-client'));
      const lost = await naru.untilEvent('error', isRetry, from);
      // Progress from before the error knows of no waiting either.
      await naru.untilEvent('progress', (event) => event.waiting === undefined, naru.events.indexOf(lost));
      await writer.until(500);
    }
    await writer.stop();
    expect(await partialSyncs(setup.source)).toBeGreaterThanOrEqual(4);
    await endsEqual(naru, setup.source, setup.target);
  });

  it('goes on when a reconnect is cut at any place of its handshake', async () => {
    const setup = await setUp();
    await setup.source.call('SET', 'k', 'v');
    const naru = start(setup);
    await naru.untilEvent('synced');
    // +PONG, +OK, +OK, then `+CONTINUE <40 characters>`: 69 bytes.
    for (const bytes of [1, 6, 7, 11, 12, 16, 17, 18, 30, 67, 68, 69]) {
      const from = naru.events.length;
      setup.proxy.cut();
      setup.proxy.use(CutAfterBytes(bytes, 'to-client'));
      await setup.source.call('SET', `k${bytes}`, bytes);
      const lost = await naru.untilEvent('error', isRetry, from);
      // The second one may have been told by now.
      const cut = await naru.untilEvent('error', isRetry, naru.events.indexOf(lost) + 1);
      const isBack = (event: { waiting?: string | undefined }): boolean => event.waiting === undefined;
      await naru.untilEvent('progress', isBack, naru.events.indexOf(cut));
      await until('the key', async () => (await setup.target.call('EXISTS', `k${bytes}`)) === 1);
    }
    await endsEqual(naru, setup.source, setup.target);
  });

  it('can not go on when the backlog is too small', async () => {
    const setup = await setUp({ 'repl-backlog-size': '16kb' });
    await setup.source.call('SET', 'k', 'v');
    const naru = start(setup);
    await naru.untilEvent('synced');
    setup.proxy.use(Reject);
    setup.proxy.cut();
    await naru.untilEvent('error', isRetry);
    for (let i = 0; i < 100; i++) await setup.source.call('SET', `k${i}`, 'x'.repeat(1000));
    setup.proxy.use(undefined);
    const error = await failureOf(naru);
    expect(error).toMatchObject({ code: 'FULL_RESYNC_NEEDED', side: 'source', offset: expect.any(Number) });
    expect(error.advice).toContain('repl-backlog-size');
  });

  it('gives up after --give-up-after', async () => {
    const setup = await setUp();
    const naru = start(setup, '--give-up-after', '1s');
    await naru.untilEvent('synced');
    const begin = performance.now();
    setup.proxy.use(Reject);
    setup.proxy.cut();
    const error = await failureOf(naru);
    expect(performance.now() - begin).toBeGreaterThan(950);
    expect(error).toMatchObject({ code: 'GAVE_UP', side: 'source' });
    expect(naru.eventsOf('error').length).toBeGreaterThan(1);
  });

  it('gives up on a source that lets it in and hangs up each time', async () => {
    // A ping that came through would be the end of the outage.
    const setup = await setUp({ 'repl-ping-replica-period': '3600' });
    const naru = start(setup, '--give-up-after', '1s');
    await naru.untilEvent('synced');
    const killer = setInterval(() => void setup.source.call('CLIENT', 'KILL', 'TYPE', 'replica'), 5);
    try {
      expect(await failureOf(naru)).toMatchObject({ code: 'GAVE_UP', side: 'source' });
      expect(naru.eventsOf('error').length).toBeLessThan(20);
    } finally {
      clearInterval(killer);
      // Behind the last of its answers.
      await setup.source.call('PING');
    }
  });

  it('a source that falls silent is not taken for one that has ended', async () => {
    const setup = await setUp();
    const naru = start(setup);
    await naru.untilEvent('synced');
    await setup.source.kill('SIGSTOP');
    const from = naru.events.length;
    for (let i = 0; i < 20; i++) await naru.untilEvent('progress', () => true, naru.events.length);
    await setup.source.kill('SIGCONT');
    expect(naru.events.slice(from).filter((event) => event.event !== 'progress')).toEqual([]);
    await setup.source.call('SET', 'later', 1);
    await endsEqual(naru, setup.source, setup.target);
  });

  it('waits for a source that is silent while it reconnects', async () => {
    const setup = await setUp();
    const naru = start(setup, '--connect-timeout', '2s');
    await naru.untilEvent('synced');
    await setup.source.call('SET', 'before', 1);
    await setup.source.kill('SIGSTOP');
    setup.proxy.cut();
    const silence = await naru.untilEvent('error', (event) => event.message.includes('no answer within'));
    expect(silence).toMatchObject({ code: 'NOT_REDIS', retry: true, side: 'source' });
    await setup.source.kill('SIGCONT');
    await endsEqual(naru, setup.source, setup.target);
  });
});

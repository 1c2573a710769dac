import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compare } from './compare.ts';
import { fill } from './fill.ts';
import { Naru } from './naru.ts';
import { RedisServer } from './redis-server.ts';

describe('Naru', () => {
  let source: RedisServer;
  let target: RedisServer;
  beforeAll(async () => {
    [source, target] = await Promise.all([RedisServer.start(), RedisServer.start()]);
    await fill(source, 1000);
  });
  afterAll(() => Promise.all([source.stop(), target.stop()]));

  it('gives events, memory, CPU time and the exit code of a run', async () => {
    const naru = Naru.start([
      'sync',
      '--from',
      source.url,
      '--to',
      target.url,
      '--json',
      '--dir',
      target.dir,
    ]);
    const synced = await naru.untilEvent('synced');
    expect(synced.keys).toBe(1000);
    expect((await naru.untilEvent('snapshot_done')).keys).toBe(1000);
    await source.call('SET', 'later', 1);
    await naru.untilEvent('progress', (event) => event.commands > 0 && event.lagBytes === 0);
    expect(await naru.stop()).toEqual({ code: 0, signal: null });
    expect(naru.eventsOf('done')).toHaveLength(1);
    expect(naru.peakRssBytes).toBeGreaterThan(20e6);
    expect(naru.cpuMs).toBeGreaterThan(10);
    expect(await compare(source, target)).toEqual([]);
  });

  it('rejects a wait for an event that does not come, with what was written', async () => {
    const naru = Naru.start(['sync', '--from', 'redis://127.0.0.1:1', '--to', target.url, '--json']);
    await expect(naru.untilEvent('synced')).rejects.toThrow(/before the event synced:.*UNREACHABLE/s);
    await expect(naru.untilEvent('done')).rejects.toThrow(/code 1/);
    expect((await naru.exited).code).toBe(1);
  });
});

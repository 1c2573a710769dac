/** The library's front door, in this process. */
import { afterEach, expect, it } from 'vitest';
import { isNaruError, type SyncEvent, sync } from '../../src/index.ts';
import { makeTempDir } from '../support/cleanup.ts';
import { RedisServer } from '../support/redis-server.ts';

const servers: RedisServer[] = [];
const temp = makeTempDir();
async function start(): Promise<RedisServer> {
  const server = await RedisServer.start({ config: { 'repl-diskless-sync-delay': '0' } });
  servers.push(server);
  return server;
}
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
  temp.remove();
});

it('copies until synced, and tells its events in order', async () => {
  const [source, target] = [await start(), await start()];
  await source.call('SET', 'k', 'v');
  await source.call('HSET', 'h', 'f', 'v');
  const run = sync({ from: source.url, to: target.url, untilSynced: true, dir: temp.path });
  const events: SyncEvent[] = [];
  for await (const event of run) events.push(event);
  const names = events.map((event) => event.event).filter((name) => name !== 'progress');
  expect(names).toEqual(['started', 'snapshot_done', 'synced', 'done']);
  expect(await run.result).toMatchObject({ keys: 2, lagBytes: 0 });
  expect(await target.digest()).toBe(await source.digest());
});

it('ends when its signal is aborted, with everything that it had received', async () => {
  const [source, target] = [await start(), await start()];
  const stop = new AbortController();
  const run = sync({ from: source.url, to: target.url, signal: stop.signal, dir: temp.path });
  for await (const event of run) {
    if (event.event !== 'synced') continue;
    await source.call('SET', 'later', 1);
    // The source counts a replica only once it holds the write: so WAIT answers when the target has it.
    expect(await source.call('WAIT', 1, 60_000)).toBe(1);
    expect(String(await target.call('GET', 'later'))).toBe('1');
    stop.abort();
  }
  expect(await run.result).toMatchObject({ commands: 1 });
  expect(await target.call('KEYS', 'naru:*')).toEqual([]);
});

it('throws what ended it, from the iterator and from the result', async () => {
  const source = await start();
  const run = sync({ from: source.url, to: source.url, dir: temp.path });
  const iterate = async (): Promise<void> => {
    for await (const _ of run);
  };
  await expect(iterate()).rejects.toMatchObject({ code: 'SAME_SERVER' });
  const error: unknown = await run.result.catch((reason: unknown) => reason);
  expect(isNaruError(error) && error.exitCode).toBe(2);
  expect(() => sync({ from: source.url } as never)).toThrow(/to is missing/);
});

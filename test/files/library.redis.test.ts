/** Files through the library's front door, in this process. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterEach, expect, it } from 'vitest';
import { decode, dump, restore, type SyncEvent } from '../../src/index.ts';
import { makeTempDir } from '../support/cleanup.ts';
import { fill } from '../support/fill.ts';
import { RedisServer } from '../support/redis-server.ts';
import { fixture } from './run.ts';

const servers: RedisServer[] = [];
const temp = makeTempDir();

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

async function start(): Promise<RedisServer> {
  const server = await RedisServer.start({ config: { 'repl-diskless-sync-delay': '0' } });
  servers.push(server);
  return server;
}

/** Takes all that is written to it. */
class Taken extends Writable {
  readonly chunks: Buffer[] = [];

  override _write(chunk: Buffer, _encoding: BufferEncoding, written: () => void): void {
    this.chunks.push(chunk);
    written();
  }

  get lines(): string[] {
    return Buffer.concat(this.chunks).toString().trimEnd().split('\n');
  }
}

async function namesOf(run: AsyncIterable<SyncEvent>): Promise<string[]> {
  const names: string[] = [];
  for await (const { event } of run) if (event !== 'progress') names.push(event);
  return names;
}

it('dumps to a file, restores it, and tells events in order', async () => {
  const [source, target] = [await start(), await start()];
  await fill(source, 300);
  const file = join(temp.path, 'dump.rdb');
  const dumped = dump({ from: source.url, to: file });
  expect(await namesOf(dumped)).toEqual(['started', 'snapshot_done', 'done']);
  const restored = restore({ from: file, to: target.url, inFlight: '1 MiB' });
  expect(await namesOf(restored)).toEqual(['started', 'snapshot_done', 'done']);
  expect((await restored.result).keys).toBe((await dumped.result).keys);
  expect(await target.digest()).toBe(await source.digest());
});

it('dumps to a stream, which it leaves open', async () => {
  const source = await start();
  await source.call('SET', 'key', 'value');
  const taken = new Taken();
  const { keys, bytes } = await dump({ from: source.url, to: taken }).result;
  const rdb = Buffer.concat(taken.chunks);
  expect([keys, bytes, rdb.toString('latin1', 0, 5)]).toEqual([1, rdb.length, 'REDIS']);
  expect(taken.writableEnded).toBe(false);
});

it('gives a stream bytes that it may keep', async () => {
  const source = await start();
  await fill(source, 3000, { databases: 1 });
  const file = join(temp.path, 'large.rdb');
  await dump({ from: source.url, to: file }).result;
  const taken = new Taken();
  await decode({ file, to: taken });
  const keys = taken.lines
    .map((line) => JSON.parse(line) as { key?: unknown })
    .filter(({ key }) => key !== undefined);
  expect(new Set(keys.map(({ key }) => JSON.stringify(key))).size).toBe(await source.call('DBSIZE'));
});

it('decodes to a stream, and counts', async () => {
  const file = fixture('aof/preamble');
  const taken = new Taken();
  const decoded = await decode({ file, to: taken });
  expect(decoded).toEqual({ summary: undefined, warnings: [] });
  const { summary } = await decode({ file, format: 'summary' });
  const entries = taken.lines.filter((line) => line.startsWith('{"db":'));
  expect(summary?.keys.count).toBe(entries.length);
  expect(entries.length).toBeGreaterThan(0);
});

it('leaves no file when its signal is aborted', async () => {
  const source = await start();
  const file = join(temp.path, 'aborted.rdb');
  const run = dump({ from: source.url, to: file, signal: AbortSignal.abort() });
  await expect(run.result).rejects.toMatchObject({ code: 'STOPPED_EARLY' });
  expect([existsSync(file), existsSync(`${file}.part`)]).toEqual([false, false]);
});

it('refuses options that can not be right', async () => {
  expect(() => dump({ from: 'redis://127.0.0.1:1', to: 'x', overwrit: true } as never)).toThrow(
    /overwrit is no option of dump.*overwrite/,
  );
  expect(() => restore({ from: 'x' } as never)).toThrow(/to is missing/);
  await expect(decode({ file: 'x' })).rejects.toMatchObject({ code: 'USAGE' });
});

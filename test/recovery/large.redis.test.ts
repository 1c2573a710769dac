import { once } from 'node:events';
import { createConnection } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { compare } from '../support/compare.ts';
import { fillStrings } from '../support/fill.ts';
import type { Naru } from '../support/naru.ts';
import { readUsage } from '../support/naru.ts';
import type { RedisServer } from '../support/redis-server.ts';
import { until } from '../support/until.ts';
import { Rig } from './rig.ts';

const MIB = 1024 * 1024;
const MEMORY_MAX = 128 * MIB;

let rig: Rig;
afterEach(() => rig.stop());

/** Sends bytes as they are, piece by piece, and waits for an answer that ends so. */
async function send(server: RedisServer, pieces: Iterable<Buffer | string>, answer: string): Promise<void> {
  const socket = createConnection({ host: server.host, port: server.port });
  await once(socket, 'connect');
  let last = '';
  const answered = new Promise<void>((resolve, reject) => {
    socket.on('data', (chunk: Buffer) => {
      last = (last + chunk.toString('latin1')).slice(-100);
      if (last.endsWith(answer)) resolve();
    });
    socket.once('close', () => reject(new Error(`closed: ${last}`)));
  });
  for (const piece of pieces) if (!socket.write(piece)) await once(socket, 'drain');
  await answered;
  socket.destroy();
}

function* hugeSet(key: string, megabytes: number): Generator<Buffer | string> {
  yield `*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${megabytes * MIB}\r\n`;
  const block = Buffer.alloc(MIB);
  for (let i = 0; i < megabytes; i++) {
    block.fill(`${i},`);
    yield Buffer.from(block);
  }
  yield '\r\n';
}

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;

function* manyCommands(count: number): Generator<string> {
  yield '*1\r\n$5\r\nMULTI\r\n';
  for (let i = 0; i < count; i++) yield `*2\r\n$4\r\nINCR\r\n${bulk(`counter:${i % 1000}`)}`;
  yield '*1\r\n$4\r\nEXEC\r\n';
}

function* manyPairs(count: number): Generator<string> {
  yield `*${2 * count + 1}\r\n$4\r\nMSET\r\n`;
  for (let i = 0; i < count; i++) yield bulk(`pair:${i}`) + bulk(`value ${i}`);
}

async function endsEqual(naru: Naru, name: string): Promise<void> {
  const peak = readUsage(naru.pid)?.peakRssBytes ?? 0;
  expect((await naru.stop()).code, naru.stdout.slice(-2000)).toBe(0);
  expect(await compare(rig.source, rig.target, { ignore: () => false })).toEqual([]);
  process.stdout.write(`${name}: peak memory ${Math.round(peak / MIB)} MiB\n`);
  expect(peak).toBeLessThan(MEMORY_MAX);
}

describe('memory stays bounded', () => {
  it('with a frozen target and 200 MB written, which the source keeps the link for', async () => {
    rig = await Rig.start({ source: { 'client-output-buffer-limit': 'replica 32mb 16mb 10' } });
    await rig.source.call('SET', 'a', 1);
    const naru = rig.naru();
    await naru.untilEvent('synced');
    await rig.target.kill('SIGSTOP');
    // In pieces that the source has sent before the next one comes: a busy machine might hold up Naru for longer than the writer.
    for (let piece = 0; piece < 20; piece++) {
      await fillStrings(rig.source, 5000, 2000, { seed: piece, prefix: `key${piece}` });
      await until('the source to have sent it', async () => {
        const list = await rig.source.text('CLIENT', 'LIST', 'TYPE', 'replica');
        return Number(/\bomem=(\d+)/.exec(list)?.[1]) < 4 * MIB;
      });
    }
    const from = naru.events.length;
    await naru.untilEvent('progress', (event) => event.lagBytes > 195_000_000, from);
    expect((await rig.source.info('replication')).get('connected_slaves')).toBe('1');
    await rig.target.kill('SIGCONT');
    await naru.untilEvent('progress', (event) => event.lagBytes === 0, naru.events.length);
    expect((await rig.source.info('stats')).get('sync_full')).toBe('1');
    expect(naru.eventsOf('error')).toEqual([]);
    await endsEqual(naru, '200 MB behind a frozen target');
  });

  it('with large things in the stream', async () => {
    rig = await Rig.start({
      source: { 'repl-backlog-size': '1mb', 'client-output-buffer-limit': 'replica 0 0 0' },
    });
    await rig.source.call('SET', 'a', 1);
    const naru = rig.naru();
    await naru.untilEvent('synced');
    await send(rig.source, hugeSet('huge', 300), '+OK\r\n');
    await send(rig.source, manyCommands(200_000), ':200\r\n');
    await send(rig.source, manyPairs(100_000), '+OK\r\n');
    await rig.source.call('SET', 'last', 1);
    await until('the last write', async () => (await rig.target.text('GET', 'last')) === '1');
    await endsEqual(naru, 'large commands');
  });

  it('with a large string in the snapshot', async () => {
    rig = await Rig.start();
    await send(rig.source, hugeSet('huge', 100), '+OK\r\n');
    const naru = rig.naru();
    await naru.untilEvent('synced');
    await endsEqual(naru, 'a 100 MB string');
  });
});

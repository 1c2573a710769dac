import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FaultProxy } from '../../../test/support/proxy.ts';
import { RedisServer } from '../../../test/support/redis-server.ts';
import type { Arg } from '../../../test/support/resp-client.ts';
import { until } from '../../../test/support/until.ts';
import type { NaruError } from '../../errors/errors.ts';
import { openClient, type RespClient } from '../../net/client.ts';
import { parseEndpoint } from '../../net/url.ts';
import { PositionedReader, type PositionedReaderOptions } from './positioned-reader.ts';

/** A source counts its offset only while somebody follows it, or has done so. */
let source: RedisServer;
let replica: RedisServer;
let proxy: FaultProxy;
let client: RespClient | undefined;
let retries: NaruError[];
let replid: string;

beforeEach(async () => {
  [source, replica] = await Promise.all([
    RedisServer.start({ config: { 'repl-ping-replica-period': '3600' } }),
    RedisServer.start(),
  ]);
  proxy = await FaultProxy.start(source);
  await replica.call('REPLICAOF', '127.0.0.1', source.port);
  await until(
    'the replica follows',
    async () => (await replicationOf(replica)).get('master_link_status') === 'up',
  );
  replid = (await replicationOf(source)).get('master_replid') as string;
  retries = [];
});
afterEach(async () => {
  await client?.close();
  client = undefined;
  await proxy.stop();
  await Promise.all([source.stop(), replica.stop()]);
});

const replicationOf = (server: RedisServer): Promise<Map<string, string>> => server.info('replication');

function make(options: Partial<PositionedReaderOptions> = {}, login = ''): PositionedReader {
  const url = proxy.url.replace('//', `//${login}`);
  return new PositionedReader({
    open: async () => {
      if (client?.connection.isOpen !== true)
        client = await openClient(parseEndpoint(url), { side: 'source', timeoutMs: 60_000 });
      return client;
    },
    expireTime: true,
    isLost: () => false,
    replid: () => replid,
    giveUpAfterMs: 60_000,
    signal: new AbortController().signal,
    onRetry: (error) => retries.push(error),
    onAnswered: () => {},
    ...options,
  });
}

const place = (key: string, db = 0): { db: number; key: Buffer } => ({ db, key: Buffer.from(key) });

/** The number in the payload of a string that holds one: 0xC0, 0xC1 or 0xC2, then 1, 2 or 4 bytes (rdb.c, rdbEncodeInteger). */
function numberIn(payload: Buffer | undefined): number {
  if (payload === undefined) return 0;
  return payload.readIntLE(2, 1 << ((payload[1] as number) & 3));
}

/** What `INCR k` takes in the stream. */
const INCR_BYTES = '*2\r\n$4\r\nINCR\r\n$1\r\nk\r\n'.length;

async function inPipelines(commands: Arg[], times: number, each: number): Promise<void> {
  const writer = await source.connect();
  for (let i = 0; i < times; i++) await writer.pipeline(Array.from({ length: each }, () => commands));
  writer.close();
}

/** Reads `k` until the writes are over; how many values there were. Each of them is the one that its offset implies. */
async function readAlong(reader: PositionedReader, between: () => void = () => {}): Promise<Set<number>> {
  await source.call('INCR', 'k');
  const first = Number((await replicationOf(source)).get('master_repl_offset')) - INCR_BYTES;
  let writing = true;
  const written = inPipelines(['INCR', 'k'], 100, 1000).finally(() => {
    writing = false;
  });
  const seen = new Set<number>();
  for (let turn = 0; writing || turn < 30; turn++) {
    const { values, offset } = await reader.read([place('k')]);
    const value = numberIn(values[0]?.payload);
    expect(value).toBe((offset - first) / INCR_BYTES);
    seen.add(value);
    between();
  }
  await written;
  return seen;
}

describe('what is read with its position', () => {
  it('is what the offset implies, while 100,000 writes go on', async () => {
    const seen = await readAlong(make());
    expect(seen.size).toBeGreaterThan(1);
    expect(await source.text('GET', 'k')).toBe('100001');
    expect(retries).toEqual([]);
  });

  it('is so too where the connection is lost again and again', async () => {
    const reader = make();
    let turn = 0;
    await readAlong(reader, () => {
      turn++;
      if (turn % 7 === 0) proxy.cut();
      if (turn % 7 === 3) proxy.use({ kind: 'cut-after-bytes', bytes: 150, direction: 'to-client' });
      else proxy.use(undefined);
    });
    expect(retries.length).toBeGreaterThan(0);
    expect(retries.every((error) => error.retry)).toBe(true);
  });

  it('comes of several databases, and of keys that are not there', async () => {
    await source.pipeline([
      ['SET', 'k', 1],
      ['SELECT', 5],
      ['SET', 'k', 2],
      ['SELECT', 0],
    ]);
    const { values } = await make().read([
      place('k'),
      place('none'),
      place('k', 5),
      place('none', 5),
      place('k', 3),
      place('k'),
    ]);
    expect(
      values.map((value) => (value?.payload === undefined ? undefined : numberIn(value.payload))),
    ).toEqual([1, undefined, 2, undefined, undefined, 1]);
    expect(values.every((value) => value?.expireAtMs === -1)).toBe(true);
  });

  it('expires when the source says', async () => {
    const atMs = Date.now() + 1_000_000;
    await source.pipeline([
      ['SET', 'k', 1, 'PXAT', atMs],
      ['SET', 'over', 1, 'PXAT', atMs - 2_000_000],
      ['SET', 'never', 1],
    ]);
    const keys = ['k', 'over', 'never'].map((key) => place(key));
    const { values } = await make().read(keys);
    expect(values.map((value) => value?.expireAtMs)).toEqual([atMs, -1, -1]);
    expect(values[1]?.payload).toBeUndefined();
  });

  it('expires within the moment between two questions, where the source does not say', async () => {
    const atMs = Date.now() + 1_000_000;
    await source.call('SET', 'k', 1, 'PXAT', atMs);
    const { values } = await make({ expireTime: false }).read([place('k')]);
    expect(Math.abs((values[0]?.expireAtMs as number) - atMs)).toBeLessThan(2000);
  });
});

describe('a source that can not be asked', () => {
  it.each(['DUMP', 'PEXPIRETIME', 'INFO', 'MULTI'])('for lack of the permission for %s', async (name) => {
    await source.call('ACL', 'SETUSER', 'asker', 'on', '>secret', '~*', '+@all', `-${name}`);
    await source.call('SET', 'k', 1);
    await expect(make({}, 'asker:secret@').read([place('k')])).rejects.toMatchObject({
      code: 'NO_PERMISSION',
      place: { side: 'source' },
    });
  });

  it('for a key, is refused too', async () => {
    await source.call('ACL', 'SETUSER', 'asker', 'on', '>secret', '~own:*', '+@all');
    await expect(make({}, 'asker:secret@').read([place('k')])).rejects.toMatchObject({
      code: 'NO_PERMISSION',
    });
  });

  it('speaks of another history for a while: it is asked until it is that of the stream', async () => {
    await source.call('SET', 'k', 7);
    const answers = ['f'.repeat(40), 'f'.repeat(40), replid];
    let answered = 0;
    const reader = make({ replid: () => answers.shift() ?? replid, onAnswered: () => answered++ });
    for (let turn = 0; turn < 2; turn++) {
      expect(numberIn((await reader.read([place('k')])).values[0]?.payload)).toBe(7);
      expect(retries.map(({ code }) => code)).toEqual(['LINK_LOST', 'LINK_LOST']);
      expect(answered).toBe(1);
    }
  });

  it('speaks of another history for ever: that ends it', async () => {
    const reader = make({ replid: () => 'f'.repeat(40), giveUpAfterMs: 200 });
    await expect(reader.read([place('k')])).rejects.toMatchObject({ code: 'GAVE_UP' });
  });

  it('is not asked any more once the run is over', async () => {
    const over = new AbortController();
    const reader = make({ replid: () => 'f'.repeat(40), signal: over.signal, onRetry: () => over.abort() });
    await expect(reader.read([place('k')])).rejects.toThrow(/abort/i);
  });
});

/** The double of a proxy, before two real shards. */
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { itemsOf, ReplyFramer } from './apsara/frames.ts';
import { ApsaraProxy } from './apsara-proxy.ts';
import { RedisCluster } from './cluster.ts';
import type { Reply } from './reply-parser.ts';
import { type Arg, RespClient } from './resp-client.ts';
import { until } from './until.ts';

let cluster: RedisCluster;
let proxy: ApsaraProxy;
let client: RespClient;
const clients: RespClient[] = [];

beforeAll(async () => {
  cluster = await RedisCluster.start({ masters: 2, config: { 'notify-keyspace-events': 'AKE' } });
  proxy = await ApsaraProxy.start(cluster);
  client = await connect();
});
afterAll(async () => {
  for (const one of clients) one.close();
  await proxy?.stop();
  await cluster?.stop();
});
beforeEach(async () => {
  await client.call('FLUSHALL');
  for (const name of Object.keys(proxy.options)) delete proxy.options[name as keyof typeof proxy.options];
});

async function connect(): Promise<RespClient> {
  const one = await RespClient.connect({ host: proxy.host, port: proxy.port });
  clients.push(one);
  return one;
}

const key = (n: number): string => `key:${n}`;
const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);
const fill = (count: number): Promise<Reply[]> =>
  client.pipeline(numbers(count).map((n) => ['SET', key(n), n]));
const text = async (...args: Arg[]): Promise<string> => String(await client.call(...args));
const failure = async (...args: Arg[]): Promise<string> => {
  const [reply] = await client.pipeline([args]);
  return reply instanceof Error ? reply.message : `no error: ${reply}`;
};

async function walk(...command: string[]): Promise<string[]> {
  const found: string[] = [];
  for (let cursor = '0', begun = false; !begun || cursor !== '0'; begun = true) {
    const [next, keys] = (await client.call(...command, cursor, 'COUNT', 7)) as [Buffer, Buffer[]];
    found.push(...keys.map(String));
    cursor = String(next);
  }
  return found.sort();
}

/** A connection whose bytes are seen as they come. */
async function listen(...commands: string[]): Promise<{ seen: () => string; close: () => void }> {
  let seen = '';
  const socket = createConnection({ host: proxy.host, port: proxy.port });
  socket.on('data', (chunk: Buffer) => {
    seen += chunk.toString('latin1');
  });
  for (const command of commands) {
    const before = seen.length;
    const words = command.split(' ');
    socket.write(`*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`);
    await until(`an answer to ${command}`, async () => seen.length > before);
  }
  return { seen: () => seen, close: () => socket.destroy() };
}

describe('frames', () => {
  it('are found in every split', () => {
    const frames = [
      '$-1\r\n',
      '*2\r\n$1\r\n0\r\n*2\r\n$3\r\na\r\n\r\n*0\r\n',
      ':7\r\n',
      '-ERR x\r\n',
      '>2\r\n+a\r\n_\r\n',
      '*-1\r\n',
      '%1\r\n+a\r\n$0\r\n\r\n',
    ];
    const all = Buffer.from(frames.join(''));
    for (let first = 0; first <= all.length; first++) {
      for (let second = first; second <= all.length; second++) {
        const found: string[] = [];
        const framer = new ReplyFramer((frame) => found.push(frame.toString('latin1')));
        for (const [begin, end] of [
          [0, first],
          [first, second],
          [second, all.length],
        ] as const) {
          framer.write(all.subarray(begin, end));
        }
        expect(found).toEqual(frames);
      }
    }
    expect(itemsOf(Buffer.from(frames[1] as string))?.map(String)).toEqual([
      '$1\r\n0\r\n',
      '*2\r\n$3\r\na\r\n\r\n*0\r\n',
    ]);
  });
});

describe('the double of a cluster proxy', () => {
  it('answers in the order of the commands, each from the shard of its key', async () => {
    await fill(3000);
    const replies = await client.pipeline(numbers(3000).map((n) => ['GET', key(n)]));
    expect(replies.map(Number)).toEqual(numbers(3000));
    const sizes = await Promise.all(cluster.nodes.map(({ server }) => server.call('DBSIZE')));
    expect(Math.min(...sizes.map(Number))).toBeGreaterThan(1000);
    expect(await client.call('DBSIZE')).toBe(3000);
    const large = Buffer.alloc(5_000_000, 'x\r\n');
    const [, there] = await client.pipeline([
      ['SET', 'large', large],
      ['GET', 'large'],
    ]);
    expect(large.equals(there as Buffer)).toBe(true);
  });

  it('takes apart and puts together what is of several slots', async () => {
    await client.call('MSET', ...numbers(20).flatMap((n) => [key(n), n]));
    expect(
      ((await client.call('MGET', key(3), 'nobody', key(11))) as Buffer[]).map((v) => v && String(v)),
    ).toEqual(['3', null, '11']);
    expect(await client.call('EXISTS', ...numbers(30).map(key))).toBe(20);
    expect(((await client.call('KEYS', 'key:1*')) as Buffer[]).length).toBe(11);
    expect(await text('RANDOMKEY')).toMatch(/^key:/);
    expect(await client.call('DEL', ...numbers(30).map(key))).toBe(20);
    expect(await client.call('RANDOMKEY')).toBeNull();
    expect(await failure('SUNION', key(1), key(2))).toMatch(/^CROSSSLOT/);
    await client.call('XADD', 's{1}', '1-1', 'a', 'b');
    expect(await client.call('XREAD', 'STREAMS', 's{1}', 'no{1}', '0', '0')).toHaveLength(1);
    expect(await client.call('OBJECT', 'REFCOUNT', 's{1}')).toBe(1);
  });

  it('walks all shards by SCAN, and one by ISCAN', async () => {
    await fill(500);
    const all = numbers(500).map(key).sort();
    expect(await walk('SCAN')).toEqual(all);
    const shards = [await walk('ISCAN', '0'), await walk('ISCAN', '1')];
    expect(shards.flat().sort()).toEqual(all);
    for (const [shard, keys] of shards.entries()) {
      expect(await text('INFO', 'KEY', keys[0] as string)).toMatch(
        new RegExp(`^slot:\\d+ node_index:${shard}$`),
      );
    }
    expect(await text('INFO', 'KEY', 'foo')).toBe('slot:12182 node_index:1');
    expect(await failure('ISCAN', 2, 0)).toMatch(/^ERR/);
    expect(await text('IINFO', 1, 'keyspace')).toContain(`keys=${shards[1]?.length}`);
    expect(await failure('IINFO', 2)).toMatch(/^ERR/);
    const info = await text('INFO');
    expect(info).toContain('db0:keys=500');
    expect(info).toContain('nodecount:2');
    proxy.options.version = '4.0.9';
    expect(await text('INFO', 'server')).toContain('redis_version:4.0.9\r\n');
    expect(await text('IINFO', 0, 'server')).toContain('redis_version:4.0.9\r\n');
    proxy.options.plainScan = false;
    expect(await failure('SCAN', 0)).toBe("ERR unknown command 'SCAN'");
    expect(await walk('ISCAN', '0')).toEqual(shards[0]);
  });

  it('refuses what is not offered', async () => {
    for (const command of [
      'PSYNC ? -1',
      'SYNC',
      'REPLCONF capa eof',
      'CONFIG GET *',
      'CLUSTER NODES',
      'WAIT 0 0',
      'HELLO 3',
    ]) {
      expect(await failure(...command.split(' '))).toMatch(/^ERR unknown command/);
    }
    for (const word of ['ID', 'INFO', 'TRACKING ON BCAST']) {
      expect(await failure('CLIENT', ...word.split(' '))).toMatch(/^ERR Unknown subcommand/);
    }
    expect(await failure('MIGRATE', 'h', 1, 'k', 0, 1)).toMatch(/^ERR unknown command/);
    expect(await failure('SELECT', 1)).toMatch(/out of range/);
    expect(await client.call('CLUSTER', 'KEYSLOT', 'foo')).toBe(12182);
    expect(await client.call('CLIENT', 'SETNAME', 'me')).toBe('OK');
    await client.call('SET', 'k', 1);
    expect(await client.call('DUMP', 'k')).toBeInstanceOf(Buffer);
    proxy.options.dump = false;
    expect(await failure('DUMP', 'k')).toMatch(/^ERR unknown command/);
  });

  it('runs transactions and scripts of one slot', async () => {
    const replies = await client.pipeline([
      ['MULTI'],
      ['SET', '{a}1', 1],
      ['INCR', '{a}1'],
      ['GET', '{a}1'],
      ['EXEC'],
      ['PING'],
    ]);
    expect(replies.slice(0, 4)).toEqual(['OK', 'QUEUED', 'QUEUED', 'QUEUED']);
    expect(replies.slice(4)).toEqual([['OK', 2, Buffer.from('2')], 'PONG']);
    const crossed = await client.pipeline([
      ['MULTI'],
      ['SET', 'a', 1],
      ['SET', 'b', 1],
      ['EXEC'],
      ['EXISTS', 'a'],
    ]);
    expect(crossed.slice(3).map(String)).toEqual([expect.stringMatching(/CROSSSLOT/), '0']);
    const kept = await client.pipeline([['MULTI'], ['INFO'], ['DISCARD'], ['GET', 'a']]);
    expect(kept.map(String)).toEqual(['OK', expect.stringMatching(/not allowed/), 'OK', 'null']);
    expect(await client.call('EVAL', 'return KEYS[1]', 1, 'a')).toEqual(Buffer.from('a'));
    expect(await failure('EVAL', 'return 1', 0)).toMatch(/can't be negative or zero/);
    expect(await failure('EVAL', 'return 1', 2, 'a', 'b')).toMatch(/must in same slot/);
    await client.call('WATCH', '{a}1');
    await (await connect()).call('SET', '{a}1', 5);
    expect((await client.pipeline([['MULTI'], ['SET', '{a}1', 6], ['EXEC']]))[2]).toBeNull();
  });

  it('passes on what the shards tell', async () => {
    const monitor = await listen('IMONITOR 1');
    const silent = await listen('PSUBSCRIBE __keyspace@0__:*');
    proxy.options.subscribe = true;
    proxy.options.tracking = true;
    const events = await listen('PSUBSCRIBE __keyspace@0__:*');
    const tracking = await listen('HELLO 3', 'CLIENT TRACKING ON BCAST');
    await fill(40);
    const mine = (shard: number): Promise<string[]> => walk('ISCAN', String(shard));
    const [first, second] = [await mine(0), await mine(1)];
    expect(Math.min(first.length, second.length)).toBeGreaterThan(0);
    for (const name of [...first, ...second]) {
      await until(`an event of ${name}`, async () =>
        events.seen().includes(`__keyspace@0__:${name}\r\n$3\r\nset`),
      );
      await until(`a push of ${name}`, async () => tracking.seen().includes(`\r\n${name}\r\n`));
    }
    await until('the last command', async () => monitor.seen().includes(`"SET" "${second.at(-1)}"`));
    expect(monitor.seen()).not.toContain(`"SET" "${first[0]}"`);
    expect(silent.seen()).toMatch(/^\*3\r\n\$10\r\npsubscribe\r\n/);
    expect(silent.seen().match(/pmessage/g)).toBeNull();
    expect(events.seen().match(/psubscribe/g)).toHaveLength(1);
    for (const one of [monitor, silent, events, tracking]) one.close();
  });

  it.each([
    ['a TLS hello', Buffer.from('16030100050100000100', 'hex')],
    ['inline text', Buffer.from('PING\r\n')],
    ['text behind a command', Buffer.from('*1\r\n$4\r\nPING\r\nQUIT\r\n')],
  ])('answers %s with an error, and closes', async (_, bytes) => {
    const socket = createConnection({ host: proxy.host, port: proxy.port });
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    const closed = once(socket, 'close');
    socket.write(bytes);
    await closed;
    expect(Buffer.concat(chunks).toString('latin1')).toMatch(/-ERR Protocol error: .*\r\n$/);
    expect(await client.call('PING')).toBe('PONG');
  });

  it('closes who says nothing, and all when it is told to', async () => {
    proxy.options.idleTimeoutMs = 50;
    const idle = await connect();
    await until('the idle client to be closed', async () => !idle.connected);
    delete proxy.options.idleTimeoutMs;
    const other = await connect();
    await other.call('PING');
    proxy.dropClients();
    await until('all clients to be closed', async () => !other.connected);
    client = await connect();
    expect(await client.call('PING')).toBe('PONG');
  });
});

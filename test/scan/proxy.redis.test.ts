/** From a cloud's cluster proxy to another one, both doubles (see test/support/apsara-proxy.ts) before real shards. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type ApsaraOptions, ApsaraProxy } from '../support/apsara-proxy.ts';
import { RedisCluster } from '../support/cluster.ts';
import { differences, stateOf } from '../support/cluster-state.ts';
import { fill } from '../support/fill.ts';
import { Naru } from '../support/naru.ts';
import { hasNutcracker, Nutcracker } from '../support/nutcracker.ts';
import { RedisServer } from '../support/redis-server.ts';
import type { Reply } from '../support/reply-parser.ts';

const dir = mkdtempSync(join(tmpdir(), 'naru-scan-proxy-'));
let source: ApsaraProxy;
let target: ApsaraProxy;

beforeAll(async () => {
  source = await ApsaraProxy.start(await RedisCluster.start({ masters: 2 }));
  target = await ApsaraProxy.start(await RedisCluster.start({ masters: 2 }));
});
afterAll(async () => {
  for (const proxy of [source, target]) {
    await proxy?.stop();
    await proxy?.cluster.stop();
  }
  rmSync(dir, { recursive: true });
});

const shardsOf = ({ cluster }: ApsaraProxy): RedisServer[] => cluster.nodes.map(({ server }) => server);

async function flush(proxy: ApsaraProxy): Promise<void> {
  for (const shard of shardsOf(proxy)) await shard.call('FLUSHALL');
}

async function failed(...args: string[]): Promise<{ code: number | null; stderr: string }> {
  const naru = Naru.start([...args, '--dir', dir]);
  const { code } = await naru.exited;
  return { code, stderr: naru.stderr };
}

describe('sync to a proxy', () => {
  it('moves one server into the shards, without being told what the target is', async () => {
    const server = await RedisServer.start();
    try {
      await fill(server, 600, { databases: 1 });
      const args = [
        'sync',
        '--from',
        server.url,
        '--to',
        target.url,
        '--functions',
        'skip',
        '--until-synced',
      ];
      const naru = Naru.start([...args, '--dir', dir, '--json']);
      expect(await naru.exited, naru.stdout.slice(-2000)).toEqual({ code: 0, signal: null });
      expect(differences(await stateOf([server]), await stateOf(shardsOf(target)))).toEqual([]);
    } finally {
      await server.stop();
      await flush(target);
    }
  });
});

describe('sync from a proxy', () => {
  const sync = (...args: string[]) =>
    failed('sync', '--from', source.url, '--to', target.url, '--to-topology', 'proxy', ...args);

  it('says in a sentence that PSYNC is refused, and which mode to use', async () => {
    const { code, stderr } = await sync();
    expect(code).toBe(1);
    const [first, where, advice, ...rest] = stderr.trim().split('\n');
    expect(first).toMatch(/^error PSYNC_REFUSED: .*PSYNC: ERR unknown command 'PSYNC'$/);
    expect(where).toContain(`source ${source.host}:${source.port}`);
    expect(advice).toContain('naru scan');
    expect(rest).toEqual([]);
  });

  it('is not tried where the address is said to be one', async () => {
    const { commands } = source;
    for (const kind of ['proxy', 'aliyun-proxy', 'tencent-proxy']) {
      const { code, stderr } = await sync('--from-topology', kind);
      expect(code).toBe(2);
      expect(stderr).toMatch(/^error CONFIG_INVALID: .*PSYNC.*naru scan/);
    }
    expect(source.commands).toBe(commands);
  });
});

describe('scan from a proxy', () => {
  const LEADERBOARD = 'leaderboard';

  beforeAll(async () => {
    await fill(source, 900, { databases: 1 });
    const client = await source.connect();
    const players = Array.from({ length: 1000 }, (_, n) => [(n * 7919) % 10_007, `player:${n}`]);
    await client.call('ZADD', LEADERBOARD, ...players.flat());
    client.close();
  });
  beforeEach(async () => {
    await flush(target);
    for (const name of Object.keys(source.options)) delete source.options[name as keyof ApsaraOptions];
  });

  async function scan(to: string, ...args: string[]): Promise<Naru> {
    const both = ['--from', source.url, '--to', to, '--dir', dir, '--json'];
    const naru = Naru.start(['scan', ...both, ...args]);
    expect(await naru.exited, naru.stdout.slice(-2000) + naru.stderr).toEqual({ code: 0, signal: null });
    return naru;
  }

  async function isEqualBehind(servers: readonly RedisServer[]): Promise<void> {
    const held = await stateOf(servers);
    expect(differences(await stateOf(shardsOf(source)), held)).toEqual([]);
    expect([...held.keys()].filter((key) => key.startsWith('naru:'))).toEqual([]);
  }

  it('moves one key of a thousand records, and all else, to another proxy', async () => {
    await scan(target.url, '--to-topology', 'proxy');
    await isEqualBehind(shardsOf(target));
    const [from, to] = await Promise.all([source, target].map((proxy) => seenThrough(proxy, LEADERBOARD)));
    expect(to).toEqual(from);
    expect(to?.slice(1, 4)).toEqual([1, 1000, from?.[3]]);
  });

  it('moves it to a plain cluster, in steps of a few keys', async () => {
    await scan(target.cluster.url, '--count', '20');
    await isEqualBehind(shardsOf(target));
  });

  it('does so where the proxy closes idle connections, and all of them on the way', async () => {
    const { clients } = source;
    source.options.idleTimeoutMs = 100;
    const naru = Naru.start([
      ...['scan', '--from', source.url, '--to', target.url, '--dir', dir, '--json'],
      ...['--count', '150', '--rate-keys', '500', '--progress-interval', '50ms'],
    ]);
    await naru.untilEvent('progress', ({ phase }) => phase === 'scan');
    source.dropClients();
    expect(await naru.exited, naru.stdout.slice(-2000)).toEqual({ code: 0, signal: null });
    expect(source.clients - clients).toBeGreaterThan(2);
    await isEqualBehind(shardsOf(target));
  });

  it('reads by type where the proxy offers no DUMP, and gives a large key to another proxy whole', async () => {
    source.options.dump = false;
    const client = await source.connect();
    for (let i = 0; i < 30; i++)
      await client.call('RPUSH', 'large', ...Array(500).fill('element '.repeat(20)));
    client.close();
    await scan(target.url, '--big-key-size', '1MiB');
    await isEqualBehind(shardsOf(target));
  });

  it('walks the shards where the proxy takes no SCAN', async () => {
    source.options.plainScan = false;
    await scan(target.url, '--from-topology', 'proxy');
    await isEqualBehind(shardsOf(target));
  });

  it('walks a shard again whose process was replaced behind the proxy, and knows the keys that it has read', async () => {
    Object.assign(source.options, { plainScan: false });
    const { commands } = source;
    // In the midst of the first walk: each key takes three commands.
    Object.defineProperty(source.options, 'runIds', {
      get: () => [source.commands < commands + 300 ? 'first' : 'another', 'second'],
      configurable: true,
      enumerable: true,
    });
    const naru = Naru.start([
      ...['scan', '--from', source.url, '--to', target.url, '--dir', dir, '--json', '--on-conflict', 'fail'],
      ...['--from-topology', 'proxy', '--count', '50'],
    ]);
    expect(await naru.exited, naru.stdout.slice(-2000)).toEqual({ code: 0, signal: null });
    expect(naru.eventsOf('warning').map(({ code }) => code)).toContain('SCAN_BEGUN_ANEW');
    const [done] = naru.eventsOf('done');
    expect(done?.readKeys).toBe(done?.keys);
    await isEqualBehind(shardsOf(target));
  });

  it('says so where fewer keys are told than there are', async () => {
    Object.assign(source.options, { plainScan: false, nodeCount: 1 });
    const naru = await scan(target.url, '--from-topology', 'proxy');
    expect(naru.eventsOf('warning').map(({ code }) => code)).toEqual(['FEWER_KEYS_THAN_TOLD']);
    const [done] = naru.eventsOf('done');
    const { expectedKeys = 0 } = naru.eventsOf('started')[0] ?? {};
    expect(done?.expectedKeys).toBe(expectedKeys);
    expect(done?.readKeys).toBe(done?.keys);
    expect(done?.keys).toBeLessThan(expectedKeys);
  });

  it('says so where no way to walk is taken, and copies keys that a file names', async () => {
    source.options.plainScan = false;
    source.options.shardCommands = false;
    const both = ['--from', source.url, '--to', target.url];
    const { code, stderr } = await failed('scan', ...both, '--from-topology', 'proxy');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error SCAN_REFUSED: .*\(SCAN 0 COUNT 1: ERR unknown command 'SCAN'; ISCAN 0 /);
    expect(stderr).toContain('--keys-file');
    const file = join(dir, 'keys');
    writeFileSync(file, `${LEADERBOARD}\nnobody\n${LEADERBOARD}\n`);
    await scan(target.url, '--from-topology', 'proxy', '--keys-file', file, '--on-conflict', 'fail');
    expect((await seenThrough(target, LEADERBOARD)).slice(0, 3)).toEqual([1, 1, 1000]);
  });
});

/** How many keys there are, whether the key is one of them, its records, and the value as DUMP gives it. */
async function seenThrough(proxy: ApsaraProxy, key: string): Promise<Reply[]> {
  const client = await proxy.connect();
  try {
    return await client.pipeline([['DBSIZE'], ['EXISTS', key], ['ZCARD', key], ['DUMP', key]]);
  } finally {
    client.close();
  }
}

describe.skipIf(!hasNutcracker())('scan to twemproxy', () => {
  it('moves one server to two behind it', async () => {
    const server = await RedisServer.start();
    const proxy = await Nutcracker.start();
    try {
      await fill(server, 600, { databases: 1 });
      const to = ['--to', proxy.url, '--to-topology', 'proxy', '--functions', 'skip'];
      const args = ['scan', '--from', server.url, ...to];
      const naru = Naru.start([...args, '--dir', dir, '--json']);
      expect(await naru.exited, naru.stdout.slice(-2000)).toEqual({ code: 0, signal: null });
      expect(differences(await stateOf([server]), await stateOf(proxy.servers))).toEqual([]);
    } finally {
      await server.stop();
      await proxy.stop();
    }
  });
});

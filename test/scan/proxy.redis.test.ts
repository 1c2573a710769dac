/** From a cloud's cluster proxy to another one, both doubles (see test/support/apsara-proxy.ts) before real shards. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApsaraProxy } from '../support/apsara-proxy.ts';
import { RedisCluster } from '../support/cluster.ts';
import { differences, stateOf } from '../support/cluster-state.ts';
import { fill } from '../support/fill.ts';
import { Naru } from '../support/naru.ts';
import { RedisServer } from '../support/redis-server.ts';

const dir = mkdtempSync(join(tmpdir(), 'naru-scan-proxy-'));
let source: ApsaraProxy;
let target: ApsaraProxy;

beforeAll(async () => {
  source = await ApsaraProxy.start(await RedisCluster.start({ masters: 2 }));
  target = await ApsaraProxy.start(await RedisCluster.start({ masters: 2 }));
}, 60_000);
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

/**
 * Alibaba Cloud's proxy is the double of test/support/apsara-proxy.ts, before real shards. Tencent Cloud's, and one that hangs up, are scripts: they
 * answer what the public documentation shows, and nothing else.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApsaraProxy } from '../../../../test/support/apsara-proxy.ts';
import { RedisCluster } from '../../../../test/support/cluster.ts';
import { SourceDouble } from '../../../../test/support/source-double.ts';
import { openClient, type RespClient } from '../../../net/client.ts';
import { parseGroup } from '../../../net/group-url.ts';
import { discover } from '../../../net/topology/discover.ts';
import type { Topology, TopologyName } from '../../../net/topology/topology.ts';
import { plainWalk, type ScanWalk } from './cursors.ts';
import { askProcesses } from './process.ts';
import { findWalks } from './proxy-walks.ts';

const find = (url: string, override?: TopologyName): Promise<Topology> =>
  discover({ endpoint: parseGroup(url), connectTimeoutMs: 60_000, side: 'source', override });

async function connected<T>(url: string, use: (client: RespClient) => Promise<T>): Promise<T> {
  const client = await openClient(parseGroup(url), { tls: {}, timeoutMs: 60_000, side: 'source' });
  try {
    return await use(client);
  } finally {
    client.connection.destroy();
  }
}

async function walksOf(url: string, override?: TopologyName): Promise<ScanWalk[]> {
  const topology = await find(url, override);
  return connected(url, (client) => findWalks(client, topology));
}

const steps = (walks: readonly ScanWalk[]): string[] =>
  walks.map((walk) => `${walk.name}| ${walk.step('7', 10).join(' ')}`);

const PLAIN = '| SCAN 7 COUNT 10';
const SHARDS = ['0| ISCAN 0 7 COUNT 10', '1| ISCAN 1 7 COUNT 10'];

describe('before the shards of a cluster, a proxy as Alibaba Cloud has it', () => {
  let cluster: RedisCluster;
  let proxy: ApsaraProxy;
  beforeAll(async () => {
    cluster = await RedisCluster.start({ masters: 2 });
    proxy = await ApsaraProxy.start(cluster);
  });
  afterAll(async () => {
    await proxy?.stop();
    await cluster?.stop();
  });

  it('is known without being told, and its nodes are no proxies', async () => {
    expect(await find(proxy.url)).toMatchObject({ kind: 'proxy', proxy: 'aliyun-proxy' });
    proxy.options.clusterCommands = true;
    expect(await find(proxy.url)).toMatchObject({ kind: 'proxy', proxy: 'aliyun-proxy' });
    proxy.options.clusterCommands = false;
    const told = await find(proxy.url, 'proxy');
    expect([told.kind, told.proxy]).toEqual(['proxy', undefined]);
    const direct = await find(cluster.url);
    expect([direct.kind, direct.proxy]).toEqual(['cluster', undefined]);
    const [node] = cluster.nodes;
    expect((await find(node?.server.url as string)).kind).toBe('cluster');
  });

  it('is walked shard by shard, and every key is found', async () => {
    const keys = Array.from({ length: 300 }, (_, n) => `key:${n}`);
    const found = await connected(proxy.url, async (client) => {
      await Promise.all(keys.map((key) => client.call('SET', key, 1)));
      const walks = await findWalks(client, await find(proxy.url));
      expect(steps(walks)).toEqual(SHARDS);
      const all: string[] = [];
      for (const walk of walks) {
        for (let cursor = '0', begun = false; !begun || cursor !== '0'; begun = true) {
          const [next, some] = (await client.call(...walk.step(cursor, 20))) as [Buffer, Buffer[]];
          all.push(...some.map(String));
          cursor = String(next);
        }
      }
      return all;
    });
    expect(found.sort()).toEqual(keys.sort());
  });

  it('says which processes are walked, where their shards can be named', async () => {
    const ids = await Promise.all(
      cluster.nodes.map(async ({ server }) => (await server.info('server')).get('run_id')),
    );
    const walks = await walksOf(proxy.url);
    const plain = await walksOf(proxy.url, 'tencent-proxy');
    await connected(proxy.url, async (client) => {
      expect(await askProcesses(client, walks)).toBe(ids.join(','));
      expect(await askProcesses(client, plain)).toBe('');
      expect(await askProcesses(client, [plainWalk])).toBe(ids[0]);
    });
  });

  it('is asked for one shard after the other where it does not count them', async () => {
    proxy.options.nodeCount = false;
    expect(steps(await walksOf(proxy.url))).toEqual(SHARDS);
    proxy.options.nodeCount = true;
  });

  it('is walked as one where that is all that is known of it, and by shards where it takes no SCAN', async () => {
    expect(steps(await walksOf(proxy.url, 'proxy'))).toEqual([PLAIN]);
    proxy.options.plainScan = false;
    expect(steps(await walksOf(proxy.url, 'proxy'))).toEqual(SHARDS);
    delete proxy.options.plainScan;
    expect(steps(await walksOf(proxy.url, 'tencent-proxy'))).toEqual([PLAIN]);
    const [node] = cluster.nodes;
    expect(steps(await walksOf(node?.server.url as string))).toEqual([PLAIN]);
  });
});

describe('scripts of proxies', () => {
  const IDS = ['da6041781b5d7fe21404811d430cdffea2bf84de', '36034e645951464098f40d339386e9d51a9d7e77'];
  const NODES = [
    `25b21f1836026bd49c52b2d10e09fbf8c6aa1fdc 10.0.0.15:6379@11896 slave ${IDS[1]} 0 1531471918205 1 connected`,
    `${IDS[0]} 10.0.0.15:6379@11170 master - 0 1531471916000 2 connected 8192-16383`,
    `${IDS[1]} 10.0.0.15:6379@11541 myself,master - 0 1531471915000 1 connected 0-8191`,
    '18090a0e57cf359f9f8c8c516aa62a811c0f0f0a 10.0.0.15:6379@1 master,fail - 0 0 2 disconnected',
    '',
  ].join('\n');
  const nothing = '*2\r\n$1\r\n0\r\n*0\r\n';
  const unknown = '-ERR unknown command\r\n';

  /** SCAN as the script has it; all else that is asked here is unknown to it but CLUSTER NODES. */
  async function scripted<T>(
    scan: (nodeId: string | undefined) => string | undefined,
    use: (url: string) => Promise<T>,
  ): Promise<T> {
    const double = await SourceDouble.start({
      psync: (socket) => socket.destroy(),
      answer: ([command, , , , nodeId]) => {
        if (command === 'SCAN') return scan(nodeId);
        if (command === 'CLUSTER') return `$${NODES.length}\r\n${NODES}\r\n`;
        return command === 'ISCAN' || command === 'INFO' ? unknown : undefined;
      },
    });
    try {
      return await use(double.url);
    } finally {
      await double.stop();
    }
  }

  it('asks for the nodes of a proxy as Tencent Cloud has it', async () => {
    const needsNode = (nodeId?: string) => (IDS.includes(nodeId ?? '') ? nothing : '-ERR wrong node id\r\n');
    const each = IDS.map((id) => `${id}| SCAN 7 COUNT 10 ${id}`);
    await scripted(needsNode, async (url) => {
      expect(steps(await walksOf(url, 'tencent-proxy'))).toEqual(each);
      expect(steps(await walksOf(url, 'proxy'))).toEqual(each);
    });
    await scripted(
      (nodeId) => (nodeId === undefined ? nothing : '-ERR syntax error\r\n'),
      async (url) => expect(steps(await walksOf(url, 'tencent-proxy'))).toEqual([PLAIN]),
    );
  });

  it('says what was tried, and what was answered', async () => {
    await scripted(
      () => '-ERR not here\r\n',
      async (url) => {
        const refusal = {
          code: 'SCAN_REFUSED',
          place: { side: 'source', node: url.slice('redis://'.length) },
        };
        await expect(walksOf(url, 'proxy')).rejects.toMatchObject({
          ...refusal,
          message:
            'The source refuses to tell its keys (SCAN 0 COUNT 1: ERR not here; ISCAN 0 0 COUNT 1: ERR unknown command; ' +
            `SCAN 0 COUNT 1 ${IDS[0]}: ERR not here)`,
        });
        await expect(walksOf(url, 'aliyun-proxy')).rejects.toMatchObject(refusal);
        await expect(walksOf(url, 'tencent-proxy')).rejects.toMatchObject(refusal);
      },
    );
  });

  it('takes hanging up for a refusal', async () => {
    const double = await SourceDouble.start({
      psync: (socket) => socket.destroy(),
      psyncCommand: 'SCAN',
    });
    await expect(walksOf(double.url, 'proxy')).rejects.toMatchObject({
      code: 'SCAN_REFUSED',
      message: 'The source refuses to tell its keys (SCAN 0 COUNT 1: it closed the connection)',
    });
    await double.stop();
  });
});

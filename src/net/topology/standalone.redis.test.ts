import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisServer } from '../../../test/support/redis-server.ts';
import { until } from '../../../test/support/until.ts';
import { RespClient } from '../client.ts';
import { Connection } from '../connection.ts';
import { parseGroup } from '../group-url.ts';
import { type DiscoverOptions, discover } from './discover.ts';
import { nodeEndpoint, ownerOf, type Topology } from './topology.ts';

const find = (url: string, more: Partial<DiscoverOptions> = {}): Promise<Topology> =>
  discover({ endpoint: parseGroup(url), connectTimeoutMs: 60_000, side: 'source', ...more });

describe('a master with a replica', () => {
  let master: RedisServer;
  let replica: RedisServer;
  beforeAll(async () => {
    master = await RedisServer.start({ unixSocket: true });
    replica = await RedisServer.start({ config: { replicaof: `127.0.0.1 ${master.port}`, databases: '5' } });
    await until(
      'the replica',
      async () => (await master.info('replication')).get('slave0')?.includes('online') === true,
    );
  });
  afterAll(() => Promise.all([master?.stop(), replica?.stop()]));

  it('is one server, which owns all', async () => {
    const topology = await find(master.url);
    const id = `127.0.0.1:${master.port}`;
    expect(topology).toMatchObject({ kind: 'standalone', databases: 16, epoch: 0, moves: [], warnings: [] });
    expect(topology.nodes).toMatchObject([
      { id, port: master.port, role: 'master', reached: true, linkUp: true, flavour: 'redis' },
      { id: `127.0.0.1:${replica.port}`, role: 'replica', masterId: id, reached: false, linkUp: true },
    ]);
    expect(ownerOf(topology, 16383)).toBe(topology.nodes[0]);
  });

  it('may be given by the replica, which then comes first', async () => {
    const topology = await find(replica.url);
    expect(topology.databases).toBe(5);
    expect(topology.nodes).toMatchObject([
      {
        port: replica.port,
        role: 'replica',
        masterId: `127.0.0.1:${master.port}`,
        linkUp: true,
        reached: true,
      },
      { port: master.port, role: 'master', reached: false },
    ]);
  });

  it('may be given by a unix socket, and be dialed again by what was found', async () => {
    const endpoint = parseGroup(`unix://${master.socketPath}?db=3`);
    const topology = await discover({ endpoint, connectTimeoutMs: 60_000, side: 'source' });
    const [node] = topology.nodes;
    const found = nodeEndpoint(endpoint, node as NonNullable<typeof node>);
    expect(found).toEqual({ path: master.socketPath, db: 3, tls: false });
    const client = new RespClient(await Connection.open(found, { timeoutMs: 60_000, side: 'source' }));
    expect(await client.call('PING')).toBe('PONG');
    await client.close();
  });

  it('is not what the operator says', async () => {
    await expect(find(master.url, { override: 'cluster' })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: `127.0.0.1:${master.port} is no node of a cluster: it refuses CLUSTER.`,
    });
    await expect(find(master.url, { override: 'sentinel' })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
    await expect(find('redis+sentinel://h/m', { override: 'cluster' })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });

  it('leaves no connection behind', async () => {
    await find(master.url);
    await until(
      'the connection to be gone',
      async () => !(await master.text('CLIENT', 'LIST')).includes('name=naru'),
    );
  });

  it('is not asked when INFO is not allowed, and says so', async () => {
    await master.call('ACL', 'SETUSER', 'ann', 'on', '>x', '+@all', '-info');
    await expect(find(master.url.replace('redis://', 'redis://ann:x@'))).rejects.toMatchObject({
      code: 'NO_PERMISSION',
      message: expect.stringContaining("'info' command"),
    });
  });
});

it('takes what does not know INFO for a proxy, and asks nothing where it is said to be one', async () => {
  const heard: string[] = [];
  const proxy = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      heard.push(chunk.toString());
      socket.write(/PING/.test(chunk.toString()) ? '+PONG\r\n' : "-ERR unknown command 'x'\r\n");
    });
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const { port } = proxy.address() as { port: number };
  const url = `redis://127.0.0.1:${port}`;
  expect(await find(url, { override: 'proxy' })).toMatchObject({
    kind: 'proxy',
    nodes: [{ port, reached: false }],
  });
  expect(heard).toEqual([]);
  expect(await find(url)).toMatchObject({ kind: 'proxy', nodes: [{ port }] });
  expect(heard.join('')).toContain('INFO');
  await new Promise((resolve) => proxy.close(resolve));
});

it('ends with the signal, also while it waits', async () => {
  const controller = new AbortController();
  const silent = createServer(() => controller.abort());
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as { port: number };
  await expect(find(`redis://127.0.0.1:${port}`, { signal: controller.signal })).rejects.toMatchObject({
    code: 'UNREACHABLE',
    message: 'Connecting was stopped.',
  });
  silent.close();
});

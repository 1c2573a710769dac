import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ClusterNode, RedisCluster } from '../../../test/support/cluster.ts';
import { freePort, RedisServer } from '../../../test/support/redis-server.ts';
import { cachedServers } from '../../../test/support/servers.ts';
import { makeTlsFiles } from '../../../test/support/tls.ts';
import { until } from '../../../test/support/until.ts';
import { parseGroup } from '../group-url.ts';
import { AddressMap } from './address-map.ts';
import { type DiscoverOptions, discover } from './discover.ts';
import { keySlot, slotTag } from './slot.ts';
import { nodeAt, ownerOf, type Topology } from './topology.ts';

const find = (url: string, more: Partial<DiscoverOptions> = {}): Promise<Topology> =>
  discover({ endpoint: parseGroup(url), connectTimeoutMs: 60_000, side: 'source', ...more });

/** The master of the slot as the topology has it, by its port. */
const portOf = (topology: Topology, slot: number): number | undefined => ownerOf(topology, slot)?.port;
const rangesOf = (topology: Topology): [number, number][] =>
  topology.nodes.flatMap(({ slots }) => slots.map(({ first, last }): [number, number] => [first, last]));
const addressOf = ({ server }: ClusterNode): string => `${server.host}:${server.port}`;

/** Resolves when all nodes tell it, so often: what a node announces travels with its heartbeats. */
async function spreads({ nodes }: RedisCluster, text: string, times = 1): Promise<void> {
  await until(`all to say ${text}`, async () => {
    const texts = await Promise.all(nodes.map(({ server }) => server.text('CLUSTER', 'NODES')));
    return texts.every((said) => said.split(text).length > times);
  });
}

describe('a cluster of 3 masters and 3 replicas', () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await RedisCluster.start({ masters: 3, replicas: 1 });
  });
  afterAll(() => cluster?.stop());

  it('is found from any node, a replica too, and by all at once', async () => {
    const [master, replica] = [cluster.nodes[0] as ClusterNode, cluster.nodes[5] as ClusterNode];
    for (const url of [master.server.url, replica.server.url, cluster.url]) {
      const topology = await find(url);
      expect(topology).toMatchObject({ kind: 'cluster', moves: [], databases: 1, warnings: [] });
      expect(topology.nodes.map(({ role }) => role)).toEqual([
        ...Array(3).fill('master'),
        ...Array(3).fill('replica'),
      ]);
      expect(rangesOf(topology)).toEqual([
        [0, 5460],
        [5461, 10921],
        [10922, 16383],
      ]);
      expect([...new Set(topology.owners)]).toEqual([0, 1, 2]);
      expect(topology.nodes.every(({ reached, linkUp, failed }) => reached && linkUp && !failed)).toBe(true);
      expect(topology.nodes.map(({ id }) => id).sort()).toEqual(cluster.nodes.map(({ id }) => id).sort());
      expect(new Set(topology.nodes.slice(3).map(({ masterId }) => masterId))).toEqual(
        new Set(topology.nodes.slice(0, 3).map(({ id }) => id)),
      );
      expect(topology.epoch).toBeGreaterThanOrEqual(3);
      expect(topology.nodes[0]?.version).toMatch(/^7\.0\./);
    }
  });

  it('agrees with the server on the slots of keys, and finds nodes as MOVED names them', async () => {
    const topology = await find(cluster.url);
    const first = (cluster.nodes[0] as ClusterNode).server;
    for (const key of [
      '',
      'foo',
      '{',
      '{}',
      '{}a',
      'a{b}c',
      'a{b}{c}',
      'a{{b}}',
      'a{b',
      'a}b{c}',
      '나루',
      'x'.repeat(300),
    ]) {
      const bytes = Buffer.from(key);
      expect([key, keySlot(bytes, 0, bytes.length)]).toEqual([
        key,
        await first.call('CLUSTER', 'KEYSLOT', bytes),
      ]);
    }
    for (const slot of [0, 5461, 9000, 16383]) {
      expect(await first.call('CLUSTER', 'KEYSLOT', `naru:{${slotTag(slot)}}:x`)).toBe(slot);
    }
    const reply = await first.text('SET', `{${slotTag(16383)}}`, 1).catch((error: Error) => error.message);
    const [, , place = ''] = reply.split(' ');
    const [host = '', port] = place.split(':');
    expect(nodeAt(topology, { host, port: Number(port) })).toBe(ownerOf(topology, 16383));
  });

  it('is found again after a failover by hand, and after the death of a master', async () => {
    const before = await find(cluster.url);
    const master = await cluster.masterOf(0);
    const [replica] = (await cluster.replicasOf(master)) as [ClusterNode];
    await cluster.failover(replica);
    const after = await find(master.server.url);
    expect(portOf(after, 0)).toBe(replica.server.port);
    expect(after.epoch).toBeGreaterThan(before.epoch);
    expect(after.nodes.find(({ id }) => id === master.id)).toMatchObject({
      role: 'replica',
      masterId: replica.id,
    });

    const other = await cluster.masterOf(16383);
    const [heir] = (await cluster.replicasOf(other)) as [ClusterNode];
    await cluster.kill(other);
    // Begun while nobody has noticed: it waits for the failover.
    const found = await find(replica.server.url, { settleMs: 90_000 });
    expect(portOf(found, 16383)).toBe(heir.server.port);
    expect(found.nodes.find(({ id }) => id === other.id)).toMatchObject({
      failed: true,
      reached: false,
      slots: [],
    });
    expect(found.warnings).toEqual([
      {
        code: 'NODE_AWAY',
        message: expect.stringContaining(`${addressOf(other)} can not be asked: the cluster takes it`),
      },
    ]);
  });
});

describe('a cluster of 2 masters', () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await RedisCluster.start({ masters: 2 });
  });
  afterAll(() => cluster?.stop());

  it('shows a slot that is being moved, at either side, and then its new owner', async () => {
    const [from, to] = cluster.nodes as [ClusterNode, ClusterNode];
    const moving = cluster.moveSlot(7, from, to);
    for (let n = 0; n < 5; n++) await from.server.call('SET', `{${slotTag(7)}}:${n}`, n);
    await to.server.call('CLUSTER', 'SETSLOT', 8, 'IMPORTING', from.id);
    await moving.begin();
    expect(await moving.migrate(2)).toBe(2);
    const during = await find(cluster.url);
    const ids = { ownerId: from.id, importerId: to.id };
    expect(during.moves).toEqual([
      { slot: 7, ...ids },
      { slot: 8, ...ids },
    ]);
    expect(portOf(during, 7)).toBe(from.server.port);
    await to.server.call('CLUSTER', 'SETSLOT', 8, 'STABLE');
    await moving.finish();
    const after = await find(cluster.url);
    expect(after.moves).toEqual([]);
    expect(portOf(after, 7)).toBe(to.server.port);
    expect(await to.server.call('CLUSTER', 'COUNTKEYSINSLOT', 7)).toBe(5);
    expect(rangesOf(after)).toEqual([
      [0, 6],
      [8, 8191],
      [7, 7],
      [8192, 16383],
    ]);
  });

  it('follows redis-cli --cluster reshard to a new node', async () => {
    const added = await cluster.addNode();
    expect((await find(cluster.url)).nodes.find(({ id }) => id === added.id)).toMatchObject({
      role: 'master',
      slots: [],
    });
    await cluster.reshard(100, cluster.nodes[1] as ClusterNode, added);
    const topology = await find((cluster.nodes[0] as ClusterNode).server.url);
    expect(
      topology.nodes
        .find(({ id }) => id === added.id)
        ?.slots.reduce((n, { first, last }) => n + last - first + 1, 0),
    ).toBe(100);
  });
});

// Starting is waiting.
describe.concurrent('a cluster that is not as it should be', () => {
  const started: { stop(): Promise<void> }[] = [];
  const start = async (options: Parameters<typeof RedisCluster.start>[0]): Promise<RedisCluster> => {
    const cluster = await RedisCluster.start(options);
    started.push(cluster);
    return cluster;
  };
  afterAll(() => Promise.all(started.map((one) => one.stop())));

  it('has slots that nobody owns: they are named, or allowed', async () => {
    const cluster = await start({ masters: 2, uncovered: 10 });
    await expect(find(cluster.url)).rejects.toMatchObject({
      code: 'CLUSTER_UNCOVERED',
      message: 'No node owns the slots 16374-16383.',
    });
    const topology = await find(cluster.url, { allowUncovered: true });
    expect([topology.owners[16373], topology.owners[16374]]).toEqual([1, -1]);
    expect(ownerOf(topology, 16374)).toBeUndefined();
  });

  it('is two that do not know each other', async () => {
    const [one, two] = [await start({ masters: 1 }), await start({ masters: 1 })];
    const url = `${one.url},${two.url.replace('redis://', '')}`;
    await expect(find(url, { settleMs: 500 })).rejects.toMatchObject({
      code: 'CLUSTER_DISAGREES',
      message: expect.stringMatching(
        /do not agree on who owns the slots 0-16383: 127\.0\.0\.1:\d+ says of 0 that it is/,
      ),
    });
  });

  it('announces an address that can not be reached from here: both are named, and the map helps', async () => {
    const cluster = await start({ masters: 2 });
    const node = cluster.nodes[1] as ClusterNode;
    const closed = await freePort();
    await node.server.call('CONFIG', 'SET', 'cluster-announce-bus-port', node.server.port + 10_000);
    await node.server.call('CONFIG', 'SET', 'cluster-announce-port', closed);
    await spreads(cluster, `:${closed}@`);
    const seed = (cluster.nodes[0] as ClusterNode).server.url;
    const first = `The cluster announces a master at 127.0.0.1:${closed}, which can not be reached from here.`;
    await expect(find(seed)).rejects.toMatchObject({
      code: 'NODE_UNREACHABLE',
      message: expect.stringContaining(
        `${first} If it has another address here, name that with --from-address-map 127.0.0.1:${closed}=host:port.`,
      ),
      place: { side: 'source', node: `127.0.0.1:${closed}` },
    });
    const other = await freePort();
    await expect(
      find(seed, { addressMap: AddressMap.parse([`127.0.0.1:${closed}=localhost:${other}`]) }),
    ).rejects.toMatchObject({
      code: 'NODE_UNREACHABLE',
      message: expect.stringContaining(
        `127.0.0.1:${closed}, which --from-address-map makes localhost:${other}, and`,
      ),
    });
    // The node at the address is another one.
    await expect(
      find(seed, {
        addressMap: AddressMap.parse([`127.0.0.1:${closed}=127.0.0.1:${cluster.nodes[0]?.server.port}`]),
      }),
    ).rejects.toMatchObject({ code: 'NODE_UNREACHABLE', message: expect.stringContaining('leads to node') });
    const topology = await find(seed, {
      addressMap: AddressMap.parse([`127.0.0.1:${closed}=127.0.0.1:${node.server.port}`]),
    });
    expect(topology.nodes[1]).toMatchObject({
      port: node.server.port,
      announced: { host: '127.0.0.1', port: closed },
    });
    expect(nodeAt(topology, { host: '127.0.0.1', port: closed })).toBe(topology.nodes[1]);
  });

  it('announces names', async () => {
    const config = {
      'cluster-preferred-endpoint-type': 'hostname',
      'cluster-announce-hostname': 'localhost',
    };
    const cluster = await start({ masters: 2, config });
    await cluster.addNode();
    // A name travels apart from the node that has it.
    await spreads(cluster, ',localhost', 3);
    const topology = await find((cluster.nodes[0] as ClusterNode).server.url);
    // The third has no slots, and so does not stand in CLUSTER SLOTS.
    expect(topology.nodes.map(({ announced }) => announced.host)).toEqual([
      'localhost',
      'localhost',
      'localhost',
    ]);
    await (cluster.nodes[1] as ClusterNode).server.call(
      'CONFIG',
      'SET',
      'cluster-announce-hostname',
      'nowhere.invalid',
    );
    await spreads(cluster, ',nowhere.invalid');
    const seed = (cluster.nodes[1] as ClusterNode).server.url;
    await expect(find(seed)).rejects.toMatchObject({
      code: 'NODE_UNREACHABLE',
      message: expect.stringContaining('nowhere.invalid:'),
    });
    const mapped = await find(seed, { addressMap: AddressMap.parse(['nowhere.invalid=127.0.0.1']) });
    expect(
      mapped.nodes.some(
        ({ host, announced }) => host === '127.0.0.1' && announced.host === 'nowhere.invalid',
      ),
    ).toBe(true);
  });

  it('leaves the host open: it is that of the node that was asked', async () => {
    const cluster = await start({
      masters: 2,
      config: { 'cluster-preferred-endpoint-type': 'unknown-endpoint' },
    });
    const seed = `redis://localhost:${cluster.nodes[0]?.server.port}`;
    const topology = await find(seed);
    expect(topology.nodes.map(({ host }) => host)).toEqual(['localhost', 'localhost']);
  });

  it('wants a password at one node only, which is named', async () => {
    const cluster = await start({ masters: 2 });
    const node = cluster.nodes[1] as ClusterNode;
    await node.server.call('CONFIG', 'SET', 'requirepass', 'geheim');
    await expect(find((cluster.nodes[0] as ClusterNode).server.url)).rejects.toMatchObject({
      code: 'AUTH_FAILED',
      message: `Node ${addressOf(node)} of the cluster: The server wants a password, and the address gives none.`,
      place: { node: addressOf(node) },
    });
    await (cluster.nodes[0] as ClusterNode).server.call('CONFIG', 'SET', 'requirepass', 'geheim');
    expect((await find(cluster.url.replace('redis://', 'redis://:geheim@'))).nodes).toHaveLength(2);
  });

  it('has lost a shard for good', async () => {
    const cluster = await start({ masters: 3, nodeTimeoutMs: 500 });
    await cluster.kill(cluster.nodes[2] as ClusterNode);
    const [first] = cluster.nodes as [ClusterNode];
    await until('it to be noticed', async () =>
      (await first.server.text('CLUSTER', 'INFO')).includes('cluster_state:fail'),
    );
    await expect(find(first.server.url, { settleMs: 1000 })).rejects.toMatchObject({
      code: 'CLUSTER_DOWN',
      message: expect.stringContaining('slots 10922-16383'),
    });
  });

  it('is given by one address of a cluster and one of a server that is none', async () => {
    const cluster = await start({ masters: 1 });
    const server = await RedisServer.start();
    started.push(server);
    await expect(find(`${cluster.url},${server.host}:${server.port}`)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: `Several addresses are those of one cluster, and 127.0.0.1:${server.port} is no node of a cluster.`,
    });
  });
});

it('is found by TLS', async () => {
  const files = makeTlsFiles();
  const cluster = await RedisCluster.start({ masters: 2, tls: files });
  try {
    const topology = await find(cluster.url, { tls: { ca: files.ca } });
    expect(topology.nodes.map(({ port }) => port).sort()).toEqual(
      cluster.nodes.map(({ server }) => server.port).sort(),
    );
  } finally {
    await cluster.stop();
    files.remove();
  }
});

const others = cachedServers().filter(({ name }) => name !== 'redis-7.0');

describe.skipIf(others.length === 0)('a cluster of another version', { concurrent: true }, () => {
  it.each(others)('$name', async ({ name, binary }) => {
    const config: Record<string, string> = name === 'valkey-9' ? { 'cluster-databases': '4' } : {};
    const cluster = await RedisCluster.start({ masters: 2, replicas: 1, binary, config });
    try {
      const topology = await find((cluster.nodes[3] as ClusterNode).server.url);
      expect(topology).toMatchObject({
        kind: 'cluster',
        databases: name === 'valkey-9' ? 4 : 1,
        warnings: [],
      });
      expect(topology.nodes.map(({ role }) => role)).toEqual(['master', 'master', 'replica', 'replica']);
      expect(topology.nodes[0]?.flavour).toBe(name.startsWith('valkey') ? 'valkey' : 'redis');
    } finally {
      await cluster.stop();
    }
  });
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort, type RedisServer } from '../../../test/support/redis-server.ts';
import { Sentinel, SentinelGroup } from '../../../test/support/sentinel.ts';
import { until } from '../../../test/support/until.ts';
import { parseGroup } from '../group-url.ts';
import { Secret } from '../secret.ts';
import type { Endpoint } from '../url.ts';
import { AddressMap } from './address-map.ts';
import { type DiscoverOptions, discover } from './discover.ts';
import type { Topology } from './topology.ts';

const find = (address: string | Endpoint, more: Partial<DiscoverOptions> = {}): Promise<Topology> => {
  const endpoint = typeof address === 'string' ? parseGroup(address) : address;
  return discover({ endpoint, connectTimeoutMs: 60_000, side: 'source', ...more });
};

describe('a master, two replicas and three sentinels', () => {
  let group: SentinelGroup;
  beforeAll(async () => {
    group = await SentinelGroup.start();
  });
  afterAll(() => group?.stop());

  it('are found', async () => {
    const master = await group.master();
    const topology = await find(group.url);
    expect(topology).toMatchObject({ kind: 'sentinel', epoch: 0, databases: 16, warnings: [], moves: [] });
    const id = `127.0.0.1:${master.port}`;
    expect(topology.nodes[0]).toMatchObject({
      id,
      port: master.port,
      role: 'master',
      linkUp: true,
      reached: true,
    });
    const replicas = topology.nodes.slice(1);
    expect(replicas.map(({ port }) => port).sort()).toEqual(
      group.servers
        .slice(1)
        .map(({ port }) => port)
        .sort(),
    );
    for (const replica of replicas) {
      expect(replica).toMatchObject({
        role: 'replica',
        masterId: id,
        linkUp: true,
        reached: true,
        failed: false,
      });
    }
    expect([...new Set(topology.owners)]).toEqual([0]);
  });

  it('do not know another name, and say which they know', async () => {
    const url = group.url.replace('/mymaster', '/other');
    await expect(find(url)).rejects.toMatchObject({
      code: 'SENTINEL_UNKNOWN_MASTER',
      message: 'The sentinels know no master other. They know mymaster.',
    });
  });

  it('need not all be there', async () => {
    const url = group.url.replace('sentinel://', `sentinel://127.0.0.1:${await freePort()},`);
    const topology = await find(url);
    expect(topology.warnings).toEqual([
      { code: 'SENTINEL_AWAY', message: expect.stringContaining('can not be asked') },
    ]);
    await expect(find(`redis+sentinel://127.0.0.1:${await freePort()}/mymaster`)).rejects.toMatchObject({
      code: 'UNREACHABLE',
    });
  });

  it('are outvoted where one of them names another master', async () => {
    const [, replica] = group.servers as [RedisServer, RedisServer];
    // Alone with a group of its own choice.
    const odd = await Sentinel.start([`sentinel monitor mymaster 127.0.0.1 ${replica.port} 1`]);
    try {
      const master = await group.master();
      const topology = await find(group.url.replace('sentinel://', `sentinel://127.0.0.1:${odd.port},`));
      expect(topology.nodes[0]?.port).toBe(master.port);
      await expect(
        find(`redis+sentinel://127.0.0.1:${odd.port}/mymaster`, { settleMs: 300 }),
      ).rejects.toMatchObject({
        code: 'SENTINEL_NO_MASTER',
        message: `The sentinels name 127.0.0.1:${replica.port} as the master, which says of itself that it is a replica.`,
      });
    } finally {
      await odd.stop();
    }
  });

  it('announce a master that has another address here', async () => {
    const { port } = await group.master();
    const closed = await freePort();
    const wrong = AddressMap.parse([`127.0.0.1:${port}=127.0.0.1:${closed}`]);
    await expect(find(group.url, { addressMap: wrong, side: 'target' })).rejects.toMatchObject({
      code: 'NODE_UNREACHABLE',
      message: expect.stringContaining(
        `at 127.0.0.1:${port}, which --to-address-map makes 127.0.0.1:${closed}, and that`,
      ),
    });
    const right = await find(group.url, {
      addressMap: AddressMap.parse([`127.0.0.1:${port}=localhost:${port}`]),
    });
    expect(right.nodes[0]).toMatchObject({ host: 'localhost', port, announced: { host: '127.0.0.1', port } });
  });

  it('are not what the address says: a server where a sentinel should be, and the other way round', async () => {
    const master = await group.master();
    await expect(find(`redis+sentinel://127.0.0.1:${master.port}/mymaster`)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: `What answers at 127.0.0.1:${master.port} is no sentinel: it does not know SENTINEL.`,
    });
    const { port } = group.sentinels[0] as Sentinel;
    await expect(find(`redis://127.0.0.1:${port}`)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: `The address is that of a sentinel: write redis+sentinel://127.0.0.1:${port}/mymaster.`,
    });
  });

  it('name another master after a failover; one that is just dying is waited for', async () => {
    const old = await group.master();
    const heir = await group.killMaster();
    expect((await find(group.url)).nodes[0]).toMatchObject({ port: heir.port, role: 'master' });
    // The sentinel that led the failover names the new master first, and files the old one under the replicas a moment later.
    let topology = await find(group.url);
    await until('the old master to be listed', async () => {
      topology = await find(group.url);
      return topology.nodes.some(({ port }) => port === old.port);
    });
    expect(topology.epoch).toBeGreaterThan(0);
    const gone = topology.nodes.find(({ port }) => port === old.port);
    expect(gone).toMatchObject({ role: 'replica', reached: false, linkUp: false });

    const next = group.servers.find((server) => server.running && server !== heir) as RedisServer;
    await until('the sentinels to have the other replica in step', async () => {
      const again = await find(group.url);
      return again.nodes.some(({ port, linkUp }) => port === next.port && linkUp);
    });
    await heir.kill();
    const first = group.sentinels[0] as Sentinel;
    await until(
      'the master to be down',
      async () => (await first.master(group.name)).get('flags')?.includes('s_down') === true,
    );
    expect((await find(group.url, { settleMs: 90_000 })).nodes[0]?.port).toBe(next.port);
  });
});

it('has passwords of its own: those of the sentinels are not those of the servers', async () => {
  const group = await SentinelGroup.start({ replicas: 1, password: 'geheim', sentinelPassword: 'leise' });
  try {
    const endpoint = parseGroup(group.url.replace('sentinel://', 'sentinel://:geheim@'));
    await expect(find(endpoint)).rejects.toMatchObject({
      code: 'AUTH_FAILED',
      message: expect.stringMatching(
        /^The sentinel .*own user and password are --from-sentinel-username and --from-sentinel-password\.$/,
      ),
    });
    const sentinel = {
      ...(endpoint.sentinel as NonNullable<Endpoint['sentinel']>),
      password: Secret.of('leise'),
    };
    expect((await find({ ...endpoint, sentinel })).nodes).toHaveLength(2);
    const { password: _, ...open } = endpoint;
    await expect(find({ ...open, sentinel })).rejects.toMatchObject({
      code: 'AUTH_FAILED',
      message: expect.stringMatching(
        /^The master 127\.0\.0\.1:\d+ of the sentinels: The server wants a password/,
      ),
    });
  } finally {
    await group.stop();
  }
});

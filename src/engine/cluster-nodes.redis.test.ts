import { afterEach, describe, expect, it } from 'vitest';
import { RedisServer } from '../../test/support/redis-server.ts';
import { resolveSyncOptions } from '../config/sync-options.ts';
import { NaruError } from '../errors/errors.ts';
import type { Topology, TopologyNode } from '../net/topology/topology.ts';
import { ClusterNodes } from './cluster-nodes.ts';

const servers: RedisServer[] = [];
let nodes: ClusterNodes | undefined;
afterEach(async () => {
  nodes?.close(new NaruError('STOPPED_EARLY', 'The test is over'));
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

/** A cluster of which one server owns all slots, and the others are its replicas. */
function ownedBy(owner: RedisServer): Topology {
  const all = servers.map(
    ({ host, port }): TopologyNode => ({
      id: String(port),
      host,
      port,
      announced: { host, port },
      role: port === owner.port ? 'master' : 'replica',
      slots: port === owner.port ? [{ first: 0, last: 16_383 }] : [],
      linkUp: true,
      failed: false,
      reached: true,
    }),
  );
  const owners = new Int16Array(16_384).fill(servers.indexOf(owner));
  return { kind: 'cluster', nodes: all, owners, moves: [], epoch: 1, warnings: [] };
}

async function started(): Promise<[RedisServer, RedisServer]> {
  const [a, b] = await Promise.all([RedisServer.start(), RedisServer.start()]);
  servers.push(a, b);
  const options = resolveSyncOptions({ from: 'redis://127.0.0.1:1', to: a.url });
  nodes = new ClusterNodes(options, 'job', new AbortController().signal);
  await nodes.connect(ownedBy(a), () => false);
  return [a, b];
}

describe('a node that was restarted', () => {
  it('may have lost what it had acknowledged', async () => {
    const [a] = await started();
    await a.restart();
    await expect(nodes?.connect(ownedBy(a), () => false)).rejects.toMatchObject({ code: 'TARGET_LOST_DATA' });
  });

  it('has what another one had that owned its slots meanwhile', async () => {
    const [a, b] = await started();
    await nodes?.connect(ownedBy(b), () => false);
    await a.restart();
    expect(await nodes?.connect(ownedBy(a), () => false)).toMatchObject([{ id: String(a.port) }]);
    await a.restart();
    await expect(nodes?.connect(ownedBy(a), () => false)).rejects.toMatchObject({ code: 'TARGET_LOST_DATA' });
  });
});

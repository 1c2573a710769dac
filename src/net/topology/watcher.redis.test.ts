import { expect, it } from 'vitest';
import { type ClusterNode, RedisCluster } from '../../../test/support/cluster.ts';
import { SentinelGroup } from '../../../test/support/sentinel.ts';
import { parseGroup } from '../group-url.ts';
import { type DiscoverOptions, discover } from './discover.ts';
import { parseRedirect } from './redirect.ts';
import { ownerOf, type Topology } from './topology.ts';
import { TopologyWatcher } from './watcher.ts';

/** A watcher, and what it told. */
async function watch(url: string) {
  const options: DiscoverOptions = {
    endpoint: parseGroup(url),
    connectTimeoutMs: 60_000,
    side: 'source',
    settleMs: 2000,
  };
  const changed: Topology[] = [];
  const problems: string[] = [];
  const watcher = new TopologyWatcher(await discover(options), {
    ...options,
    onChanged: (topology) => changed.push(topology),
    onProblem: ({ code }) => problems.push(code),
  });
  return { watcher, changed, problems };
}

it('follows a cluster: a MOVED, the death of the node that the address names, and a node that left', async () => {
  const cluster = await RedisCluster.start({ masters: 3, replicas: 1 });
  try {
    const [one, two] = cluster.nodes as [ClusterNode, ClusterNode];
    const { watcher, changed } = await watch(one.server.url);
    expect(await watcher.refresh()).toBe(watcher.current);
    expect(changed).toEqual([]);

    await cluster.moveSlot(0, one, two).finish();
    const text = await one.server.text('GET', '{1bz}').catch((error: Error) => error.message);
    const redirect = parseRedirect(text, one.server.host);
    expect(redirect).toMatchObject({ kind: 'MOVED', slot: 0, port: two.server.port });
    watcher.moved(0, redirect as NonNullable<typeof redirect>);
    await watcher.refresh();
    expect(ownerOf(watcher.current, 0)?.port).toBe(two.server.port);
    expect(changed.length).toBeGreaterThanOrEqual(1);

    await cluster.kill(one);
    watcher.suspect();
    const found = await watcher.refresh();
    const heir = await cluster.masterOf(1);
    expect(ownerOf(found, 1)).toMatchObject({ id: heir.id, port: heir.server.port, reached: true });
    expect(heir.id).not.toBe(one.id);

    // A replica that leaves knows nothing of the cluster any more.
    const [gone] = (await cluster.replicasOf(two)) as [ClusterNode];
    for (const { server, id } of cluster.nodes) {
      if (server.running && id !== gone.id) await server.call('CLUSTER', 'FORGET', gone.id);
    }
    await gone.server.call('CLUSTER', 'RESET', 'HARD');
    const left = await watcher.refresh();
    expect(left.nodes.some(({ id }) => id === gone.id)).toBe(false);
    expect(left.owners.every((owner) => owner >= 0)).toBe(true);
    const options: DiscoverOptions = {
      endpoint: parseGroup(one.server.url),
      connectTimeoutMs: 60_000,
      side: 'source',
    };
    const known = [gone, two].map(({ server: { host, port } }) => ({ host, port }));
    expect((await discover({ ...options, known })).nodes.length).toBe(left.nodes.length);
  } finally {
    await cluster.stop();
  }
});

it('follows the sentinels to the new master', async () => {
  const group = await SentinelGroup.start({ replicas: 1 });
  try {
    const { watcher, changed } = await watch(group.url);
    const old = await group.master();
    await old.kill();
    const found = await watcher.refresh();
    expect(found.nodes[0]).toMatchObject({ role: 'master', reached: true });
    expect(found.nodes[0]?.port).toBe(group.servers[1]?.port);
    expect(changed.at(-1)).toBe(found);
  } finally {
    await group.stop();
  }
});

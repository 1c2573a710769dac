/** Slots that move between the nodes of a source while it is copied and followed. */
import { afterEach, describe, expect, it } from 'vitest';
import { RedisCluster } from '../support/cluster.ts';
import { synced } from '../support/synced.ts';
import { ClusterWriter } from './cluster-writer.ts';
import { fill, Rig, serversOf } from './rig.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function start(masters: number): Promise<{ cluster: RedisCluster; rig: Rig }> {
  const cluster = await RedisCluster.start({ masters, config: { 'cluster-allow-replica-migration': 'yes' } });
  stops.push(() => cluster.stop());
  const rig = await Rig.start();
  stops.push(() => rig.stop());
  return { cluster, rig };
}

describe('slots that move at the source', () => {
  it('leave nothing behind and lose nothing: while the full copy is made, and in the stream', async () => {
    const { cluster, rig } = await start(3);
    await fill(cluster, 20_000, 100);
    const writer = await ClusterWriter.start(cluster, 3);
    await writer.until(500);
    const [a, b, c] = (await cluster.masters()) as [never, never, never];
    const naru = rig.sync(cluster.url, '--parallel-snapshots', '1');
    await naru.untilEvent('started');
    await cluster.reshard(300, a, b);
    await synced(naru, writer);
    await cluster.reshard(300, b, c);
    await writer.until(500);
    await writer.stop();
    const done = await rig.endsEqual(naru, await serversOf(cluster));
    expect(done.recopied).toBeGreaterThan(0);
    console.log(`moved slots: ${done.recopied} keys were copied again, ${done.commands} commands`);
  });

  it('to a master that joins, and from one that loses all of its slots', async () => {
    const { cluster, rig } = await start(2);
    await fill(cluster, 5000, 50);
    const writer = await ClusterWriter.start(cluster, 4);
    await writer.until(500);
    const naru = rig.sync(cluster.url);
    await synced(naru, writer);
    const added = await cluster.addNode();
    const [first, last] = (await cluster.masters()) as [never, never];
    await added.server.call('FUNCTION', 'LOAD', 'REPLACE', ClusterWriter.library);
    await cluster.reshard(400, first, added);
    await writer.until(500);
    await naru.untilEvent('progress', (event) => event.links?.length === 3 && event.phase === 'stream');
    // All that it has: it becomes a replica of the one that takes the last slot.
    await cluster.reshard(400, added, last);
    await naru.untilEvent('progress', (event) => event.links?.length === 2 && event.phase === 'stream');
    await writer.until(500);
    await writer.stop();
    const done = await rig.endsEqual(naru, await serversOf(cluster));
    expect(done.recopied).toBeGreaterThan(0);
  });

  it('beside keys that stay: the run says so and ends', async () => {
    const { cluster, rig } = await start(2);
    await rig.target.call('SET', 'own', 'stays');
    await fill(cluster, 100, 10);
    const naru = rig.sync(cluster.url, '--on-conflict', 'skip');
    await naru.untilEvent('synced');
    const [first, second] = (await cluster.masters()) as [never, never];
    await cluster.moveSlot(7, first, second).finish();
    expect(await naru.exited).toMatchObject({ code: 1 });
    expect(naru.eventsOf('error').at(-1)).toMatchObject({ code: 'SLOTS_MOVED', retry: false });
    expect(await rig.target.text('GET', 'own')).toBe('stays');
  });
});

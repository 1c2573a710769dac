/** A cluster to a cluster of another size, while both of them change: slots move on both sides, and a master of each is killed. */
import { RedisCluster } from '../support/cluster.ts';
import { ClusterWriter } from './cluster-writer.ts';
import { Rig, serversOf } from './rig.ts';

/** Resolves to what was seen, in a line. A target of two masters has nobody to elect another one: there none is killed. */
export async function bothSides(targetMasters: number, seed: number): Promise<string> {
  const source = await RedisCluster.start({ masters: 3, replicas: 1 });
  const rig = await Rig.toCluster(targetMasters, targetMasters > 2 ? 1 : 0);
  const target = rig.targetCluster;
  const naru = rig.sync(source.url, '--drain-timeout', '60s');
  try {
    const writer = await ClusterWriter.start(source, seed);
    await naru.untilEvent('snapshot_done');
    await writer.until(3000);
    await moveSlots(source, 150);
    await moveSlots(target, 300);
    await writer.until(2000);
    if (targetMasters > 2) await killMaster(target, 0);
    await writer.until(2000);
    await killMaster(source, 1);
    await writer.until(4000);
    await writer.stop();
    const { commands, recopied } = await rig.endsEqual(naru, await serversOf(source));
    return `3 masters to ${targetMasters}, both change: ${commands} commands, ${recopied} keys copied again`;
  } finally {
    naru.kill('SIGKILL');
    await source.stop();
    await rig.stop();
  }
}

async function moveSlots(cluster: RedisCluster, slots: number): Promise<void> {
  const [from, to] = await cluster.masters();
  if (from !== undefined && to !== undefined) await cluster.reshard(slots, from, to);
}

async function killMaster(cluster: RedisCluster, index: number): Promise<void> {
  const master = (await cluster.masters())[index];
  if (master !== undefined) await cluster.killMaster(master);
}

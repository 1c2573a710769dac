/**
 * The long run: `npm run test:topology -- [rounds] [seed]`. First groups of other sizes with changes on both sides, by themselves and then followed by an
 * independent model; then each round copies a cluster, to one server or to a cluster, while it is written to, masters change and slots move, in ways
 * chosen at random, and ends with a complete comparison. A round that fails names its seed.
 */
import { RedisCluster } from '../support/cluster.ts';
import type { Naru } from '../support/naru.ts';
import { Random } from '../support/random.ts';
import { bothSides } from './both-sides.ts';
import { ClusterWriter } from './cluster-writer.ts';
import { modelRun } from './model-run.ts';
import { fill, Rig, serversOf } from './rig.ts';

const CHANGES = 4;

async function round(seed: number): Promise<string> {
  const random = new Random(seed);
  const cluster = await RedisCluster.start({ masters: 3, replicas: 1 });
  const toCluster = random.chance(0.5);
  let naru: Naru | undefined;
  const changes: string[] = [];
  const rig = toCluster ? await Rig.toCluster(2 + random.int(2)) : await Rig.start();
  try {
    await fill(cluster, 1000 + random.int(20_000), 20 + random.int(300));
    const writer = await ClusterWriter.start(cluster, seed);
    naru = rig.sync(cluster.url, '--parallel-snapshots', String(1 + random.int(3)));
    await naru.untilEvent(random.pick(['snapshot_done', 'synced']));
    for (let n = 0; n < CHANGES; n++) {
      changes.push(await change(cluster, random));
      // A server knows its history and the one before: nobody could go on who missed two failovers.
      for (const server of await serversOf(cluster)) await rig.arrives(server);
      await writer.until(random.int(2000));
    }
    await naru.untilEvent('synced');
    await writer.stop();
    const { recopied, commands } = await rig.endsEqual(naru, await serversOf(cluster));
    const target = toCluster ? 'cluster' : 'server';
    return `to a ${target}: ${changes.join(', ')}; ${commands} commands, ${recopied} keys copied again`;
  } catch (error) {
    const told = naru?.events.filter(({ event }) => event !== 'progress').slice(-6);
    console.log(
      toCluster,
      changes,
      JSON.stringify(told),
      JSON.stringify(naru?.eventsOf('progress').at(-1)),
      naru?.exit,
    );
    throw error;
  } finally {
    naru?.kill('SIGKILL');
    await cluster.stop();
    await rig.stop();
  }
}

async function change(cluster: RedisCluster, random: Random): Promise<string> {
  const masters = await cluster.masters();
  const from = random.pick(masters);
  const to = random.pick(masters.filter((master) => master !== from));
  if (random.chance(0.3)) {
    const [replica] = await cluster.replicasOf(from);
    if (replica !== undefined) {
      await cluster.failover(replica);
      return 'failover';
    }
  }
  if (random.chance(0.2)) {
    const added = await cluster.addNode();
    await added.server.call('FUNCTION', 'LOAD', 'REPLACE', ClusterWriter.library);
    await cluster.reshard(50, from, added);
    return 'a master joins';
  }
  const slots = 1 + random.int(150);
  await cluster.reshard(slots, from, to);
  return `${slots} slots move`;
}

const [rounds = 10, first = Date.now() % 100_000] = process.argv.slice(2).map(Number);
async function tell(seed: number, run: Promise<string>): Promise<void> {
  try {
    console.log(`seed ${seed} ${await run}`);
  } catch (error) {
    console.log(`seed ${seed} FAILED`, error);
    process.exitCode = 1;
  }
}

for (const masters of [2, 3, 5]) await tell(first, bothSides(masters, first));
const SIZES: [from: number, to: number][] = [
  [3, 2],
  [2, 5],
  [3, 5],
  [3, 0],
  [0, 3],
];
for (const [from, to] of SIZES)
  await tell(first, modelRun({ from, to, seed: first, commands: 3000, changes: true }));
for (let n = 0; n < rounds; n++) await tell(first + n, round(first + n));

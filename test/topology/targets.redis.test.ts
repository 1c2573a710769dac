/** What else a target may be, and what is refused. */
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { makeTempDir } from '../support/cleanup.ts';
import { RedisCluster } from '../support/cluster.ts';
import { differences, stateOf } from '../support/cluster-state.ts';
import { Naru } from '../support/naru.ts';
import { SentinelGroup } from '../support/sentinel.ts';
import { until } from '../support/until.ts';
import { ClusterWriter } from './cluster-writer.ts';
import { ownersOf, TargetRig } from './target-rig.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function clustered(masters: number): Promise<RedisCluster> {
  const cluster = await RedisCluster.start({ masters });
  stops.push(() => cluster.stop());
  return cluster;
}

function tempDir(): string {
  const temp = makeTempDir('naru-topology-');
  stops.push(() => Promise.resolve(temp.remove()));
  return temp.path;
}

describe('a cluster of another size', { timeout: 90_000 }, () => {
  it.each([
    [3, 2],
    [2, 4],
  ])('%i masters to %i', async (from, to) => {
    const [source, target] = [await clustered(from), await clustered(to)];
    const writer = await ClusterWriter.start(source, 41);
    const ends = ['--from', source.url, '--to', target.url, '--dir', tempDir(), '--json'];
    const naru = Naru.start(['sync', ...ends, '--progress-interval', '50ms']);
    stops.push(async () => {
      if (naru.exit === undefined) await naru.stop('SIGKILL');
    });
    await naru.untilEvent('synced');
    await writer.stop();
    const sources = await ownersOf(source);
    const state = await stateOf(sources);
    await until(
      'all to arrive',
      async () => differences(state, await stateOf(await ownersOf(target))).length === 0,
    );
    expect(await naru.stop()).toEqual({ code: 0, signal: null });
    expect(differences(state, await stateOf(await ownersOf(target)))).toEqual([]);
  });
});

describe('a group with sentinels as target', { timeout: 60_000 }, () => {
  it('is followed to the master that takes over', async () => {
    const group = await SentinelGroup.start({ replicas: 1 });
    stops.push(() => group.stop());
    const rig = await TargetRig.start(() => group.url);
    stops.push(() => rig.stop());
    const naru = rig.sync();
    await naru.untilEvent('synced');
    await rig.source.call('INCR', 'count');
    const old = await group.master();
    await until('the first write', async () => (await old.text('GET', 'count')) === '1');
    expect(await old.call('WAIT', 1, 5000)).toBe(1);
    const heir = await group.killMaster();
    await rig.source.call('INCR', 'count');
    await rig.endsEqual(naru, [heir]);
    expect(await heir.text('GET', 'count')).toBe('2');
  });
});

describe('a cluster', { timeout: 60_000 }, () => {
  it('takes commands of several MiB', async () => {
    const cluster = await clustered(3);
    const rig = await TargetRig.start(() => cluster.url);
    stops.push(() => rig.stop());
    const naru = rig.sync();
    await naru.untilEvent('synced');
    const big = 'x'.repeat(3_000_000);
    await rig.source.call('SET', 'big', big);
    await rig.source.call('MSET', 'a', big, 'b', 'small');
    await rig.source.call('APPEND', 'big', 'y');
    await rig.endsEqual(naru, await ownersOf(cluster));
  });

  it('is refused by restore, and dumped node by node', async () => {
    const cluster = await clustered(3);
    const [first] = await ownersOf(cluster);
    const file = join(tempDir(), 'node.rdb');
    const dump = await Naru.run(['dump', '--from', String(first?.url), '--to', file, '--json']);
    expect(dump.exit?.code).toBe(0);
    expect(dump.eventsOf('warning').map(({ code }) => code)).toContain('ONE_NODE');
    const restore = await Naru.run(['restore', '--from', file, '--to', String(first?.url), '--json']);
    expect(restore.exit?.code).toBe(2);
    expect(restore.eventsOf('error')[0]).toMatchObject({ code: 'CONFIG_INVALID', side: 'target' });
  });
});

/** A cluster as source of one run. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisCluster } from '../support/cluster.ts';
import { differences, functionsOf, stateOf } from '../support/cluster-state.ts';
import { Naru } from '../support/naru.ts';
import { RedisServer } from '../support/redis-server.ts';
import { ClusterWriter } from './cluster-writer.ts';

let cluster: RedisCluster;
let target: RedisServer;
let dir: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'naru-topology-'));
  cluster = await RedisCluster.start({ masters: 3, replicas: 1 });
  target = await RedisServer.start();
}, 60_000);
afterAll(async () => {
  await cluster.stop();
  await target.stop();
  rmSync(dir, { recursive: true });
});

const sync = (...args: string[]): Naru =>
  Naru.start([
    'sync',
    ...['--from', cluster.url, '--to', target.url, '--dir', dir, '--json', '--progress-interval', '50ms'],
    ...args,
  ]);

async function equal(): Promise<void> {
  const masters = (await cluster.masters()).map(({ server }) => server);
  expect(differences(await stateOf(masters), await stateOf([target]))).toEqual([]);
}

describe('a cluster as source', { timeout: 60_000 }, () => {
  it('is copied with all of its masters while it is written to', async () => {
    const writer = await ClusterWriter.start(cluster, 1);
    await writer.until(2000);
    const naru = sync();
    const started = await naru.untilEvent('started');
    expect(started.source).toContain('(cluster, 3 masters)');
    await naru.untilEvent('synced');
    await writer.until(3000);
    await writer.stop();
    const progress = await naru.untilEvent('progress', (event) => event.lagBytes === 0, naru.events.length);
    expect(progress.links).toHaveLength(3);
    expect(await naru.stop()).toEqual({ code: 0, signal: null });
    const [done] = naru.eventsOf('done');
    expect(done?.links).toHaveLength(3);
    expect(naru.eventsOf('started')).toHaveLength(1);
    expect(naru.eventsOf('snapshot_done')).toHaveLength(1);
    expect(naru.eventsOf('synced')).toHaveLength(1);
    await equal();
    const [first] = await cluster.masters();
    expect(await functionsOf(target)).toBe(await functionsOf((first as { server: RedisServer }).server));
    expect(await target.call('EXISTS', `naru:checkpoint:${first?.server.host}:${first?.server.port}`)).toBe(
      0,
    );
  });
});

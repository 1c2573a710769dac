/** Two servers that do not fit together. Nothing may be written before that is said. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compare } from '../../support/compare.ts';
import { failSync, startSync } from '../../support/failed-run.ts';
import { RedisServer } from '../../support/redis-server.ts';
import { makeReplica } from '../../support/replica.ts';
import { until } from '../../support/until.ts';

let master: RedisServer;
let replica: RedisServer;
let other: RedisServer;
beforeAll(async () => {
  [master, replica, other] = await Promise.all([
    RedisServer.start({ unixSocket: true }),
    RedisServer.start(),
    RedisServer.start(),
  ]);
  await master.pipeline(Array.from({ length: 100 }, (_, i) => ['SET', `k${i}`, i]));
  await makeReplica(replica, master);
});
afterAll(() => Promise.all([master.stop(), replica.stop(), other.stop()]));

describe('servers that do not fit', () => {
  it.each([
    ['the same address', () => master.url],
    ['another name of the host', () => master.url.replace('127.0.0.1', 'localhost')],
    ['a unix socket', () => `unix://${master.socketPath}`],
    ['another database', () => `${master.url}/3`],
  ])('one server on both ends: %s', async (_name, other_) => {
    const before = await master.call('DBSIZE');
    const error = await failSync(master.url, other_(), ['--on-conflict', 'overwrite']);
    expect(error).toMatchObject({ code: 'SAME_SERVER', side: 'target' });
    expect(error.message).toMatch(/same server \(run id [0-9a-f]{40}\)/);
    expect(await master.call('DBSIZE')).toBe(before);
  });

  it('a source that is a replica of the target', async () => {
    const error = await failSync(replica.url, master.url, ['--on-conflict', 'overwrite']);
    expect(error).toMatchObject({ code: 'SAME_SERVER', side: 'source' });
    expect(error.message).toContain('replica of the target');
  });

  it('a target that is a replica', async () => {
    const error = await failSync(other.url, replica.url, ['--on-conflict', 'overwrite']);
    expect(error).toMatchObject({
      code: 'TARGET_IS_REPLICA',
      side: 'target',
      node: `127.0.0.1:${replica.port}`,
    });
    expect(error.advice).toContain('master');
  });

  it('a target that is not empty, and no word on what to do', async () => {
    const target = await RedisServer.start();
    await target.call('SELECT', 5);
    await target.call('SET', 'own', 1);
    const error = await failSync(master.url, target.url);
    expect(error).toMatchObject({ code: 'TARGET_NOT_EMPTY', side: 'target' });
    expect(error.message).toContain('1 key');
    expect(error.advice).toContain('--on-conflict');
    expect(await target.call('DBSIZE')).toBe(1);
    await target.stop();
  });

  it('a source that is a replica works', async () => {
    const naru = startSync(replica.url, other.url, ['--until-synced']);
    expect((await naru.exited).code, naru.stderr).toBe(0);
    expect(await compare(master, other)).toEqual([]);
  });

  it('a source that is a replica without its master', async () => {
    await other.call('FLUSHALL');
    await replica.call('CONFIG', 'SET', 'masterauth', '');
    await replica.call('REPLICAOF', '127.0.0.1', 1);
    await until('master link down', async () => {
      return (await replica.info('replication')).get('master_link_status') === 'down';
    });
    const error = await failSync(replica.url, other.url);
    expect(error).toMatchObject({
      code: 'SOURCE_NO_MASTER',
      side: 'source',
      node: `127.0.0.1:${replica.port}`,
    });
    expect(error.message).toContain('link to its master is down');
    expect(await other.call('DBSIZE')).toBe(0);
  });
});

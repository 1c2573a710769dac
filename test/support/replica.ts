import type { RedisServer } from './redis-server.ts';
import { until } from './until.ts';

/** Makes `replica` a plain replica of `source`, and resolves when its full copy is done. */
export async function makeReplica(replica: RedisServer, source: RedisServer): Promise<void> {
  await replica.call('REPLICAOF', source.host, source.port);
  await inSync(replica, source);
}

/** Whether the replica's link is up and it has applied everything that the source has written up to now. */
export async function isInSync(replica: RedisServer, source: RedisServer): Promise<boolean> {
  const offset = Number((await source.info('replication')).get('master_repl_offset'));
  const info = await replica.info('replication');
  return info.get('master_link_status') === 'up' && Number(info.get('slave_repl_offset')) >= offset;
}

export async function inSync(replica: RedisServer, source: RedisServer): Promise<void> {
  await until('the replica is in sync', () => isInSync(replica, source));
}

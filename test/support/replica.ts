import type { RedisServer } from './redis-server.ts';
import { until } from './until.ts';

/** Makes `replica` a plain replica of `source`, and resolves when its full copy is done. */
export async function makeReplica(replica: RedisServer, source: RedisServer, msMax = 60_000): Promise<void> {
  await replica.call('REPLICAOF', source.host, source.port);
  await until('replica link', async () => isUp(await replica.info('replication')), msMax);
}

function isUp(info: Map<string, string>): boolean {
  return info.get('master_link_status') === 'up';
}

/** Resolves when the replica has applied everything that the source has written up to now. */
export async function inSync(replica: RedisServer, source: RedisServer, msMax = 60_000): Promise<void> {
  const offset = Number((await source.info('replication')).get('master_repl_offset'));
  const reached = async (): Promise<boolean> => {
    const info = await replica.info('replication');
    return isUp(info) && Number(info.get('slave_repl_offset')) >= offset;
  };
  await until('replica offset', reached, msMax);
}

import type { RedisServer } from '../test/support/redis-server.ts';

/** A fast copy that is wrong is worth nothing: throws unless both sides hold the same. The target is no replica afterwards. */
export async function requireEqual(name: string, source: RedisServer, target: RedisServer): Promise<void> {
  await target.call('REPLICAOF', 'NO', 'ONE');
  const checkpoints = (await target.call('KEYS', 'naru:checkpoint:*')) as Buffer[];
  for (const key of checkpoints) await target.call('DEL', key);
  const [expected, found] = await Promise.all([source.digest(), target.digest()]);
  if (expected !== found) throw new Error(`${name}: the target differs from the source`);
}

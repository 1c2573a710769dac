import type { RespClient } from '../net/client.ts';
import { askReadable, type Dialect, dialectOf } from '../target/redis/dialect.ts';
import type { NodeFacts } from './facts.ts';

/** A proxy tells nothing of itself; more than this is not needed. */
export const PROXY_FACTS: NodeFacts = {
  runId: '',
  replid: '',
  version: '?',
  flavour: 'redis',
  role: 'master',
  inCluster: false,
  masterLinkUp: true,
  keyspace: new Map(),
  expiringFields: false,
  functionLibraries: 0,
  maxmemory: 0,
  maxmemoryPolicy: 'noeviction',
  clockMs: 0,
  hasReplicas: false,
  aheadMs: 0,
};

/**
 * Write commands that twemproxy 0.5 passes on (its notes/redis.md): those of one key, and MSET and DEL, which it splits. At anything else it
 * hangs up, so nothing else is sent: what other commands write is copied.
 *
 * Those of several keys that it passes too (ZUNIONSTORE, EVAL and so on) need all keys at one server, and where a key is only the proxy knows.
 */
export const PROXY_COMMANDS: readonly string[] = [
  'DEL MSET EXPIRE EXPIREAT PERSIST PEXPIRE PEXPIREAT RESTORE',
  'APPEND BITFIELD DECR DECRBY GETDEL GETEX GETSET INCR INCRBY INCRBYFLOAT PSETEX SET SETBIT SETEX SETNX SETRANGE',
  'HDEL HINCRBY HINCRBYFLOAT HMSET HSET HSETNX',
  'LINSERT LPOP LPUSH LPUSHX LREM LSET LTRIM RPOP RPUSH RPUSHX',
  'SADD SPOP SREM PFADD GEOADD',
  'ZADD ZINCRBY ZPOPMAX ZPOPMIN ZREM ZREMRANGEBYLEX ZREMRANGEBYRANK ZREMRANGEBYSCORE',
].flatMap((line) => line.split(' '));

/** The Redis that brought each RDB version: what stands behind the proxy is taken to be no newer than it shows by RESTORE. */
const VERSIONS: Readonly<Record<number, string>> = {
  6: '2.8.0',
  7: '3.2.0',
  8: '4.0.0',
  9: '5.0.0',
  10: '7.0.0',
  11: '7.2.0',
  12: '7.4.0',
  13: '8.6.0',
};

export async function askProxyDialect(client: RespClient): Promise<Dialect> {
  const readable = await askReadable(client, 'redis');
  const dialect = dialectOf('redis', VERSIONS[readable?.redis ?? 9] as string);
  return {
    ...dialect,
    name: 'a proxy',
    ...(readable && { readable }),
    unlink: false,
    functions: false,
    // HPEXPIREAT is not passed on; RESTORE brings such a hash whole.
    modules: new Set(),
  };
}

import { NaruError } from '../errors/errors.ts';
import { type RespClient, ServerError } from '../net/client.ts';
import { parseInfo } from '../net/info.ts';
import type { Reply } from '../protocol/resp/reply.ts';

/** What a node says about itself. */
export interface NodeFacts {
  runId: string;
  /** the replication id: a replica has its master's */
  replid: string;
  version: string;
  flavour: 'redis' | 'valkey';
  role: string;
  /** it is a node of a cluster */
  inCluster: boolean;
  /** of a replica: whether the link to its master is up */
  masterLinkUp: boolean;
  /** it has replicas of its own */
  hasReplicas: boolean;
  /** database -> number of keys */
  keyspace: ReadonlyMap<number, number>;
  /** it holds hashes whose fields expire, where it says so (Redis 7.4, Valkey 9) */
  expiringFields: boolean;
  /** how many function libraries it holds (Redis 7) */
  functionLibraries: number;
  maxmemory: number;
  maxmemoryPolicy: string;
  /** the node's clock, ms since 1970 */
  clockMs: number;
  /** how far its clock is ahead of ours, ms; too much by up to the time that the question took */
  aheadMs: number;
}

/** A question to one side, with refusals as NaruError. */
export async function ask(client: RespClient, ...args: (string | number | Buffer)[]): Promise<Reply> {
  try {
    return await client.call(...args);
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    const { side, node } = client.connection;
    const code =
      error.code === 'NOPERM' ? 'NO_PERMISSION' : side === 'target' ? 'TARGET_REJECTED' : 'NO_PERMISSION';
    const command = String(args[0]);
    const key = command === 'GET' || command === 'DEL' ? { key: String(args[1]) } : {};
    throw new NaruError(code, `The ${side} refused ${command}: ${error.text}`, {
      side,
      node,
      command,
      ...key,
    });
  }
}

/** Reads the facts. Rejects with NaruError, NO_PERMISSION where INFO is not allowed. */
export async function readFacts(client: RespClient): Promise<NodeFacts> {
  const info = parseInfo(String(await ask(client, 'INFO')));
  const valkey = info.get('valkey_version');
  const askedMs = Date.now();
  const clockMs = await readClock(client);
  return {
    runId: info.get('run_id') ?? '',
    replid: info.get('master_replid') ?? '',
    version: valkey ?? info.get('redis_version') ?? '?',
    flavour: valkey === undefined ? 'redis' : 'valkey',
    role: info.get('role') ?? 'master',
    inCluster: info.get('cluster_enabled') === '1',
    masterLinkUp: info.get('master_link_status') !== 'down',
    hasReplicas: Number(info.get('connected_slaves') ?? 0) > 0,
    keyspace: readKeyspace(info),
    expiringFields: [...info].some(
      ([name, value]) => /^db\d+$/.test(name) && /(keys_with_volatile_items|subexpiry)=[1-9]/.test(value),
    ),
    functionLibraries: Number(info.get('number_of_libraries') ?? 0),
    maxmemory: Number(info.get('maxmemory') ?? 0),
    maxmemoryPolicy: info.get('maxmemory_policy') ?? 'noeviction',
    clockMs,
    aheadMs: clockMs - askedMs,
  };
}

/** `master_repl_offset`: the position of the node's newest write. */
export async function readOffset(client: RespClient): Promise<number> {
  const info = parseInfo(String(await ask(client, 'INFO', 'replication')));
  return Number(info.get('master_repl_offset') ?? Number.NaN);
}

/** Lines such as `db0:keys=5,expires=1,avg_ttl=0`. */
export function readKeyspace(info: Map<string, string>): Map<number, number> {
  const keyspace = new Map<number, number>();
  for (const [name, value] of info) {
    const db = /^db(\d+)$/.exec(name);
    const keys = /^keys=(\d+)/.exec(value);
    if (db !== null && keys !== null) keyspace.set(Number(db[1]), Number(keys[1]));
  }
  return keyspace;
}

/** Our own clock, where TIME is not allowed. */
async function readClock(client: RespClient): Promise<number> {
  try {
    const [seconds, micros] = (await client.call('TIME')) as Buffer[];
    return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
  } catch (error) {
    if (error instanceof ServerError) return Date.now();
    throw error;
  }
}

/** The newest Valkey whose RDB is known here. */
export const VALKEY_READ = '9.0.0';

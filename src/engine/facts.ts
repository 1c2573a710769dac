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
  /** of a replica: whether the link to its master is up */
  masterLinkUp: boolean;
  /** database -> number of keys */
  keyspace: ReadonlyMap<number, number>;
  /** it holds hashes whose fields expire, where it says so (Valkey 9) */
  expiringFields: boolean;
  maxmemory: number;
  maxmemoryPolicy: string;
  /** the node's clock, ms since 1970 */
  clockMs: number;
}

/** A question to one side, with refusals as NaruError. */
export async function ask(client: RespClient, ...args: (string | number)[]): Promise<Reply> {
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
  return {
    runId: info.get('run_id') ?? '',
    replid: info.get('master_replid') ?? '',
    version: valkey ?? info.get('redis_version') ?? '?',
    flavour: valkey === undefined ? 'redis' : 'valkey',
    role: info.get('role') ?? 'master',
    masterLinkUp: info.get('master_link_status') !== 'down',
    keyspace: readKeyspace(info),
    expiringFields: [...info].some(
      ([name, value]) => /^db\d+$/.test(name) && /keys_with_volatile_items=[1-9]/.test(value),
    ),
    maxmemory: Number(info.get('maxmemory') ?? 0),
    maxmemoryPolicy: info.get('maxmemory_policy') ?? 'noeviction',
    clockMs: await readClock(client),
  };
}

/** `master_repl_offset`: the position of the node's newest write. */
export async function readOffset(client: RespClient): Promise<number> {
  const info = parseInfo(String(await ask(client, 'INFO', 'replication')));
  return Number(info.get('master_repl_offset') ?? Number.NaN);
}

/** Lines such as `db0:keys=5,expires=1,avg_ttl=0`. */
function readKeyspace(info: Map<string, string>): Map<number, number> {
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

/** RDB versions by server version (`RDB_VERSION` in rdb.h of each): [major, minor, version], newest first. */
const REDIS_RDB: readonly (readonly [number, number, number])[] = [
  [8, 6, 13],
  [7, 4, 12],
  [7, 2, 11],
  [7, 0, 10],
  [5, 0, 9],
  [4, 0, 8],
  [3, 2, 7],
  [0, 0, 6],
];
export const VALKEY_OWN = 80;
/** The last RDB version that Redis and Valkey share; Valkey refuses Redis's later ones. */
const LAST_SHARED = 11;

/** Whether a node can RESTORE values of an RDB version. Where the table errs on the side of yes, the node's own refusal is final. */
export function canRestore(facts: NodeFacts, rdbVersion: number): boolean {
  const [major = 0, minor = 0] = facts.version.split('.').map(Number);
  if (facts.flavour === 'valkey')
    return rdbVersion <= LAST_SHARED || (rdbVersion === VALKEY_OWN && major >= 9);
  const row = REDIS_RDB.find(([a, b]) => major > a || (major === a && minor >= b));
  return rdbVersion <= (row?.[2] ?? LAST_SHARED);
}

/** Whether a node's SET takes a time by PXAT: Redis from 6.2 on (t_string.c, parseExtendedStringArgumentsOrReply), every Valkey. */
export function setTakesPxat(facts: NodeFacts): boolean {
  const [major = 0, minor = 0] = facts.version.split('.').map(Number);
  return facts.flavour === 'valkey' || major > 6 || (major === 6 && minor >= 2) || Number.isNaN(major);
}

/** Whether a node's XSETID and XGROUP know no counters yet. */
export function isBefore7(facts: NodeFacts): boolean {
  return facts.flavour === 'redis' && Number(facts.version.split('.')[0]) < 7;
}

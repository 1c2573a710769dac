/** A short visit to one server: connect, ask, leave. */
import { isNaruError, NaruError } from '../../errors/errors.ts';
import { openClient, type RespClient, ServerError } from '../client.ts';
import type { TlsOptions } from '../connection.ts';
import { abortedError, timeoutCause } from '../dial-errors.ts';
import { parseInfo } from '../info.ts';
import { describeEndpoint, type Endpoint } from '../url.ts';
import type { AddressMap } from './address-map.ts';
import type { TopologyName } from './topology.ts';

export interface AskOptions {
  /** The address as the operator gave it. */
  readonly endpoint: Endpoint;
  readonly tls?: TlsOptions | undefined;
  /** For connecting, for logging in and for all questions of one visit, each. */
  readonly connectTimeoutMs: number;
  readonly side: 'source' | 'target';
  readonly addressMap?: AddressMap | undefined;
  /** Takes the place of what would be found out. */
  readonly override?: TopologyName | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What every server says of itself. */
export interface ServerFacts {
  mode: 'standalone' | 'sentinel' | 'cluster';
  role: 'master' | 'replica';
  /** of a replica */
  masterHost?: string;
  masterPort?: number;
  linkUp: boolean;
  version: string;
  flavour: 'redis' | 'valkey';
  info: ReadonlyMap<string, string>;
}

/**
 * Rejects as `openClient` does, and with LINK_LOST where the answers do not come in time. An error reply is a ServerError, but for the lack of a
 * permission, which is NO_PERMISSION.
 */
export async function visit<T>(
  endpoint: Endpoint,
  options: AskOptions,
  questions: (client: RespClient) => Promise<T>,
): Promise<T> {
  const { tls = {}, connectTimeoutMs: timeoutMs, side, signal } = options;
  const client = await openClient(
    { ...endpoint, db: 0 },
    { tls, timeoutMs, side, ...(signal && { signal }) },
  );
  const { connection } = client;
  const onAbort = () => connection.destroy(abortedError(signal?.reason, connection));
  const onTimeout = () => connection.destroy(silent(endpoint, options));
  const timer = setTimeout(onTimeout, timeoutMs);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    if (signal?.aborted) throw abortedError(signal.reason, connection);
    return await questions(client);
  } catch (error) {
    throw withPermission(error, client);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
    connection.destroy();
  }
}

/** From INFO: the fields `redis_mode` (Valkey: `server_mode`), `role`, `master_*` and the version (redis/src/server.c, genRedisInfoString). */
export async function askFacts(client: RespClient): Promise<ServerFacts> {
  const info = parseInfo(String(await client.call('INFO')));
  const valkey = info.get('valkey_version');
  const replica = info.get('role') === 'slave';
  const mode = info.get('redis_mode') ?? info.get('server_mode');
  return {
    mode: mode === 'cluster' || mode === 'sentinel' ? mode : 'standalone',
    role: replica ? 'replica' : 'master',
    ...(replica && {
      masterHost: info.get('master_host') ?? '',
      masterPort: Number(info.get('master_port')),
    }),
    linkUp: info.get('master_link_status') !== 'down',
    version: valkey ?? info.get('redis_version') ?? '?',
    flavour: valkey === undefined ? 'redis' : 'valkey',
    info,
  };
}

/** Whether the server, or what stands before it, does not have the command at all. */
export function isUnknownCommand(error: unknown): boolean {
  return (
    error instanceof ServerError &&
    /unknown (sub)?command|not support|unsupported|cluster support disabled|invalid command/i.test(error.text)
  );
}

/**
 * Whether it is a proxy of Alibaba Cloud, which has INFO of one shard ("In-house commands for Tair instances in proxy mode"). To be asked last: a
 * proxy may hang up at what it does not know.
 */
export async function hasShards(client: RespClient): Promise<boolean> {
  try {
    return parseInfo(String(await client.call('IINFO', 0, 'server'))).has('redis_version');
  } catch (error) {
    if (error instanceof ServerError || (isNaruError(error) && error.code === 'LINK_LOST')) return false;
    throw error;
  }
}

/** Texts of redis/src/acl.c name the command, not its arguments. */
function withPermission(error: unknown, { connection: { side, node } }: RespClient): unknown {
  if (!(error instanceof ServerError) || error.code !== 'NOPERM') return error;
  return new NaruError('NO_PERMISSION', `${error.text}.`, { side, node }, { cause: error });
}

function silent(endpoint: Endpoint, { side, connectTimeoutMs }: AskOptions): NaruError {
  return new NaruError(
    'LINK_LOST',
    `The server stopped answering for ${connectTimeoutMs} ms.`,
    { side, node: describeEndpoint(endpoint) },
    { cause: timeoutCause(connectTimeoutMs) },
  );
}

/**
 * How many databases there are: `databases`, in a cluster `cluster-databases` (Valkey 9) or else 1. Undefined where the server says
 * nothing about its settings.
 */
export async function askDatabases(client: RespClient, { mode }: ServerFacts): Promise<number | undefined> {
  const name = mode === 'cluster' ? 'cluster-databases' : 'databases';
  try {
    const reply = await client.call('CONFIG', 'GET', name);
    if (Array.isArray(reply) && reply.length === 2) return Number(reply[1]);
    return mode === 'cluster' ? 1 : undefined;
  } catch (error) {
    if (error instanceof ServerError) return undefined;
    throw error;
  }
}

import { isNaruError } from '../errors/errors.ts';
import { ServerError } from '../net/client.ts';
import { parseInfo } from '../net/info.ts';
import { type AskOptions, visit } from '../net/topology/node-questions.ts';
import { nodeEndpoint, type Topology, type TopologyNode } from '../net/topology/topology.ts';
import type { Endpoint } from '../net/url.ts';

/** A replica that is further behind its master than this holds a run back. */
const LAG_BYTES_MAX = 1024 * 1024;

/**
 * A replica of the master whose link is up and that is hardly behind; undefined: there is none. A replica has the master's replication id and
 * offsets, so a stream begun at one of them goes on at another.
 */
export async function chooseReplica(
  { nodes }: Topology,
  master: TopologyNode | undefined,
  options: AskOptions,
): Promise<Endpoint | undefined> {
  const replicas = nodes.filter(
    ({ role, masterId, linkUp, failed }) =>
      role === 'replica' && masterId === master?.id && linkUp && !failed,
  );
  if (master === undefined || replicas.length === 0) return undefined;
  const newest = await askOffset(nodeEndpoint(options.endpoint, master), options);
  for (const replica of replicas) {
    const endpoint = nodeEndpoint(options.endpoint, replica);
    const offset = await askOffset(endpoint, options);
    if (offset === undefined) continue;
    if (newest === undefined || newest - offset <= LAG_BYTES_MAX) return endpoint;
  }
  return undefined;
}

/** The offset of the newest write that a server has. Undefined: it can't be asked, or is cut off from its master (redis/src/server.c, genRedisInfoString). */
export async function askOffset(endpoint: Endpoint, options: AskOptions): Promise<number | undefined> {
  try {
    const info = await visit(endpoint, options, async (client) =>
      parseInfo(String(await client.call('INFO', 'replication'))),
    );
    if (info.get('master_link_status') === 'down') return undefined;
    return Number(info.get('slave_repl_offset') ?? info.get('master_repl_offset'));
  } catch (error) {
    if (isNaruError(error) || error instanceof ServerError) return undefined;
    throw error;
  }
}

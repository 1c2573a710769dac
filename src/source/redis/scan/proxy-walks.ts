/**
 * The walks of a source that is a proxy: of all its servers at once, or of each shard where the proxy lets one name it.
 *
 * Facts are of the clouds' public documentation: "In-house commands for Tair instances in proxy mode" (Alibaba Cloud), "Use cases of custom
 * commands" and "Global SCAN guide for cluster architecture" (Tencent Cloud).
 */
import { isNaruError, NaruError } from '../../../errors/errors.ts';
import { type RespClient, ServerError } from '../../../net/client.ts';
import { parseInfo } from '../../../net/info.ts';
import type { CloudProxy, Topology } from '../../../net/topology/topology.ts';
import { plainWalk, type ScanWalk } from './cursors.ts';

/** No cloud offers so many; a proxy that refuses no number does not say where to stop. */
const SHARDS_MAX = 1024;

/** undefined: refused, and `tried` says how. */
type Way = (client: RespClient, tried: string[]) => Promise<ScanWalk[] | undefined>;

/** A plain SCAN of a cloud's older proxies may be refused, or be one of a single shard: it comes last there. */
const WAYS: Readonly<Record<CloudProxy | 'proxy', readonly Way[]>> = {
  'aliyun-proxy': [aliyunWalks, plainWalks],
  'tencent-proxy': [tencentWalks, plainWalks],
  proxy: [plainWalks, aliyunWalks, tencentWalks],
};

/**
 * How the keys of this source are walked. Only a proxy is asked, on a new connection and once in a run. Rejects with NaruError: SCAN_REFUSED where it takes none of the ways that
 * are known, and as the client does. A connection that is lost on the way counts as a refusal: some proxies hang up at what they do not know.
 */
export async function findWalks(client: RespClient, { kind, proxy }: Topology): Promise<ScanWalk[]> {
  if (kind !== 'proxy') return [plainWalk];
  const tried: string[] = [];
  for (const find of WAYS[proxy ?? 'proxy']) {
    const walks = await find(client, tried);
    if (walks !== undefined) return walks;
  }
  throw refused(client, tried);
}

async function plainWalks(client: RespClient, tried: string[]): Promise<ScanWalk[] | undefined> {
  return (await takes(client, wholeWalk, tried)) ? [wholeWalk] : undefined;
}

/** `ISCAN shard cursor COUNT n`, shards counted from 0. */
async function aliyunWalks(client: RespClient, tried: string[]): Promise<ScanWalk[] | undefined> {
  if (!(await takes(client, shardWalk(0), tried))) return undefined;
  const count = await shardCount(client);
  const walks = Array.from({ length: count }, (_, shard) => shardWalk(shard));
  for (const walk of walks) if (!(await takes(client, walk, tried))) return undefined;
  return walks;
}

/** Of all servers behind it. */
const wholeWalk: ScanWalk = { name: '', step: plainWalk.step };

const shardWalk = (shard: number): ScanWalk => ({
  name: String(shard),
  step: (cursor, count) => ['ISCAN', shard, cursor, 'COUNT', count],
  info: ['IINFO', shard, 'server'],
});

/** `nodecount` of INFO; a proxy without that is asked for one shard after the other, until one is refused. */
async function shardCount(client: RespClient): Promise<number> {
  const told = Number(parseInfo(await answer(client, 'INFO', 'cluster')).get('nodecount'));
  if (told >= 1 && told <= SHARDS_MAX) return told;
  const seen = new Set<string>();
  for (let shard = 0; shard <= SHARDS_MAX; shard++) {
    const info = parseInfo(await answer(client, 'IINFO', shard, 'server'));
    const runId = info.get('run_id');
    // One that begins again from the first shard would never end.
    if (info.size === 0 || (runId !== undefined && seen.has(runId))) return shard;
    if (runId !== undefined) seen.add(runId);
  }
  const { side, node } = client.connection;
  const sentence = `The proxy does not say how many shards it has: it answers IINFO ${SHARDS_MAX} too`;
  throw new NaruError('SCAN_REFUSED', sentence, { side, node });
}

/** `SCAN cursor COUNT n node`, with the masters' ids as CLUSTER NODES tells them. Proxies from 5.8.9 on take a SCAN of all nodes too. */
async function tencentWalks(client: RespClient, tried: string[]): Promise<ScanWalk[] | undefined> {
  const lines = (await answer(client, 'CLUSTER', 'NODES')).split('\n');
  const walks = lines.flatMap((line) => {
    const [id = '', , flags = ''] = line.trim().split(' ');
    return isMaster(flags.split(',')) ? [nodeWalk(id)] : [];
  });
  if (walks.length === 0) tried.push('CLUSTER NODES: no masters are told');
  for (const walk of walks) if (!(await takes(client, walk, tried))) return undefined;
  return walks.length > 0 ? walks : undefined;
}

/** The lines are those of redis/src/cluster.c, clusterGenNodeDescription; addresses and slots in them are the proxy's own invention. */
function isMaster(flags: readonly string[]): boolean {
  return flags.includes('master') && !['fail', 'handshake', 'noaddr'].some((flag) => flags.includes(flag));
}

const nodeWalk = (id: string): ScanWalk => ({
  name: id,
  step: (cursor, count) => ['SCAN', cursor, 'COUNT', count, id],
  info: ['INFO', 'server', id],
});

/** Whether the first step is answered. Where the proxy hangs up, nothing else can be asked. */
async function takes(client: RespClient, walk: ScanWalk, tried: string[]): Promise<boolean> {
  const command = walk.step('0', 1);
  const told = command.join(' ');
  try {
    await client.call(...command);
    return true;
  } catch (error) {
    const isLost = isNaruError(error) && error.code === 'LINK_LOST';
    if (!isLost && !(error instanceof ServerError)) throw error;
    tried.push(`${told}: ${isLost ? 'it closed the connection' : (error as ServerError).text}`);
    if (isLost) throw refused(client, tried);
    return false;
  }
}

function refused(client: RespClient, tried: readonly string[]): NaruError {
  const { side, node } = client.connection;
  return new NaruError('SCAN_REFUSED', `The source refuses to tell its keys (${tried.join('; ')})`, {
    side,
    node,
  });
}

/** '' where it is refused. */
async function answer(client: RespClient, ...command: (string | number)[]): Promise<string> {
  try {
    return String(await client.call(...command));
  } catch (error) {
    if (error instanceof ServerError) return '';
    throw error;
  }
}

/** Asks every node of a cluster how it sees the cluster. */
import { isNaruError, NaruError } from '../../errors/errors.ts';
import { mayComeBack } from '../../errors/silence.ts';
import { type RespClient, ServerError } from '../client.ts';
import { describeHostPort, type HostPort } from '../url.ts';
import { AddressMap } from './address-map.ts';
import { type ClusterView, readClusterView } from './cluster-view.ts';
import { type AskOptions, askFacts, type ServerFacts, visit } from './node-questions.ts';
import { nodeEndpoint } from './topology.ts';

export interface Visited {
  /** where it was reached */
  at: HostPort;
  facts: ServerFacts;
  view: ClusterView;
}

export interface Crawl {
  /** by node id; under its announced address */
  visited: Map<string, Visited>;
  /** nodes that could not be asked, by id */
  away: Map<string, NaruError>;
  /** views of nodes that only the operator's address leads to, as after a wrong announcement */
  others: ClusterView[];
}

/** A cluster may have a thousand nodes, and each visit is a connection with its login. */
const VISITS_AT_ONCE = 16;

/**
 * `entries` are nodes that were asked already, and name the first nodes to visit; each view may name more. Every node is visited by the address
 * that it announces, the entries too, since that is where it will be looked for later. Nodes that the cluster takes to be down are not visited.
 * Rejects with NaruError where a node refuses (login, permission, TLS): that does not mend itself.
 */
export async function crawl(entries: readonly Visited[], options: AskOptions): Promise<Crawl> {
  const found: Crawl = { visited: new Map(), away: new Map(), others: [] };
  let views = entries.map(({ view }) => view);
  while (views.length > 0) {
    const next = unvisited(views, found);
    views = [];
    await eachOf(next, async ([id, announced]) => {
      const visited = await visitNode(id, announced, options);
      if (isNaruError(visited)) found.away.set(id, visited);
      else {
        found.visited.set(id, visited);
        views.push(visited.view);
      }
    });
  }
  found.others = entries.map(({ view }) => view).filter(({ selfId }) => !found.visited.has(selfId));
  return found;
}

/** CLUSTER NODES and CLUSTER SLOTS. Rejects with ServerError where a server has no such commands. */
export async function askView(client: RespClient, at: HostPort): Promise<ClusterView> {
  const [text, slots] = await Promise.all([client.call('CLUSTER', 'NODES'), client.call('CLUSTER', 'SLOTS')]);
  const view = readClusterView(String(text), slots, at);
  if (view !== undefined) return view;
  const { side, node } = client.connection;
  throw new NaruError('NOT_REDIS', 'The reply to CLUSTER NODES can not be read.', { side, node });
}

function unvisited(views: readonly ClusterView[], { visited, away }: Crawl): [string, HostPort][] {
  const next = new Map<string, HostPort>();
  for (const { nodes } of views) {
    for (const { id, announced, failed } of nodes.values()) {
      if (!failed && !visited.has(id) && !away.has(id) && !next.has(id)) next.set(id, announced);
    }
  }
  return [...next];
}

async function visitNode(id: string, announced: HostPort, options: AskOptions): Promise<Visited | NaruError> {
  const at = (options.addressMap ?? AddressMap.NONE).translate(announced.host, announced.port);
  try {
    const visited = await visit(nodeEndpoint(options.endpoint, at), options, async (client) => {
      const [facts, view] = await Promise.all([askFacts(client), askView(client, at)]);
      return { at, facts, view };
    });
    return visited.view.selfId === id ? visited : strayed(id, visited, options);
  } catch (error) {
    if (error instanceof ServerError) return refusedView(error, at, options);
    if (!isNaruError(error)) throw error;
    if (mayComeBack(error)) return error;
    throw new NaruError(
      error.code,
      `Node ${describeHostPort(announced)} of the cluster: ${error.message}`,
      error.place,
      { cause: error },
    );
  }
}

function strayed(id: string, { at, view }: Visited, { side }: AskOptions): NaruError {
  const sentence = `The address leads to node ${view.selfId.slice(0, 8)}, and not to ${id.slice(0, 8)}.`;
  return new NaruError('NODE_UNREACHABLE', sentence, { side, node: describeHostPort(at) });
}

function refusedView(error: ServerError, at: HostPort, { side }: AskOptions): NaruError {
  const sentence = `What answers there does not say how it sees the cluster: ${error.text}.`;
  return new NaruError('NODE_UNREACHABLE', sentence, { side, node: describeHostPort(at) }, { cause: error });
}

/** In the order of the items, a few at once. The first failure is thrown when the visits under way have ended. */
async function eachOf<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  let at = 0;
  const worker = async (): Promise<void> => {
    while (at < items.length) await work(items[at++] as T);
  };
  const workers = Array.from({ length: Math.min(VISITS_AT_ONCE, items.length) }, worker);
  const outcomes = await Promise.allSettled(workers);
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}

/** Finds out what an address stands for, by asking the servers there. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isNaruError, NaruError } from '../../errors/errors.ts';
import { mayComeBack } from '../../errors/silence.ts';
import { type RespClient, ServerError } from '../client.ts';
import { abortedError } from '../dial-errors.ts';
import { describeEndpoint, describeHostPort, type HostPort } from '../url.ts';
import { askView, crawl, type Visited } from './cluster-crawl.ts';
import { mergeViews } from './cluster-merge.ts';
import type { ClusterView } from './cluster-view.ts';
import { type Finding, hasMovedOn, type Problem } from './finding.ts';
import {
  type AskOptions,
  askDatabases,
  askFacts,
  hasShards,
  isUnknownCommand,
  type ServerFacts,
  visit,
} from './node-questions.ts';
import { askMasters, lookAtSentinels } from './sentinel.ts';
import { oneNode, standalone } from './standalone.ts';
import { type CloudProxy, nodeEndpoint, type Topology } from './topology.ts';

export interface DiscoverOptions extends AskOptions {
  /**
   * How long to wait, in ms, for what passes by itself: a failover, nodes that have not all heard of a change yet. What does not pass
   * (an address that can not be reached, uncovered slots) is told after a second.
   */
  readonly settleMs?: number | undefined;
  /** Slots that nobody owns are left at -1. */
  readonly allowUncovered?: boolean | undefined;
  /** Nodes of the cluster as it was found before: asked before the address, which may be that of a node which is gone. */
  readonly known?: readonly HostPort[] | undefined;
}

type ProxyName = 'proxy' | CloudProxy;

const isProxy = (name: string): name is ProxyName => /^(.+-)?proxy$/.test(name);

/** Redis's default `cluster-node-timeout` is 15 s; a failover takes little more than that. */
const SETTLE_MS = 20_000;
const FIRST_WAIT_MS = 100;
const LAST_WAIT_MS = 1000;

/**
 * Connects to each server that it tells of, for a few questions each, and leaves no connection behind.
 *
 * - INFO says whether the server is one of a cluster; then every node is asked how it sees the cluster, until all agree.
 * - Sentinels name the master; the master itself must say that it is one.
 * - What does not know INFO is a proxy, and so is what says that it is one of a cluster and knows no CLUSTER; one that knows IINFO is Alibaba Cloud's.
 *   An `override` that is a proxy asks nothing at all.
 *
 * Rejects with NaruError: CLUSTER_UNCOVERED, CLUSTER_DISAGREES, CLUSTER_DOWN, NODE_UNREACHABLE, SENTINEL_UNKNOWN_MASTER, SENTINEL_NO_MASTER,
 * CONFIG_INVALID where address or override and server do not go together, and as `openClient` does.
 */
export async function discover(options: DiscoverOptions): Promise<Topology> {
  const { settleMs = SETTLE_MS, signal } = options;
  const begun = performance.now();
  let before: Problem | undefined;
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, LAST_WAIT_MS)) {
    const { topology, problem } = await look(options);
    if (topology !== undefined && (problem === undefined || hasMovedOn(before, problem))) return topology;
    before = problem;
    const patienceMs = Math.min(settleMs, problem?.patienceMs ?? settleMs);
    if (problem !== undefined && performance.now() - begun >= patienceMs) throw problem.error;
    await sleep(waitMs, undefined, signal && { signal }).catch(() => {});
    if (signal?.aborted)
      throw abortedError(signal.reason, { side: options.side, node: describeEndpoint(options.endpoint) });
  }
}

async function look(options: DiscoverOptions): Promise<Finding> {
  const { endpoint, override } = options;
  checkOverride(options);
  if (endpoint.sentinel !== undefined) return lookAtSentinels(options);
  if (override !== undefined && isProxy(override)) return { topology: proxy(override, options) };
  const entries = await enter(options);
  const first = entries[0] as Entry;
  const kind = override ?? kindOf(entries, options);
  if (isProxy(kind)) return { topology: proxy(kind, options) };
  if (kind === 'standalone') return { topology: standalone(first, options) };
  return lookAtCluster(entries, options);
}

function proxy(name: ProxyName, options: DiscoverOptions): Topology {
  return { ...oneNode('proxy', options), ...(name !== 'proxy' && { proxy: name }) };
}

async function lookAtCluster(entries: readonly Entry[], options: DiscoverOptions): Promise<Finding> {
  const stranger = entries.find(({ view }) => view === undefined);
  if (stranger !== undefined) {
    const sentence = `${describeHostPort(stranger.at)} is no node of a cluster: it refuses CLUSTER.`;
    throw invalid(sentence, options, stranger.at);
  }
  const visited = entries as (Entry & Visited)[];
  const finding = mergeViews(await crawl(visited, options), options);
  const databases = entries[0]?.databases;
  if (finding.topology === undefined || databases === undefined) return finding;
  return { ...finding, topology: { ...finding.topology, databases } };
}

/** What one of the addresses that were given answered. */
export interface Entry {
  at: HostPort;
  /** undefined: it does not know INFO */
  facts: ServerFacts | undefined;
  /** undefined: it is no node of a cluster, or hides that it is */
  view: ClusterView | undefined;
  databases: number | undefined;
  /** It knows IINFO. */
  hasShards: boolean;
  /** of a sentinel: the masters that it knows */
  masters: readonly string[];
}

/** A known node may have left the cluster, and then knows of no slots: the next one is asked. Of the addresses given at the start all are. */
async function enter(options: DiscoverOptions): Promise<Entry[]> {
  for (const at of options.known ?? []) {
    const entry = await knock(at, options);
    if (!isNaruError(entry) && hasSlots(entry)) return [entry];
  }
  const { seeds, host = 'localhost', port = 6379 } = options.endpoint;
  const places = seeds ?? [{ host, port }];
  const outcomes = await Promise.all(places.map((at) => knock(at, options)));
  const entries = outcomes.filter((outcome): outcome is Entry => !isNaruError(outcome));
  if (entries.length === 0) throw outcomes[0];
  return entries;
}

function hasSlots({ view }: Entry): boolean {
  return view !== undefined && [...view.nodes.values()].some(({ slots }) => slots.length > 0);
}

/** NaruError as a value: nobody is there now. A refusal is thrown. */
async function knock(at: HostPort, options: DiscoverOptions): Promise<Entry | NaruError> {
  const { endpoint, override } = options;
  const { path } = endpoint;
  try {
    return await visit(nodeEndpoint(endpoint, path === undefined ? at : { ...at, path }), options, (client) =>
      questions(client, at, override === 'cluster'),
    );
  } catch (error) {
    if (isNaruError(error) && mayComeBack(error)) return error;
    throw isNaruError(error) ? error : refusal(error, at, options);
  }
}

/** What no server answers in a state that lasts (BUSY, say). */
function refusal(error: unknown, at: HostPort, { side }: DiscoverOptions): unknown {
  if (!(error instanceof ServerError)) return error;
  const sentence = `The server refused to say what it is: ${error.text}.`;
  return new NaruError('UNREACHABLE', sentence, { side, node: describeHostPort(at) }, { cause: error });
}

async function questions(client: RespClient, at: HostPort, forced: boolean): Promise<Entry> {
  const facts = await unlessUnknown(askFacts(client));
  const entry: Entry = { at, facts, view: undefined, databases: undefined, hasShards: false, masters: [] };
  if (facts?.mode === 'sentinel') return { ...entry, masters: await askMasters(client) };
  if (facts?.mode === 'cluster' || forced) entry.view = await unlessUnknown(askView(client, at));
  if (facts !== undefined) entry.databases = await askDatabases(client, facts);
  if (facts?.mode !== 'standalone' && !forced) entry.hasShards = await hasShards(client);
  return entry;
}

async function unlessUnknown<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isUnknownCommand(error)) return undefined;
    throw error;
  }
}

/** A server that says it is one of a cluster, and yet knows no CLUSTER, has a proxy before it. */
function kindOf(entries: readonly Entry[], options: DiscoverOptions): 'standalone' | 'cluster' | ProxyName {
  const sentinel = entries.find(({ facts }) => facts?.mode === 'sentinel');
  if (sentinel !== undefined) throw isSentinel(sentinel, options);
  // The newer ones answer CLUSTER too.
  if (entries.length === 1 && entries[0]?.hasShards) return 'aliyun-proxy';
  if (entries.every(({ view }) => view !== undefined)) return 'cluster';
  const other = entries.find(({ view }) => view === undefined) as Entry;
  if (entries.length > 1) {
    const sentence = `Several addresses are those of one cluster, and ${describeHostPort(other.at)} is no node of a cluster.`;
    throw invalid(sentence, options, other.at);
  }
  return other.facts?.mode === 'standalone' ? 'standalone' : 'proxy';
}

function isSentinel({ at, masters }: Entry, options: DiscoverOptions): NaruError {
  const place = describeHostPort(at);
  const name = masters.length === 1 ? masters[0] : 'master';
  const known = masters.length > 1 ? ` It knows the masters ${masters.join(', ')}.` : '';
  const sentence = `The address is that of a sentinel: write redis+sentinel://${place}/${name}.${known}`;
  return invalid(sentence, options, at);
}

function checkOverride(options: DiscoverOptions): void {
  const { endpoint, override } = options;
  if (override === undefined || (override === 'sentinel') === (endpoint.sentinel !== undefined)) return;
  const sentence =
    override === 'sentinel'
      ? 'For a master that sentinels name the address is redis+sentinel://host:port,host:port/master.'
      : `The address is that of sentinels, and the topology is said to be ${override}.`;
  throw invalid(sentence, options);
}

function invalid(sentence: string, { side }: DiscoverOptions, at?: HostPort): NaruError {
  return new NaruError('CONFIG_INVALID', sentence, { side, ...(at && { node: describeHostPort(at) }) });
}

import { isNaruError, NaruError } from '../../errors/errors.ts';
import { mayComeBack } from '../../errors/silence.ts';
import { delay } from '../../net/backoff.ts';
import { openClient, type RespClient, ServerError } from '../../net/client.ts';
import type { TlsOptions } from '../../net/connection.ts';
import { parseInfo } from '../../net/info.ts';
import { Outage } from '../../net/outage.ts';
import { keySlot } from '../../net/topology/slot.ts';
import { nodeEndpoint, ownerOf, type Topology, type TopologyNode } from '../../net/topology/topology.ts';
import type { Endpoint } from '../../net/url.ts';
import { readKeyspace } from '../facts.ts';

export interface SourceKeysOptions {
  /** the address as it was given */
  endpoint: Endpoint;
  /** Finds out what stands there now. Rejects with NaruError. */
  find(): Promise<Topology>;
  tls: TlsOptions | undefined;
  connectTimeoutMs: number;
  giveUpAfterMs: number;
  signal: AbortSignal;
}

/** What passes, or what another node of the cluster will answer. */
const PASSING: ReadonlySet<string> = new Set(['MOVED', 'CLUSTERDOWN', 'LOADING', 'MASTERDOWN', 'BUSY']);
/** A key of a slot that is being moved is here or there: nobody can say that it is gone. */
const UNDECIDED: ReadonlySet<string> = new Set(['ASK', 'TRYAGAIN']);

/** Asks a source which keys it has, on connections of its own: one server, the owners of a cluster's slots, or a proxy. */
export class SourceKeys {
  readonly #options: SourceKeysOptions;
  #topology: Topology | undefined;
  /** by node; each with the database that is selected */
  readonly #clients = new Map<string, { client: RespClient; db: number }>();

  constructor(options: SourceKeysOptions) {
    this.#options = options;
  }

  /** The databases that hold keys, of one server; where nobody tells, the first one. Rejects with NaruError. */
  databases(): Promise<number[]> {
    return this.#retrying(async (topology) => {
      if (topology.kind === 'cluster') return [0];
      const { client } = await this.#at(topology.nodes[0] as TopologyNode);
      try {
        const keyspace = readKeyspace(parseInfo(String(await client.call('INFO', 'keyspace'))));
        return keyspace.size === 0 ? [0] : [...keyspace.keys()];
      } catch (error) {
        if (error instanceof ServerError) return [0];
        throw error;
      }
    });
  }

  /** Of each key, whether it is there in this database. Where the source is lost it is asked again. Rejects with NaruError. */
  exist(db: number, keys: readonly Buffer[]): Promise<boolean[]> {
    return this.#retrying(async (topology) => {
      const byNode = new Map<TopologyNode, number[]>();
      for (const [i, key] of keys.entries()) {
        const node = nodeOf(topology, key);
        const indexes = byNode.get(node);
        if (indexes === undefined) byNode.set(node, [i]);
        else indexes.push(i);
      }
      const there: boolean[] = new Array(keys.length).fill(true);
      for (const [node, indexes] of byNode) {
        const found = await this.#ask(
          node,
          db,
          indexes.map((i) => keys[i] as Buffer),
        );
        for (const [at, i] of indexes.entries()) there[i] = found[at] as boolean;
      }
      return there;
    });
  }

  close(): void {
    for (const { client } of this.#clients.values()) client.connection.destroy();
    this.#clients.clear();
  }

  async #ask(node: TopologyNode, db: number, keys: readonly Buffer[]): Promise<boolean[]> {
    const entry = await this.#at(node);
    const { client } = entry;
    const calls: Promise<unknown>[] = [];
    if (entry.db !== db) calls.push(client.call('SELECT', db));
    entry.db = db;
    const asked = keys.map((key) => client.call('EXISTS', key));
    const answers = await Promise.allSettled([...calls, ...asked]);
    const refused = answers.find((each) => each.status === 'rejected' && !isUndecided(each.reason));
    if (refused !== undefined) {
      // Which database is selected is not known any more.
      entry.db = -1;
      throw this.#errorOf(client, (refused as PromiseRejectedResult).reason);
    }
    return answers.slice(calls.length).map((each) => each.status === 'rejected' || each.value !== 0);
  }

  #errorOf(client: RespClient, reason: unknown): unknown {
    if (!(reason instanceof ServerError)) return reason;
    const { side, node } = client.connection;
    const code = PASSING.has(reason.code) ? 'LINK_LOST' : 'NO_PERMISSION';
    return new NaruError(code, `The source refused EXISTS: ${reason.text}`, {
      side,
      node,
      command: 'EXISTS',
    });
  }

  async #retrying<T>(work: (topology: Topology) => Promise<T>): Promise<T> {
    const { find, giveUpAfterMs, signal } = this.#options;
    const outage = new Outage(giveUpAfterMs);
    for (;;) {
      try {
        this.#topology ??= await find();
        return await work(this.#topology);
      } catch (error) {
        signal.throwIfAborted();
        this.#topology = undefined;
        const waitMs = isNaruError(error) && mayComeBack(error) ? outage.next() : undefined;
        if (waitMs === undefined) throw error;
        await delay(waitMs, signal);
      }
    }
  }

  async #at(node: TopologyNode): Promise<{ client: RespClient; db: number }> {
    const { endpoint, tls = {}, connectTimeoutMs: timeoutMs, signal } = this.#options;
    const place = { ...nodeEndpoint(endpoint, node), db: 0 };
    const name = `${place.host}:${place.port} ${place.path ?? ''}`;
    const known = this.#clients.get(name);
    if (known?.client.connection.isOpen) return known;
    const isProxy = this.#topology?.kind === 'proxy';
    const client = await openClient(place, {
      tls,
      timeoutMs,
      side: 'source',
      signal,
      ...(isProxy ? { clientName: '' } : {}),
    });
    const entry = { client, db: 0 };
    this.#clients.set(name, entry);
    return entry;
  }
}

function isUndecided(reason: unknown): boolean {
  return reason instanceof ServerError && UNDECIDED.has(reason.code);
}

/** Whoever answers for a key. */
function nodeOf(topology: Topology, key: Buffer): TopologyNode {
  if (topology.kind !== 'cluster') return topology.nodes[0] as TopologyNode;
  const owner = ownerOf(topology, keySlot(key, 0, key.length));
  if (owner === undefined)
    throw new NaruError('CLUSTER_DOWN', 'A slot of the source has no owner', { side: 'source' });
  return owner;
}

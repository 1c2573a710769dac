import { isDeepStrictEqual } from 'node:util';
import type { TargetOptions } from '../config/sync-options.ts';
import { NaruError } from '../errors/errors.ts';
import { openClient, type RespClient, ServerError } from '../net/client.ts';
import { parseInfo } from '../net/info.ts';
import { askView } from '../net/topology/cluster-crawl.ts';
import { nodeEndpoint, type SlotRange, type Topology, type TopologyNode } from '../net/topology/topology.ts';
import { describeHostPort } from '../net/url.ts';
import { PART_PREFIX } from '../target/redis/big-entry-writer.ts';
import type { ClusterNode } from '../target/redis/cluster/cluster-options.ts';

/** A connection that writes, as the server knows it. */
interface Writer {
  client: RespClient;
  /** beside it, for questions while it writes */
  questions: RespClient | undefined;
  /** undefined: the server does not tell */
  clientId: number | undefined;
  /** of the process; '': it does not tell */
  runId: string;
  /** Another node has had its slots since: what that one had is what it has to have, and its own memory is nothing to go by. */
  left: boolean;
}

const SCAN_COUNT = 1000;

/** Connections to the nodes of a target, one that writes to each; and what is asked of them before. */
export class ClusterNodes {
  readonly #options: TargetOptions;
  readonly #job: string;
  readonly #signal: AbortSignal;
  /** by node id */
  readonly #writers = new Map<string, Writer>();

  constructor(options: TargetOptions, job: string, signal: AbortSignal) {
    this.#options = options;
    this.#job = job;
    this.#signal = signal;
  }

  /** Connects to each master that owns slots and has no connection that lives. Rejects with NaruError. */
  async connect(topology: Topology, isAttached: (id: string) => boolean): Promise<ClusterNode[]> {
    const owners = writable(topology);
    for (const [id, writer] of this.#writers) writer.left ||= !owners.some((owner) => owner.id === id);
    return Promise.all(
      owners.map(async (node) => {
        if (isAttached(node.id)) return { id: node.id, connection: undefined };
        await this.#open(node, topology.kind === 'proxy');
        return this.connected(node.id);
      }),
    );
  }

  /** A node with the connections that were made last. */
  connected(id: string): ClusterNode {
    const { client, questions } = this.#writers.get(id) as Writer;
    return { id, connection: client.connection, questions };
  }

  /** Whether the owners of slots say that these are theirs by now, and that they move none. Where one does not answer nobody can tell. */
  async slotsRest(topology: Topology): Promise<boolean> {
    const rest = writable(topology).map(async ({ id, announced, slots }) => {
      const { questions } = this.#writers.get(id) as Writer;
      if (questions === undefined) return true;
      const { selfId, nodes, moves } = await askView(questions, announced);
      return moves.length === 0 && isDeepStrictEqual(eachOf(nodes.get(selfId)?.slots), eachOf(slots));
    });
    return (await Promise.all(rest).catch(() => [false])).every(Boolean);
  }

  client(id: string): RespClient {
    return (this.#writers.get(id) as Writer).client;
  }

  close(reason: NaruError): void {
    for (const { client, questions } of this.#writers.values()) {
      client.connection.destroy(reason);
      questions?.connection.destroy(reason);
    }
  }

  /**
   * What a lost connection had sent may still lie in a buffer on the way, and be done after its keys were copied again. So the server closes that
   * connection first.
   */
  async #open(node: TopologyNode, isProxy: boolean): Promise<RespClient> {
    const before = this.#writers.get(node.id);
    before?.client.connection.destroy();
    before?.questions?.connection.destroy();
    const client = await this.#dial(node, isProxy ? '' : this.clientName);
    const questions = isProxy ? undefined : await this.#dial(node, 'naru');
    const writer: Writer = { client, questions, clientId: undefined, runId: '', left: false };
    if (!isProxy) {
      writer.runId = await runIdOf(client);
      if (before?.left === false && before.runId !== writer.runId) await holdsAll(client);
      if (before?.clientId !== undefined)
        await unlessRefused(client.call('CLIENT', 'KILL', 'ID', before.clientId));
      const id = await unlessRefused(client.call('CLIENT', 'ID'));
      if (typeof id === 'number') writer.clientId = id;
    }
    this.#writers.set(node.id, writer);
    return client;
  }

  #dial(node: TopologyNode, clientName: string): Promise<RespClient> {
    const { to, toTls: tls = {}, connectTimeout: timeoutMs } = this.#options;
    return openClient(
      { ...nodeEndpoint(to, node), db: 0 },
      { tls, timeoutMs, side: 'target', signal: this.#signal, clientName },
    );
  }

  /** By which runs with the same job know of each other. */
  get clientName(): string {
    return `naru:${this.#job}`.replace(/[^!-~]/g, '_');
  }

  /** Another run of the job writes to this node. Where CLIENT LIST is refused, nobody can tell. Rejects with ALREADY_RUNNING. */
  async beAlone({ id, announced }: TopologyNode): Promise<void> {
    const list = await unlessRefused(this.client(id).call('CLIENT', 'LIST'));
    const others = String(list ?? '').split(` name=${this.clientName} `).length - 2;
    if (others < 1) return;
    throw new NaruError('ALREADY_RUNNING', `Another Naru writes to the target from ${this.#job}`, {
      side: 'target',
      node: describeHostPort(announced),
    });
  }

  /** Removes the parts of large entries that an earlier run left. */
  async sweep({ id }: TopologyNode): Promise<void> {
    const client = this.client(id);
    if (Number(await client.call('DBSIZE')) === 0) return;
    let cursor = '0';
    do {
      const pattern = `${PART_PREFIX}${this.#job}:*`;
      const [next, keys] = (await client.call('SCAN', cursor, 'MATCH', pattern, 'COUNT', SCAN_COUNT)) as [
        Buffer,
        Buffer[],
      ];
      for (const key of keys) await client.call('DEL', key);
      cursor = String(next);
    } while (cursor !== '0');
  }
}

/** The same slots give the same. */
function eachOf(slots: readonly SlotRange[] = []): number[] {
  const each = slots.flatMap(({ first, last }) =>
    Array.from({ length: last - first + 1 }, (_, n) => first + n),
  );
  return each.sort((a, b) => a - b);
}

/** The nodes that are written to, in the order of `routesOf`. */
export function writable(topology: Topology): TopologyNode[] {
  if (topology.kind !== 'cluster') return [topology.nodes[0] as TopologyNode];
  return topology.nodes.filter(({ role, slots }) => role === 'master' && slots.length > 0);
}

/** Slot -> index in `writable`. Throws CLUSTER_UNCOVERED where nobody owns one. */
export function routesOf(topology: Topology): Int16Array {
  const nodes = writable(topology);
  const indexes = topology.nodes.map((node) => nodes.indexOf(node));
  return topology.owners.map((owner) => {
    const index = indexes[owner] ?? -1;
    if (index >= 0) return index;
    throw new NaruError('CLUSTER_UNCOVERED', 'Slots of the target have no node', { side: 'target' });
  });
}

export function movingSlots({ moves }: Topology): ReadonlySet<number> {
  return new Set(moves.map(({ slot }) => slot));
}

async function runIdOf(client: RespClient): Promise<string> {
  const info = parseInfo(String((await unlessRefused(client.call('INFO', 'server'))) ?? ''));
  return info.get('run_id') ?? '';
}

/**
 * A node that was restarted holds what it has acknowledged only if each write was on disk by then (redis.conf, appendfsync). Of what else it
 * lost nobody can tell, since there is no checkpoint. Rejects with TARGET_LOST_DATA.
 */
async function holdsAll(client: RespClient): Promise<void> {
  const reply = await unlessRefused(client.call('CONFIG', 'GET', 'append*'));
  const settings = (Array.isArray(reply) ? reply : []).map(String);
  const setting = (name: string): string | undefined => settings[settings.indexOf(name) + 1];
  if (setting('appendonly') === 'yes' && setting('appendfsync') === 'always') return;
  const { node } = client.connection;
  client.connection.destroy();
  const text =
    'A node of the target was restarted without appendfsync always, and may have lost what it had acknowledged';
  throw new NaruError('TARGET_LOST_DATA', text, { side: 'target', node });
}

async function unlessRefused<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof ServerError) return undefined;
    throw error;
  }
}

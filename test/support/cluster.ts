/** A real cluster on loopback ports, put together by hand since `redis-cli --cluster create` sleeps by the second. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { RedisServer, type RedisServerOptions } from './redis-server.ts';
import { until } from './until.ts';

const run = promisify(execFile);

export const SLOTS = 16384;
const NODE_TIMEOUT_MS = 1500;
/** Where nobody could take over, a node that a busy machine holds up is not to be taken for one that has failed. */
const CALM_NODE_TIMEOUT_MS = 15_000;
/** Looks at the nodes after which those that do not know each other by then are introduced once more: a second or two. */
const LOOKS_PER_MEETING = 200;
const KEYS_A_STEP = 100;

export interface ClusterOptions {
  /** Below three no replica takes over when a master dies: the majority of masters has to vote for it. */
  masters?: number;
  /** of each master */
  replicas?: number;
  /** path of another server binary */
  binary?: string;
  config?: Record<string, string>;
  tls?: NonNullable<RedisServerOptions['tls']>;
  /** `cluster-node-timeout` */
  nodeTimeoutMs?: number;
  /** Slots that are given to nobody, from the highest down. */
  uncovered?: number;
}

/** One node, which keeps its id as long as it lives. */
export interface ClusterNode {
  readonly server: RedisServer;
  readonly id: string;
}

/** A slot's move in steps, so that a test can stop half way. */
export interface SlotMoving {
  /** Both nodes know that the slot is being moved; no key has gone yet. */
  begin(): Promise<void>;
  /** Moves at most so many keys; gives how many went. */
  migrate(keys?: number): Promise<number>;
  /** The slot is the other node's, and every node has been told. Moves what is left first. */
  finish(): Promise<void>;
}

export class RedisCluster {
  readonly nodes: ClusterNode[] = [];
  readonly #options: ClusterOptions;

  private constructor(options: ClusterOptions) {
    this.#options = options;
  }

  /** Resolves when every node has the whole picture and takes commands (unless slots are uncovered), and replicas are in step. */
  static async start(options: ClusterOptions = {}): Promise<RedisCluster> {
    const cluster = new RedisCluster(options);
    try {
      await cluster.#start();
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  /** The nodes as one address that Naru takes. */
  get url(): string {
    const places = this.nodes.map(({ server }) => `${server.host}:${server.port}`);
    return `${this.#options.tls ? 'rediss' : 'redis'}://${places.join(',')}`;
  }

  node(id: string): ClusterNode {
    const found = this.nodes.find((node) => node.id === id);
    if (found === undefined) throw new Error(`no node ${id}`);
    return found;
  }

  /** What the first living node says. */
  async lines(): Promise<NodeText[]> {
    const alive = this.nodes.find(({ server }) => server.running);
    if (alive === undefined) throw new Error('no node is running');
    return nodeLines(alive);
  }

  async masters(): Promise<ClusterNode[]> {
    const lines = await this.lines();
    const masters = lines.filter(({ flags, slots }) => flags.includes('master') && slots.length > 0);
    return masters
      .sort((a, b) => (a.slots[0]?.[0] ?? 0) - (b.slots[0]?.[0] ?? 0))
      .map(({ id }) => this.node(id));
  }

  async masterOf(slot: number): Promise<ClusterNode> {
    const lines = await this.lines();
    const line = lines.find(({ slots }) => slots.some(([first, last]) => first <= slot && slot <= last));
    if (line === undefined) throw new Error(`nobody owns slot ${slot}`);
    return this.node(line.id);
  }

  async replicasOf(master: ClusterNode): Promise<ClusterNode[]> {
    const lines = await this.lines();
    return lines.filter(({ masterId }) => masterId === master.id).map(({ id }) => this.node(id));
  }

  /** Makes the replica the master, while all live; resolves when every node knows it. */
  async failover(replica: ClusterNode): Promise<void> {
    await replica.server.call('CLUSTER', 'FAILOVER');
    await this.#promoted(replica);
  }

  /** Kills a node at once; resolves when it is gone, not when the cluster has noticed. */
  async kill(node: ClusterNode): Promise<void> {
    await node.server.kill();
  }

  /** Kills the master, and waits until one of its replicas has taken over; gives that one. */
  async killMaster(master: ClusterNode): Promise<ClusterNode> {
    const slot = (await this.lines()).find(({ id }) => id === master.id)?.slots[0]?.[0];
    if (slot === undefined) throw new Error('it owns no slots');
    await this.kill(master);
    await until('the failover', async () => (await this.masterOf(slot)).id !== master.id);
    const heir = await this.masterOf(slot);
    await this.#promoted(heir);
    return heir;
  }

  /** A master without slots, or a replica of `master`; resolves when every node knows it. */
  async addNode(master?: ClusterNode): Promise<ClusterNode> {
    const node = await this.#startNode();
    this.nodes.push(node);
    for (const other of this.#alive()) if (other !== node) await meet(node, other);
    await this.#allKnow(this.#alive().length);
    if (master !== undefined) await this.#replicate(node, master);
    return node;
  }

  /** As users do it: `redis-cli --cluster reshard`, which takes slots from the lowest up. */
  async reshard(slots: number, from: ClusterNode, to: ClusterNode): Promise<void> {
    // redis-cli gives up where the nodes do not agree.
    await this.healthy();
    const { host, port } = to.server;
    const args = [
      '--cluster',
      'reshard',
      `${host}:${port}`,
      '--cluster-from',
      from.id,
      '--cluster-to',
      to.id,
    ];
    await this.#cli([...args, '--cluster-slots', String(slots), '--cluster-yes']);
  }

  moveSlot(slot: number, from: ClusterNode, to: ClusterNode): SlotMoving {
    const { host, port } = to.server;
    const migrate = async (count: number = KEYS_A_STEP): Promise<number> => {
      const keys = (await from.server.call('CLUSTER', 'GETKEYSINSLOT', slot, count)) as Buffer[];
      if (keys.length > 0) await from.server.call('MIGRATE', host, port, '', 0, 5000, 'KEYS', ...keys);
      return keys.length;
    };
    return {
      begin: async () => {
        await to.server.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from.id);
        await from.server.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', to.id);
      },
      migrate,
      finish: async () => {
        while ((await migrate()) > 0);
        // The new owner first: were it to die in between, the old one would still answer for the slot.
        await to.server.call('CLUSTER', 'SETSLOT', slot, 'NODE', to.id);
        await from.server.call('CLUSTER', 'SETSLOT', slot, 'NODE', to.id);
        await until(`all nodes to know of slot ${slot}`, () => this.#allSay(slot, to));
      },
    };
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map(({ server }) => server.stop()));
  }

  async #start(): Promise<void> {
    const { masters = 3, replicas = 0, uncovered = 0 } = this.#options;
    const count = masters * (1 + replicas);
    // One by one: each takes its two ports before the next looks for free ones.
    for (let n = 0; n < count; n++) this.nodes.push(await this.#startNode());
    for (const [index, node] of this.nodes.entries())
      await node.server.call('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
    await this.#meetAll();
    for (let n = 0; n < masters; n++) {
      const slots = rangeOf(n, masters).filter((slot) => slot < SLOTS - uncovered);
      if (slots.length > 0) await this.nodes[n]?.server.call('CLUSTER', 'ADDSLOTS', ...slots);
    }
    await this.#allKnow(count);
    for (let n = masters; n < count; n++) {
      await this.#replicate(this.nodes[n] as ClusterNode, this.nodes[n % masters] as ClusterNode);
    }
    if (uncovered === 0) await this.healthy();
  }

  /** Every living node takes commands, and knows each living master's slots and each living replica's master. */
  async healthy(): Promise<void> {
    await until('the cluster to be healthy', async () => {
      const pictures = await Promise.all(this.#alive().map(pictureOf));
      return pictures.every((picture) => picture.ok && picture.text === pictures[0]?.text);
    });
  }

  async #startNode(): Promise<ClusterNode> {
    const { binary, config, tls, replicas = 0 } = this.#options;
    const calm = replicas > 0 ? NODE_TIMEOUT_MS : CALM_NODE_TIMEOUT_MS;
    const { nodeTimeoutMs = calm } = this.#options;
    const options: RedisServerOptions = {
      ...(binary !== undefined && { binary }),
      ...(tls !== undefined && { tls }),
      config: {
        'cluster-enabled': 'yes',
        'cluster-node-timeout': String(nodeTimeoutMs),
        'repl-ping-replica-period': '1',
        // However long it had no link: a replica that a test has stopped is to take over all the same.
        'cluster-replica-validity-factor': '0',
        ...(tls !== undefined && { 'tls-cluster': 'yes' }),
        ...config,
      },
    };
    for (let attempt = 1; ; attempt++) {
      try {
        const server = await RedisServer.start(options);
        return { server, id: await server.text('CLUSTER', 'MYID') };
      } catch (error) {
        // The bus port is the port and ten thousand, which must be free and exist too.
        if (attempt === 20 || !/port number too high|bind|in use/i.test(String(error))) throw error;
      }
    }
  }

  async #replicate(replica: ClusterNode, master: ClusterNode): Promise<void> {
    await replica.server.call('CLUSTER', 'REPLICATE', master.id);
    await until('the replica to be in step', async () => {
      return (await replica.server.info('replication')).get('master_link_status') === 'up';
    });
    await until('all nodes to know the replica', async () => {
      const views = await Promise.all(this.#alive().map(nodeLines));
      return views.every((lines) =>
        lines.some(({ id, masterId }) => id === replica.id && masterId === master.id),
      );
    });
  }

  async #promoted(heir: ClusterNode): Promise<void> {
    await until('all nodes to know the new master', async () => {
      const views = await Promise.all(this.#alive().map(nodeLines));
      return views.every((lines) =>
        lines.some(({ id, flags, slots }) => id === heir.id && flags.includes('master') && slots.length > 0),
      );
    });
    await this.healthy();
  }

  async #allSay(slot: number, owner: ClusterNode): Promise<boolean> {
    const views = await Promise.all(this.#alive().map(nodeLines));
    return views.every((lines) =>
      lines.some(({ id, slots }) => id === owner.id && slots.some(([a, b]) => a <= slot && slot <= b)),
    );
  }

  async #allKnow(count: number): Promise<void> {
    let looks = 0;
    await until('the nodes to know each other', async () => {
      // A greeting that is not returned in time is forgotten.
      if (++looks % LOOKS_PER_MEETING === 0) await this.#meetAll();
      const views = await Promise.all(this.#alive().map(nodeLines));
      return views.every(
        (lines) =>
          lines.filter(({ flags, connected }) => connected && !flags.includes('handshake')).length >= count,
      );
    });
  }

  /** Each one and all others: what they hear of each other takes seconds to go round. */
  async #meetAll(): Promise<void> {
    const alive = this.#alive();
    for (const [index, node] of alive.entries())
      for (const other of alive.slice(0, index)) await meet(node, other);
  }

  #alive(): ClusterNode[] {
    return this.nodes.filter(({ server }) => server.running);
  }

  async #cli(args: string[]): Promise<void> {
    const { tls, config = {} } = this.#options;
    const security = tls
      ? ['--tls', '--cacert', tls.caFile, '--cert', tls.clientCertFile, '--key', tls.clientKeyFile]
      : [];
    const password = config['requirepass'];
    const login = password === undefined ? [] : ['-a', password, '--no-auth-warning'];
    await run('redis-cli', [...security, ...login, ...args], { maxBuffer: 64 * 1024 * 1024 }).catch(
      (error: Error & { stdout: string }) => {
        throw new Error(`${error.message}\n${error.stdout.slice(-1000)}`, { cause: error });
      },
    );
  }
}

export interface NodeText {
  id: string;
  flags: string[];
  masterId: string;
  connected: boolean;
  slots: [number, number][];
}

/** CLUSTER NODES, by a reader of the tests' own. */
async function nodeLines({ server }: ClusterNode): Promise<NodeText[]> {
  const lines = (await server.text('CLUSTER', 'NODES')).trim().split('\n');
  return lines.map((line) => {
    const [id = '', , flags = '', masterId = '', , , , link, ...parts] = line.split(' ');
    const slots = parts
      .filter((part) => !part.startsWith('['))
      .map((part) => part.split('-').map(Number))
      .map(([first = 0, last = first]): [number, number] => [first, last]);
    return {
      id,
      flags: flags.split(','),
      masterId,
      connected: flags.includes('myself') || link === 'connected',
      slots,
    };
  });
}

/** What has to be the same at all nodes: who is master of which slots, and who replicates whom. */
async function pictureOf(node: ClusterNode): Promise<{ ok: boolean; text: string }> {
  const [info, lines, replication] = await Promise.all([
    node.server.text('CLUSTER', 'INFO'),
    nodeLines(node),
    node.server.info('replication'),
  ]);
  const living = lines.filter(({ flags }) => !flags.some((flag) => flag.startsWith('fail')));
  const text = living
    .map(({ id, masterId, slots }) => `${id} ${masterId} ${JSON.stringify(slots)}`)
    .sort()
    .join('\n');
  const inStep = replication.get('role') === 'master' || replication.get('master_link_status') === 'up';
  return { ok: info.includes('cluster_state:ok') && inStep, text };
}

async function meet(node: ClusterNode, other: ClusterNode): Promise<void> {
  await node.server.call('CLUSTER', 'MEET', other.server.host, other.server.port);
}

/** The slots of the nth of so many masters. */
function rangeOf(n: number, masters: number): number[] {
  const first = Math.floor((n * SLOTS) / masters);
  const end = Math.floor(((n + 1) * SLOTS) / masters);
  return Array.from({ length: end - first }, (_, index) => first + index);
}

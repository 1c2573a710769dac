/**
 * A double of the cluster proxy of Alibaba Cloud (Tair and ApsaraDB for Redis in proxy mode; "Apsara"), before the shards of a real Redis
 * Cluster. The proxy itself is not to be had outside of that cloud: what stands here was written after its public documentation, and where
 * that is silent, after reports of users. It shows that Naru does without what such a proxy lacks; it does not show that Naru runs there.
 *
 * | what                                                                                    | from                                                    |
 * | --------------------------------------------------------------------------------------- | ------------------------------------------------------- |
 * | ISCAN, IINFO, IMONITOR by shard (`db_idx`, from 0), INFO KEY                            | "In-house commands for Tair instances in proxy mode"    |
 * | DEL, UNLINK, EXISTS, TOUCH, MGET, MSET of several slots; transactions of one slot;      | "Limits on commands supported by cluster instances and  |
 * | what may not stand in MULTI; no WAIT, HELLO, CLIENT ID, CLIENT INFO                     | read/write splitting instances"                         |
 * | the errors of EVAL                                                                      | "Common errors and solutions"                           |
 * | no SYNC, PSYNC, REPLCONF: `ERR unknown command 'REPLCONF'`                              | reports of users of migration tools                     |
 * | `nodecount` in INFO's section Cluster, `cluster_enabled:1`                              | public migration tools that read them                   |
 *
 * Not as in the original, or not known: the words for a shard that is not there; one database (a real Redis Cluster has no more; the proxy has
 * 256); a transaction of several slots is refused (there it runs, slot by slot); SUNION and others of several slots are refused;
 * what the newer proxies answer to CLUSTER NODES and SLOTS; blocking commands go to their key's shard; slots do not move.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { type KeyPlaces, keyTable } from './apsara/routes.ts';
import { Session } from './apsara/session.ts';
import { type RedisCluster, SLOTS } from './cluster.ts';
import { RespClient } from './resp-client.ts';

export interface ApsaraOptions {
  /** SCAN without a shard; older proxies have ISCAN alone */
  plainScan?: boolean;
  /** ISCAN, IINFO, IMONITOR and INFO KEY; there unless it is false, as with other proxies */
  shardCommands?: boolean;
  /** false: DUMP is not offered */
  dump?: boolean;
  /** HELLO 3 and CLIENT TRACKING, told by all shards; no proxy is known that has it */
  tracking?: boolean;
  /** events about keys come, from all shards; else subscribing to them is taken, and nothing comes */
  subscribe?: boolean;
  /** closes a client that has sent nothing for so long */
  idleTimeoutMs?: number;
  /** CLUSTER INFO, NODES, SLAVES and SLOTS, as newer proxies have them; here with the shards' own addresses */
  clusterCommands?: boolean;
  /** `nodecount` in INFO; there unless it is false; a number: in place of the true one */
  nodeCount?: boolean | number;
  /** `run_id` in IINFO of each shard, in place of its own */
  runIds?: readonly string[];
  /** `redis_version` of INFO, in place of the shards' */
  version?: string;
}

export interface Shards {
  readonly places: readonly { host: string; port: number }[];
  /** slot -> shard */
  readonly owners: Int8Array;
  readonly keyTable: ReadonlyMap<string, KeyPlaces>;
  /** A command has come. */
  count(): void;
}

export class ApsaraProxy {
  readonly host = '127.0.0.1';
  readonly cluster: RedisCluster;
  /** May be changed at any time. */
  readonly options: ApsaraOptions;
  /** commands that have come, of all clients */
  commands = 0;
  /** clients that have come */
  clients = 0;
  readonly #sockets = new Set<Socket>();
  #listener: Server | undefined;

  private constructor(cluster: RedisCluster, options: ApsaraOptions) {
    this.cluster = cluster;
    this.options = options;
  }

  /** The cluster is its owner's, who stops it. */
  static async start(cluster: RedisCluster, options: ApsaraOptions = {}): Promise<ApsaraProxy> {
    const proxy = new ApsaraProxy(cluster, { ...options });
    const shards = await proxy.#shards();
    proxy.#listener = createServer({ noDelay: true }, (socket) => {
      proxy.clients++;
      proxy.#sockets.add(socket);
      socket.on('close', () => proxy.#sockets.delete(socket));
      new Session(socket, shards, proxy.options);
    });
    proxy.#listener.listen(0, proxy.host);
    await once(proxy.#listener, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#listener?.address() as AddressInfo).port;
  }

  get url(): string {
    return `redis://${this.host}:${this.port}`;
  }

  /** A connection of one's own; close it. */
  connect(): Promise<RespClient> {
    return RespClient.connect({ host: this.host, port: this.port });
  }

  /** Closes all connections of clients, as a proxy does that is replaced. */
  dropClients(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    if (this.#listener === undefined) return;
    const closed = once(this.#listener, 'close');
    this.#listener.close();
    this.dropClients();
    await closed;
  }

  async #shards(): Promise<Shards> {
    const masters = await this.cluster.masters();
    const lines = await this.cluster.lines();
    const owners = new Int8Array(SLOTS);
    for (const [index, { id }] of masters.entries()) {
      const slots = lines.find((line) => line.id === id)?.slots ?? [];
      for (const [first, last] of slots) owners.fill(index, first, last + 1);
    }
    return {
      places: masters.map(({ server: { host, port } }) => ({ host, port })),
      owners,
      keyTable: keyTable((await masters[0]?.server.call('COMMAND')) ?? []),
      count: () => {
        this.commands++;
      },
    };
  }
}

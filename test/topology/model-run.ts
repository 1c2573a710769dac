/** A run between groups of any size while both of them change; in the end both hold what an independent model says, and nothing else. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ClusterNode, RedisCluster } from '../support/cluster.ts';
import { ModelWriter, ofCluster, oneServer, type Written } from '../support/model-writer.ts';
import { Naru } from '../support/naru.ts';
import { RedisServer } from '../support/redis-server.ts';
import { until } from '../support/until.ts';

/** One side: a cluster of so many masters, or one server. */
class Side {
  readonly #server: RedisServer | undefined;
  readonly #cluster: RedisCluster | undefined;
  readonly name: string;

  private constructor(server: RedisServer | undefined, cluster: RedisCluster | undefined, masters: number) {
    this.#server = server;
    this.#cluster = cluster;
    this.name = masters === 0 ? 'one server' : `${masters} masters`;
  }

  /** `masters` 0: one server. `replicas`: of each master */
  static async start(masters: number, replicas: number): Promise<Side> {
    if (masters > 0) return new Side(undefined, await RedisCluster.start({ masters, replicas }), masters);
    const config = { 'repl-backlog-size': '256mb', appendonly: 'yes', appendfsync: 'always' };
    return new Side(await RedisServer.start({ config }), undefined, 0);
  }

  get url(): string {
    return this.#server?.url ?? (this.#cluster as RedisCluster).url;
  }

  get written(): Written {
    return this.#server ? oneServer(this.#server) : ofCluster(this.#cluster as RedisCluster);
  }

  servers(): Promise<RedisServer[]> {
    return this.written.masters();
  }

  /** Slots go from one master to another; one server has its connections to Naru cut. */
  async moveSlots(slots: number): Promise<void> {
    if (this.#server !== undefined) return this.#cut(this.#server);
    const [from, to] = (await this.#cluster?.masters()) as [ClusterNode, ClusterNode];
    await this.#cluster?.reshard(slots, from, to);
  }

  /** A replica takes over: of a master that is killed where the others can elect one, else by hand. One server is killed and comes back. */
  async failover(): Promise<void> {
    const cluster = this.#cluster;
    if (cluster === undefined) return this.#restart(this.#server as RedisServer);
    const masters = await cluster.masters();
    const [, victim] = masters as [ClusterNode, ClusterNode];
    const [replica] = await cluster.replicasOf(victim);
    if (replica === undefined) return;
    if (masters.length > 2) await cluster.killMaster(victim);
    else await cluster.failover(replica);
  }

  async #cut(server: RedisServer): Promise<void> {
    await server.call('CLIENT', 'KILL', 'TYPE', 'replica');
    const clients = (await server.text('CLIENT', 'LIST', 'TYPE', 'normal')).split('\n');
    for (const line of clients.filter((text) => text.includes(' name=naru'))) {
      await server.call('CLIENT', 'KILL', 'ID', /^id=(\d+)/.exec(line)?.[1] as string);
    }
  }

  /** As a source it would have a new history: there only the connections are cut. */
  async #restart(server: RedisServer): Promise<void> {
    if (Number((await server.info('replication')).get('connected_slaves')) > 0) return this.#cut(server);
    await server.kill();
    await server.restart();
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
    await this.#cluster?.stop();
  }
}

export interface ModelRun {
  /** masters of each side; 0: one server */
  readonly from: number;
  readonly to: number;
  readonly seed: number;
  /** commands between two changes */
  readonly commands: number;
  /** Slots move and masters change; else the run is only written through. */
  readonly changes: boolean;
}

/** Resolves to what was seen, in a line; rejects with what differs. */
export async function modelRun({ from, to, seed, commands, changes }: ModelRun): Promise<string> {
  const replicas = changes ? 1 : 0;
  const source = await Side.start(from, replicas);
  const target = await Side.start(to, replicas);
  const dir = mkdtempSync(join(tmpdir(), 'naru-model-'));
  const ends = ['--from', source.url, '--to', target.url, '--dir', dir, '--json'];
  let naru: Naru | undefined;
  const began = performance.now();
  try {
    const writer = await ModelWriter.start(source.written, seed);
    await writer.until(commands);
    naru = Naru.start(['sync', ...ends, '--progress-interval', '100ms', '--drain-timeout', '120s']);
    await naru.untilEvent('snapshot_done');
    await writer.until(commands);
    if (changes) {
      for (const change of [
        () => source.moveSlots(150),
        () => target.moveSlots(300),
        () => target.failover(),
        () => source.failover(),
        () => target.moveSlots(100),
        () => source.moveSlots(50),
      ]) {
        await change();
        await writer.until(commands);
      }
    }
    await writer.stop();
    await arrived(naru, source);
    const { code } = await naru.stop();
    const told = JSON.stringify(naru.events.filter(({ event }) => event !== 'progress').slice(-5));
    if (code !== 0) throw new Error(`naru ended with ${code}: ${told}`);
    const sides = await Promise.all(
      [source, target].map(async (side) => writer.model.differences(await side.servers())),
    );
    const found = sides.flatMap((lines, at) =>
      lines.map((line) => `${at === 0 ? 'source' : 'target'}: ${line}`),
    );
    if (found.length > 0) throw new Error(`${found.join('\n')}\n${told}`);
    const done = naru.eventsOf('done')[0];
    const seconds = Math.round((performance.now() - began) / 1000);
    return `${source.name} to ${target.name}: ${writer.written} acknowledged, read back ${writer.readBack} times, ${writer.model.size} keys as the model has them; commands ${done?.commands}, split ${done?.split}, recopied ${done?.recopied}; ${naru.eventsOf('error').length} failures on the way; ${seconds} s`;
  } finally {
    naru?.kill('SIGKILL');
    await source.stop();
    await target.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Nothing is left to do: no lag, and no slot waits, for a while. */
async function arrived(naru: Naru, source: Side): Promise<void> {
  for (const server of await source.servers()) await server.call('PING');
  await naru.untilEvent('synced');
  let calm = 0;
  let seen = naru.eventsOf('progress').length;
  await until(
    'no lag',
    async () => {
      if (naru.exit !== undefined) throw new Error(`naru ended: ${naru.stdout.slice(-1000)}`);
      const all = naru.eventsOf('progress');
      for (const { lagBytes, waiting } of all.slice(seen))
        calm = lagBytes === 0 && waiting === undefined ? calm + 1 : 0;
      seen = all.length;
      return calm > 5;
    },
    120_000,
  ).catch((error: Error) => {
    const told = naru.events.filter(({ event }) => event !== 'progress').slice(-20);
    const last = naru.eventsOf('progress').slice(-2);
    throw new Error(`${error.message}: ${JSON.stringify([...told, ...last])}`, { cause: error });
  });
}

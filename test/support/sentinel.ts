/** A master, its replicas and the sentinels that watch them, on loopback ports. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { atExit, makeTempDir, type TempDir } from './cleanup.ts';
import { freePort, RedisServer } from './redis-server.ts';
import type { Reply } from './reply-parser.ts';
import { type Arg, RespClient } from './resp-client.ts';
import { until } from './until.ts';

export interface SentinelOptions {
  replicas?: number;
  sentinels?: number;
  /** by which the sentinels know the master */
  name?: string;
  binary?: string;
  /** of the servers */
  password?: string;
  /** of the sentinels themselves */
  sentinelPassword?: string;
  /** `down-after-milliseconds` */
  downAfterMs?: number;
}

/** One sentinel. It writes its configuration anew itself, so it has a file of its own. */
export class Sentinel {
  readonly host = '127.0.0.1';
  readonly port: number;
  readonly #temp: TempDir;
  readonly #child: ChildProcess;
  readonly #password: string | undefined;
  readonly #forget: () => void;
  #client: RespClient | undefined;

  private constructor(port: number, temp: TempDir, child: ChildProcess, password: string | undefined) {
    this.port = port;
    this.#temp = temp;
    this.#child = child;
    this.#password = password;
    this.#forget = atExit(() => child.kill('SIGKILL'));
  }

  /** `lines` come behind port and folder in the configuration. */
  static async start(lines: string[], binary = 'redis-server', password?: string): Promise<Sentinel> {
    const temp = makeTempDir('naru-sentinel-');
    const port = await freePort();
    const file = join(temp.path, 'sentinel.conf');
    const own = password === undefined ? [] : [`requirepass ${password}`];
    writeFileSync(
      file,
      [`port ${port}`, 'bind 127.0.0.1', `dir ${temp.path}`, ...own, ...lines, ''].join('\n'),
    );
    const child = spawn(binary, [file, '--sentinel'], { stdio: 'ignore', cwd: temp.path });
    const sentinel = new Sentinel(port, temp, child, password);
    try {
      await until('the sentinel to answer', () => sentinel.#answers());
    } catch (error) {
      await sentinel.stop();
      throw error;
    }
    return sentinel;
  }

  async call(...args: Arg[]): Promise<Reply> {
    if (!this.#client?.connected) {
      this.#client = await RespClient.connect({ host: this.host, port: this.port });
      if (this.#password !== undefined) await this.#client.call('AUTH', this.#password);
    }
    return this.#client.call(...args);
  }

  /** The fields of SENTINEL MASTER. */
  async master(name: string): Promise<Map<string, string>> {
    const items = ((await this.call('SENTINEL', 'MASTER', name)) as Buffer[]).map(String);
    return new Map(items.flatMap((item, at) => (at % 2 === 0 ? [[item, items[at + 1] ?? '']] : [])));
  }

  /** The port of the master that it would name to a client. */
  async masterPort(name: string): Promise<number> {
    const address = (await this.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name)) as Buffer[];
    return Number(address[1]);
  }

  async stop(): Promise<void> {
    this.#client?.close();
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exited = once(this.#child, 'exit');
      this.#child.kill('SIGKILL');
      await exited;
    }
    this.#forget();
    this.#temp.remove();
  }

  async #answers(): Promise<boolean> {
    if (this.#child.exitCode !== null)
      throw new Error(`the sentinel ended with code ${this.#child.exitCode}`);
    return this.call('PING').then(
      () => true,
      () => false,
    );
  }
}

export class SentinelGroup {
  readonly name: string;
  readonly servers: RedisServer[] = [];
  readonly sentinels: Sentinel[] = [];

  private constructor(name: string) {
    this.name = name;
  }

  /** Resolves when each sentinel knows the replicas and the other sentinels, so that a failover can begin. */
  static async start(options: SentinelOptions = {}): Promise<SentinelGroup> {
    const group = new SentinelGroup(options.name ?? 'mymaster');
    try {
      await group.#start(options);
    } catch (error) {
      await group.stop();
      throw error;
    }
    return group;
  }

  /** The address that Naru takes, without user and password. */
  get url(): string {
    return `redis+sentinel://${this.sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')}/${this.name}`;
  }

  /** The server that the first sentinel names. */
  async master(): Promise<RedisServer> {
    const port = await (this.sentinels[0] as Sentinel).masterPort(this.name);
    return this.servers.find((server) => server.port === port) as RedisServer;
  }

  /** Kills the master, and waits until all sentinels name the same other, and that is one; gives it. */
  async killMaster(): Promise<RedisServer> {
    const old = await this.master();
    await old.kill();
    await until('the failover', async () => {
      const ports = await Promise.all(this.sentinels.map((sentinel) => sentinel.masterPort(this.name)));
      return ports.every((port) => port === ports[0] && port !== old.port);
    });
    const heir = await this.master();
    await until('the heir to be a master', () => heir.isMaster());
    return heir;
  }

  async stop(): Promise<void> {
    await Promise.all(this.sentinels.map((sentinel) => sentinel.stop()));
    await Promise.all(this.servers.map((server) => server.stop()));
  }

  async #start(options: SentinelOptions): Promise<void> {
    const { replicas = 2, sentinels = 3, binary, password, sentinelPassword, downAfterMs = 1000 } = options;
    for (let n = 0; n <= replicas; n++) {
      const config: Record<string, string> = {};
      if (password !== undefined) Object.assign(config, { requirepass: password, masterauth: password });
      const server = await RedisServer.start({ config, ...(binary !== undefined && { binary }) });
      this.servers.push(server);
      if (password !== undefined) await server.call('AUTH', password);
      if (n > 0) await server.call('REPLICAOF', '127.0.0.1', (this.servers[0] as RedisServer).port);
    }
    await until('the replicas to be in step', () => this.#inStep(replicas));
    const { name } = this;
    const lines = [
      `sentinel monitor ${name} 127.0.0.1 ${this.servers[0]?.port} ${Math.floor(sentinels / 2) + 1}`,
      `sentinel down-after-milliseconds ${name} ${downAfterMs}`,
      `sentinel failover-timeout ${name} 5000`,
    ];
    if (password !== undefined) lines.push(`sentinel auth-pass ${name} ${password}`);
    if (sentinelPassword !== undefined) lines.push(`sentinel sentinel-pass ${sentinelPassword}`);
    for (let n = 0; n < sentinels; n++)
      this.sentinels.push(await Sentinel.start(lines, binary, sentinelPassword));
    await until('the sentinels to know all', async () => {
      const seen = await Promise.all(this.sentinels.map((sentinel) => sentinel.master(name)));
      return seen.every(
        (fields) =>
          fields.get('flags') === 'master' &&
          Number(fields.get('num-slaves')) === replicas &&
          Number(fields.get('num-other-sentinels')) === sentinels - 1,
      );
    });
  }

  async #inStep(replicas: number): Promise<boolean> {
    const links = await Promise.all(this.servers.slice(1).map((server) => server.info('replication')));
    return links.filter((link) => link.get('master_link_status') === 'up').length === replicas;
  }
}

/** twemproxy (`nutcracker`) before two servers. Not every machine has it: tests that need it are skipped where it is missing. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { atExit, makeTempDir, type TempDir } from './cleanup.ts';
import { freePort, RedisServer } from './redis-server.ts';
import { RespClient } from './resp-client.ts';
import { until } from './until.ts';

const BINARY = 'nutcracker';

export function hasNutcracker(): boolean {
  try {
    execFileSync(BINARY, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

export class Nutcracker {
  readonly host = '127.0.0.1';
  readonly servers: readonly RedisServer[];
  readonly port: number;
  readonly #temp: TempDir = makeTempDir('naru-nutcracker-');
  readonly #statsPort: number;
  #child: ChildProcess | undefined;
  #forget: () => void = () => {};

  private constructor(servers: readonly RedisServer[], port: number, statsPort: number) {
    this.servers = servers;
    this.port = port;
    this.#statsPort = statsPort;
  }

  /** `config`: of the servers */
  static async start(config: Record<string, string> = {}): Promise<Nutcracker> {
    const servers = [await RedisServer.start({ config }), await RedisServer.start({ config })];
    const proxy = new Nutcracker(servers, await freePort(), await freePort());
    try {
      await proxy.launch();
    } catch (error) {
      await proxy.stop();
      throw error;
    }
    return proxy;
  }

  get url(): string {
    return `redis://${this.host}:${this.port}`;
  }

  /** Resolves when it answers. */
  async launch(): Promise<void> {
    const file = join(this.#temp.path, 'nutcracker.yml');
    writeFileSync(file, this.#config());
    const child = spawn(BINARY, ['-c', file, '-s', String(this.#statsPort), '-a', this.host], {
      stdio: 'ignore',
      cwd: this.#temp.path,
    });
    this.#child = child;
    this.#forget = atExit(() => child.kill('SIGKILL'));
    await until('nutcracker to answer', () => this.#answers());
  }

  /** Ends it at once; the servers stay. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined) return;
    if (child.exitCode === null && child.signalCode === null) {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    }
    this.#forget();
  }

  async stop(): Promise<void> {
    await this.kill();
    for (const server of this.servers) await server.stop();
    this.#temp.remove();
  }

  /** `auto_eject_hosts: false`: a server that is away is waited for, else its keys would go to another one. */
  #config(): string {
    return [
      'pool:',
      `  listen: ${this.host}:${this.port}`,
      '  hash: fnv1a_64',
      '  distribution: ketama',
      '  redis: true',
      '  auto_eject_hosts: false',
      '  server_retry_timeout: 100',
      '  servers:',
      ...this.servers.map(({ host, port }) => `   - ${host}:${port}:1`),
      '',
    ].join('\n');
  }

  async #answers(): Promise<boolean> {
    const client = await RespClient.connect({ host: this.host, port: this.port }).catch(() => undefined);
    if (client === undefined) return false;
    try {
      return String(await client.call('GET', 'nobody')) !== undefined;
    } catch {
      return false;
    } finally {
      client.close();
    }
  }
}

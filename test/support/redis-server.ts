import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { atExit, makeTempDir, type TempDir } from './cleanup.ts';
import type { Reply } from './reply-parser.ts';
import { type Address, type Arg, RespClient } from './resp-client.ts';
import type { TlsFiles } from './tls.ts';

export interface RedisServerOptions {
  /** further arguments of the server's command line, as they are */
  args?: string[];
  /** settings as in redis.conf: `{ 'repl-diskless-sync': 'no' }` */
  config?: Record<string, string>;
  /** the server listens with TLS only; clients need a certificate when `clientAuth` is set */
  tls?: TlsFiles & { clientAuth?: boolean };
  /** the server's folder; without it a temp folder, which goes with the server */
  dir?: string;
  /** listens on a unix socket too (`socketPath`) */
  unixSocket?: boolean;
  /** path of another server binary */
  binary?: string;
}

/**
 * Where servers listen: below what a kernel gives to connections by itself (32,768 and on), as is a cluster's bus, ten thousand higher. Such a port may be
 * somebody else's while a server is restarted; those of here are given to nobody twice in a row.
 */
const FIRST_PORT = 11_000;
const PORTS = 10_000;
/** Processes that start at once are far from each other: 7919 is prime to the number of ports. */
let nextPort = (process.pid * 7919) % PORTS;

export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + nextPort;
    nextPort = (nextPort + 1) % PORTS;
    if (await isFree(port)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  const free = await new Promise<boolean>((resolve) => {
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => resolve(true));
  });
  if (free) await new Promise((resolve) => probe.close(resolve));
  return free;
}

const versions = new Map<string, number>();

/** major * 100 + minor, from `redis-server --version` */
function serverVersion(binary: string): number {
  let version = versions.get(binary);
  if (version === undefined) {
    const text = execFileSync(binary, ['--version'], { encoding: 'utf8' });
    const match = /v=(\d+)\.(\d+)/.exec(text);
    version = match ? Number(match[1]) * 100 + Number(match[2]) : 0;
    versions.set(binary, version);
  }
  return version;
}

/** Linux only; elsewhere none are found. */
function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      .trim()
      .split(' ')
      .filter(Boolean)
      .map(Number);
  } catch {
    return [];
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It had ended by itself.
  }
}

const LOG_BYTES_MAX = 16 * 1024;

/** A real server on a free loopback port. It ends with `stop()`, and in any case with this process. */
export class RedisServer {
  readonly host = '127.0.0.1';
  readonly #options: RedisServerOptions;
  readonly #temp: TempDir | undefined;
  readonly dir: string;
  readonly binary: string;
  #port = 0;
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #client: Promise<RespClient> | undefined;
  #log = '';

  private constructor(options: RedisServerOptions) {
    this.#options = options;
    this.binary = options.binary ?? 'redis-server';
    this.#temp = options.dir === undefined ? makeTempDir('naru-redis-') : undefined;
    this.dir = options.dir ?? (this.#temp as TempDir).path;
  }

  static async start(options: RedisServerOptions = {}): Promise<RedisServer> {
    const server = new RedisServer(options);
    try {
      await server.#startOnFreePort();
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `${this.#options.tls ? 'rediss' : 'redis'}://${this.host}:${this.port}`;
  }

  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error('the server is not running');
    return this.#child.pid;
  }

  get running(): boolean {
    return this.#child !== undefined;
  }

  /** there with the option `unixSocket` */
  get socketPath(): string {
    return join(this.dir, 'redis.sock');
  }

  /** the last 16 KiB of what the server wrote to its log */
  get log(): string {
    return this.#log;
  }

  get address(): Address {
    const { tls } = this.#options;
    const address: Address = { host: this.host, port: this.port };
    if (tls) address.tls = { ca: tls.ca, cert: tls.clientCert, key: tls.clientKey };
    return address;
  }

  /** One command on the server's own test connection (database 0 unless SELECTed); an error reply is thrown. */
  async call(...args: Arg[]): Promise<Reply> {
    return (await this.#connection()).call(...args);
  }

  /** The reply as text, whatever its form; null becomes ''. */
  async text(...args: Arg[]): Promise<string> {
    return String((await this.call(...args)) ?? '');
  }

  async pipeline(commands: readonly (readonly Arg[])[]): Promise<Reply[]> {
    return (await this.#connection()).pipeline(commands);
  }

  /** A connection of one's own; close it. */
  connect(): Promise<RespClient> {
    return RespClient.connect(this.address);
  }

  /** DEBUG DIGEST: one value over the keys, values and whether they expire, of all databases. */
  digest(): Promise<string> {
    return this.text('DEBUG', 'DIGEST');
  }

  /** False too where it cuts its connections, as sentinels have a server do that they promote. */
  async isMaster(): Promise<boolean> {
    return this.info('replication').then(
      (info) => info.get('role') === 'master',
      () => false,
    );
  }

  async info(section: string): Promise<Map<string, string>> {
    const fields = new Map<string, string>();
    for (const line of (await this.text('INFO', section)).split('\r\n')) {
      const colon = line.indexOf(':');
      if (colon > 0 && !line.startsWith('#')) fields.set(line.slice(0, colon), line.slice(colon + 1));
    }
    return fields;
  }

  /** Sends a signal; SIGKILL strikes a child that saves in the background too, and waits until the server is gone. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const exited = this.#exited;
    if (signal !== 'SIGKILL') {
      process.kill(this.pid, signal);
      return;
    }
    for (const pid of [this.pid, ...childrenOf(this.pid)].reverse()) killIfThere(pid);
    await exited;
  }

  /** Starts again, on the same port with the same folder and settings; stops it first where it runs. */
  async restart(): Promise<void> {
    await this.#end();
    await this.#launch();
  }

  async stop(): Promise<void> {
    await this.#end();
    this.#temp?.remove();
  }

  async #end(): Promise<void> {
    const child = this.#child;
    const client = this.#client;
    this.#client = undefined;
    if (client) (await client.catch(() => undefined))?.close();
    // At once: a server looks for a SIGTERM ten times a second, and has nothing to save.
    if (child?.pid !== undefined) await this.kill();
  }

  async #connection(): Promise<RespClient> {
    const current = await this.#client?.catch(() => undefined);
    if (!current?.connected) this.#client = this.connect();
    return this.#client as Promise<RespClient>;
  }

  async #startOnFreePort(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      this.#port = await freePort();
      try {
        await this.#launch();
        return;
      } catch (error) {
        // Another process took the port between the probe and the server's own bind.
        if (attempt === 10 || !this.#log.includes('Address already in use')) throw error;
      }
    }
  }

  #arguments(): string[] {
    const { tls, unixSocket, config = {}, args = [] } = this.#options;
    const version = serverVersion(this.binary);
    const settings: Record<string, string> = { bind: this.host, dir: this.dir, save: '', appendonly: 'no' };
    settings[tls ? 'tls-port' : 'port'] = String(this.port);
    if (version >= 700) Object.assign(settings, { 'enable-debug-command': 'yes', 'shutdown-timeout': '0' });
    // No wait before a diskless full copy: the tests' replicas come one at a time.
    if (version >= 208) settings['repl-diskless-sync-delay'] = '0';
    if (unixSocket) Object.assign(settings, { unixsocket: this.socketPath });
    if (tls) {
      Object.assign(settings, { port: '0', 'tls-replication': 'yes' });
      Object.assign(settings, { 'tls-ca-cert-file': tls.caFile, 'tls-cert-file': tls.serverCertFile });
      settings['tls-key-file'] = tls.serverKeyFile;
      settings['tls-auth-clients'] = tls.clientAuth ? 'yes' : 'no';
    }
    Object.assign(settings, config);
    return [...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]), ...args];
  }

  /** Resolves when the server has loaded its data and answers PING. */
  async #launch(): Promise<void> {
    const args = this.#arguments();
    const child = spawn(this.binary, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: this.dir });
    this.#child = child;
    this.#log = '';
    const forget = atExit(() => child.kill('SIGKILL'));
    this.#exited = new Promise((resolve) => {
      const gone = (): void => {
        forget();
        if (this.#child === child) this.#child = undefined;
        resolve();
      };
      child.once('exit', gone);
      child.once('error', gone);
    });
    await new Promise<void>((resolve, reject) => {
      const read = (chunk: Buffer): void => {
        this.#log = (this.#log + chunk.toString()).slice(-LOG_BYTES_MAX);
        if (/ready to accept connections/i.test(this.#log)) resolve();
      };
      child.stdout.on('data', read);
      child.stderr.on('data', read);
      child.once('error', reject);
      // 'close' and not 'exit': the last words of the log have been read by then.
      child.once('close', (code) =>
        reject(new Error(`${this.binary} ended with code ${code}:\n${this.#log}`)),
      );
    });
    await this.#answersPing();
  }

  async #answersPing(): Promise<void> {
    const client = await this.connect();
    const [reply] = await client.pipeline([['PING']]);
    client.close();
    // NOAUTH and the like are answers too: the server is there.
    if (reply === undefined) throw new Error('PING was not answered');
  }
}

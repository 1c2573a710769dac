/** Source and target of a test, and the ways in which a user brings the data of the one to the other. */
import { join } from 'node:path';
import { makeTempDir } from '../support/cleanup.ts';
import { Naru } from '../support/naru.ts';
import { RedisServer, type RedisServerOptions } from '../support/redis-server.ts';

export type Way = 'sync' | 'restore';
export const WAYS: readonly Way[] = ['sync', 'restore'];

export class Pair {
  readonly source: RedisServer;
  readonly target: RedisServer;
  readonly #temp = makeTempDir();
  readonly #runs: Naru[] = [];

  private constructor(source: RedisServer, target: RedisServer) {
    this.source = source;
    this.target = target;
  }

  static async start(source: RedisServerOptions = {}, target: RedisServerOptions = {}): Promise<Pair> {
    return new Pair(await RedisServer.start(source), await RedisServer.start(target));
  }

  /** `naru sync --until-synced`, or a SAVE and `naru restore` of its file, into `to` (a proxy before the target, say). */
  async begin(way: Way, args: readonly string[] = [], to: string = this.target.url): Promise<Naru> {
    const from = way === 'sync' ? this.source.url : join(this.source.dir, 'dump.rdb');
    if (way === 'restore') await this.source.call('SAVE');
    const own = ['--dir', this.#temp.path, ...(way === 'sync' ? ['--until-synced'] : [])];
    const naru = Naru.start([way, '--from', from, '--to', to, '--json', ...own, ...args]);
    this.#runs.push(naru);
    return naru;
  }

  /** The same, to its end. */
  async copy(way: Way, args: readonly string[] = []): Promise<Naru> {
    const naru = await this.begin(way, args);
    await naru.exited;
    return naru;
  }

  /** `naru sync` that goes on. */
  follow(args: readonly string[] = []): Naru {
    const ends = ['--from', this.source.url, '--to', this.target.url, '--dir', this.#temp.path];
    const naru = Naru.start(['sync', ...ends, '--json', ...args]);
    this.#runs.push(naru);
    return naru;
  }

  /** Any command line, to its end; its spool is in a directory of its own. */
  async run(args: readonly string[]): Promise<Naru> {
    const naru = Naru.start([...args, '--json', '--dir', this.#temp.path]);
    this.#runs.push(naru);
    await naru.exited;
    return naru;
  }

  async stop(): Promise<void> {
    for (const naru of this.#runs) if (naru.exit === undefined) await naru.stop('SIGKILL');
    await this.source.stop();
    await this.target.stop();
    this.#temp.remove();
  }
}

/** A source, a target, and a proxy before each of them: what the recovery tests cut and kill. */

import { makeTempDir, type TempDir } from '../support/cleanup.ts';
import { Naru, type NaruOptions } from '../support/naru.ts';
import { FaultProxy } from '../support/proxy.ts';
import type { Random } from '../support/random.ts';
import { RedisServer } from '../support/redis-server.ts';
import type { Arg } from '../support/resp-client.ts';
import { until } from '../support/until.ts';

export interface RigOptions {
  /** path of another server, for each side */
  sourceBinary?: string;
  targetBinary?: string;
  source?: Record<string, string>;
  target?: Record<string, string>;
}

/** What the extra commands of a writer add up to. */
export interface Tally {
  count: number;
  extra: (random: Random) => Arg[][];
}

/** The database of the tally: none that the writers swap or flush. */
const TALLY_DB = 7;
/** Connecting and asking take about 400 bytes: a cut after less would never let a link come up. */
const HANDSHAKE_BYTES = 1000;

export class Rig {
  readonly source: RedisServer;
  readonly target: RedisServer;
  readonly toSource: FaultProxy;
  readonly toTarget: FaultProxy;
  readonly #dir: TempDir = makeTempDir('naru-recovery-');
  readonly #started: Naru[] = [];

  private constructor(source: RedisServer, target: RedisServer, toSource: FaultProxy, toTarget: FaultProxy) {
    this.source = source;
    this.target = target;
    this.toSource = toSource;
    this.toTarget = toTarget;
  }

  static async start(options: RigOptions = {}): Promise<Rig> {
    const [source, target] = await Promise.all([
      // Whatever happens between two connections must still be there at the next one.
      RedisServer.start({
        config: { 'repl-backlog-size': '256mb', ...options.source },
        ...(options.sourceBinary ? { binary: options.sourceBinary } : {}),
      }),
      RedisServer.start({
        config: options.target ?? {},
        ...(options.targetBinary ? { binary: options.targetBinary } : {}),
      }),
    ]);
    return new Rig(source, target, await FaultProxy.start(source), await FaultProxy.start(target));
  }

  /** `naru sync` through both proxies. */
  naru(args: string[] = [], options: NaruOptions = {}): Naru {
    const ends = ['--from', this.toSource.url, '--to', this.toTarget.url];
    const naru = Naru.start(['sync', ...ends, '--dir', this.#dir.path, '--json', ...args], options);
    this.#started.push(naru);
    return naru;
  }

  async stop(): Promise<void> {
    for (const naru of this.#started) if (naru.exit === undefined) await naru.stop('SIGKILL');
    await Promise.all([this.toSource.stop(), this.toTarget.stop()]);
    await Promise.all([this.source.stop(), this.target.stop()]);
    this.#dir.remove();
  }

  /** Cuts the link to the target in one of the ways that it can break; resolves when the cut is done. */
  async cutTarget(random: Random, bytesMax = 200_000): Promise<string> {
    const proxy = this.toTarget;
    const before = proxy.accepted;
    const way = random.pick(['request', 'reply', 'reset', 'unanswered', 'killed'] as const);
    if (way === 'request') {
      proxy.use({
        kind: 'cut-after-bytes',
        bytes: HANDSHAKE_BYTES + random.int(bytesMax),
        direction: 'to-server',
      });
    } else if (way === 'reply') {
      // INFO is 5 KB of it.
      const bytes = 10_000 + random.int(Math.ceil(bytesMax / 10));
      proxy.use({ kind: 'cut-after-bytes', bytes, direction: 'to-client' });
    } else if (way === 'unanswered') {
      await this.#holdBehindCommit();
      proxy.cut();
      proxy.use(undefined);
    } else if (way === 'killed') {
      await this.#killAtTarget();
    } else {
      await passes(proxy, 'to-server', random.int(bytesMax));
      proxy.cut();
    }
    await until(`a new connection after ${way}`, async () => proxy.accepted > before);
    // Most times it gets to work again first: the second commit says that the first one was heard of.
    if (random.chance(0.8)) await this.commits(2);
    return way;
  }

  /** Cuts the link from the source. */
  async cutSource(random: Random, bytesMax = 200_000): Promise<void> {
    const proxy = this.toSource;
    const before = proxy.accepted;
    const way = random.int(3);
    if (way === 0) {
      proxy.use({
        kind: 'cut-after-bytes',
        bytes: HANDSHAKE_BYTES + random.int(bytesMax),
        direction: 'to-client',
      });
    } else if (way === 1) {
      await passes(proxy, 'to-client', random.int(bytesMax));
      proxy.cut();
    } else {
      await until(
        'a replica',
        async () => Number((await this.source.info('replication')).get('connected_slaves')) > 0,
      );
      await this.source.call('CLIENT', 'KILL', 'TYPE', 'replica');
    }
    await until('a new connection to the source', async () => proxy.accepted > before);
  }

  /** The target runs so many more transactions, or takes checkpoints; with nothing under way none comes, and that is no matter. */
  async commits(count: number): Promise<void> {
    const done = async (): Promise<number> => {
      const stats = await this.target.info('commandstats');
      const calls = ['cmdstat_exec', 'cmdstat_set'].map(
        (name) => /calls=(\d+)/.exec(stats.get(name) ?? '')?.[1],
      );
      return Math.max(...calls.map((text) => Number(text ?? 0)));
    };
    const before = await done();
    await until('a commit', async () => (await done()) >= before + count, 1000).catch(() => undefined);
  }

  /** The target has committed, and nobody hears of it. */
  async #holdBehindCommit(): Promise<void> {
    this.toTarget.use({ kind: 'hold-response' });
    await this.commits(1);
  }

  async #killAtTarget(): Promise<void> {
    const find = async (): Promise<string | undefined> => {
      const list = await this.target.text('CLIENT', 'LIST', 'TYPE', 'normal');
      return /^id=(\d+) .*\bname=naru:/m.exec(list)?.[1];
    };
    let id: string | undefined;
    await until('a connection at the target', async () => {
      id = await find();
      return id !== undefined;
    });
    await this.target.call('CLIENT', 'KILL', 'ID', id as string);
  }

  /** Keys of Naru's own at the target, in all databases. */
  async ownKeys(): Promise<string[]> {
    const client = await this.target.connect();
    try {
      const found: string[] = [];
      for (let db = 0; db < 16; db++) {
        await client.call('SELECT', db);
        const keys = (await client.call('KEYS', 'naru:*')) as Buffer[];
        found.push(...keys.map((key) => `${db} ${key.toString()}`));
      }
      return found;
    } finally {
      client.close();
    }
  }
}

async function passes(proxy: FaultProxy, way: 'to-server' | 'to-client', bytes: number): Promise<void> {
  const end = proxy.passed[way] + bytes;
  await until(`${bytes} bytes ${way}`, async () => proxy.passed[way] >= end);
}

/** Commands that must be done exactly once, and how often each was given. */
export function tally(): Tally {
  const counted: Tally = {
    count: 0,
    extra: (random) => {
      counted.count++;
      return [
        ['SELECT', TALLY_DB],
        ['INCR', 'count'],
        ['LPUSH', 'queue', counted.count],
        ['RPOPLPUSH', 'queue', 'done'],
        ['APPEND', 'text', 'x'],
        ['XADD', 'stream', '*', 'n', counted.count],
        ['MULTI'],
        ['INCR', 'left'],
        ['APPEND', `pad:${random.int(10)}`, 'x'],
        ['INCR', 'right'],
        ['EXEC'],
      ];
    },
  };
  return counted;
}

/** What the tally's commands have done at a server. */
export async function tallied(server: RedisServer): Promise<Record<string, number>> {
  const client = await server.connect();
  try {
    await client.call('SELECT', TALLY_DB);
    const [count, queue, done, text, stream, left, right] = await client.pipeline([
      ['GET', 'count'],
      ['LLEN', 'queue'],
      ['LLEN', 'done'],
      ['STRLEN', 'text'],
      ['XLEN', 'stream'],
      ['GET', 'left'],
      ['GET', 'right'],
    ]);
    const numbers = { count, queue, done, text, stream, left, right };
    return Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, Number(value)]));
  } finally {
    client.close();
  }
}

/** What `tallied` has to give after so many rounds. */
export const tallyOf = (n: number): Record<string, number> => ({
  count: n,
  queue: 0,
  done: n,
  text: n,
  stream: n,
  left: n,
  right: n,
});

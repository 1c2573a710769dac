/** One run from a group of servers to one target, and what both hold in the end. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { keySlot } from '../../src/net/topology/slot.ts';
import { RedisCluster } from '../support/cluster.ts';
import { differences, stateOf } from '../support/cluster-state.ts';
import { Naru } from '../support/naru.ts';
import { RedisServer } from '../support/redis-server.ts';
import { ReplyError } from '../support/reply-parser.ts';
import type { Arg } from '../support/resp-client.ts';
import { until } from '../support/until.ts';

export class Rig {
  /** undefined: the target is a cluster */
  readonly #server: RedisServer | undefined;
  readonly #cluster: RedisCluster | undefined;
  readonly #dir: string = mkdtempSync(join(tmpdir(), 'naru-topology-'));
  #marks = 0;

  private constructor(server: RedisServer | undefined, cluster: RedisCluster | undefined) {
    this.#server = server;
    this.#cluster = cluster;
  }

  static async start(): Promise<Rig> {
    return new Rig(await RedisServer.start(), undefined);
  }

  static async toCluster(masters: number, replicas = 0): Promise<Rig> {
    return new Rig(undefined, await RedisCluster.start({ masters, replicas }));
  }

  get target(): RedisServer {
    if (this.#server === undefined) throw new Error('the target is a cluster');
    return this.#server;
  }

  get targetCluster(): RedisCluster {
    if (this.#cluster === undefined) throw new Error('the target is one server');
    return this.#cluster;
  }

  sync(from: string, ...args: string[]): Naru {
    const both = [
      '--from',
      from,
      '--to',
      (this.#server ?? (this.#cluster as RedisCluster)).url,
      '--dir',
      this.#dir,
      '--json',
    ];
    return Naru.start(['sync', ...both, '--progress-interval', '50ms', ...args]);
  }

  /** Stops a run whose source is at rest, once the last writes to it have arrived, and compares; resolves to its `done`. */
  async endsEqual(
    naru: Naru,
    sources: readonly RedisServer[],
  ): Promise<{ recopied: number; commands: number }> {
    for (const source of sources) await this.arrives(source);
    expect(await naru.stop()).toEqual({ code: 0, signal: null });
    const targets = await this.#targets();
    expect(differences(await stateOf(sources), await stateOf(targets))).toEqual([]);
    for (const target of targets) expect(await target.text('KEYS', 'naru:*')).toBe('');
    const [done] = naru.eventsOf('done');
    return done as { recopied: number; commands: number };
  }

  /** Writes a key that the source has the slot of, and waits for it. */
  async arrives(source: RedisServer): Promise<void> {
    const text = String(++this.#marks);
    for (let n = 0; ; n++) {
      const key = `mark:${n}`;
      const [reply] = await source.pipeline([['SET', key, text]]);
      if (!(reply instanceof ReplyError)) return this.holds(key, text);
      if (!reply.message.startsWith('MOVED')) throw reply;
    }
  }

  /** Resolves when the target holds this text. */
  async holds(key: string, text: string): Promise<void> {
    const targets = await this.#targets();
    await until(`${key} to be ${text}`, async () => {
      // In a cluster all but one answer MOVED.
      const replies = await Promise.all(targets.map((target) => target.pipeline([['GET', key]])));
      return replies.some(([reply]) => String(reply) === text);
    });
  }

  /** The path of a file with this text. */
  file(name: string, text: string): string {
    const path = join(this.#dir, name);
    writeFileSync(path, text);
    return path;
  }

  async #targets(): Promise<RedisServer[]> {
    return this.#server === undefined ? serversOf(this.#cluster as RedisCluster) : [this.#server];
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
    await this.#cluster?.stop();
    rmSync(this.#dir, { recursive: true });
  }
}

export async function serversOf(cluster: RedisCluster): Promise<RedisServer[]> {
  return (await cluster.masters()).map(({ server }) => server);
}

/** Keys `k:0`, `k:1` ... of so many bytes, each at the master of its slot. */
export async function fill(cluster: RedisCluster, keys: number, bytes: number): Promise<void> {
  const lines = await cluster.lines();
  const commands = new Map<string, Arg[][]>();
  for (let n = 0; n < keys; n++) {
    const key = `k:${n}`;
    const slot = keySlot(Buffer.from(key), 0, key.length);
    const id = lines.find(({ slots }) => slots.some(([a, b]) => a <= slot && slot <= b))?.id as string;
    const own = commands.get(id) ?? [];
    commands.set(id, own);
    own.push(['SET', key, `${n}:`.padEnd(bytes, 'x')]);
  }
  for (const [id, own] of commands) await cluster.node(id).server.pipeline(own);
}

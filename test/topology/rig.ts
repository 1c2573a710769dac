/** One run from a group of servers to one target, and what both hold in the end. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { keySlot } from '../../src/net/topology/slot.ts';
import type { RedisCluster } from '../support/cluster.ts';
import { differences, stateOf } from '../support/cluster-state.ts';
import { Naru } from '../support/naru.ts';
import { RedisServer } from '../support/redis-server.ts';
import { ReplyError } from '../support/reply-parser.ts';
import type { Arg } from '../support/resp-client.ts';
import { until } from '../support/until.ts';

export class Rig {
  readonly target: RedisServer;
  readonly #dir: string = mkdtempSync(join(tmpdir(), 'naru-topology-'));

  #marks = 0;

  private constructor(target: RedisServer) {
    this.target = target;
  }

  static async start(): Promise<Rig> {
    return new Rig(await RedisServer.start());
  }

  sync(from: string, ...args: string[]): Naru {
    const both = ['--from', from, '--to', this.target.url, '--dir', this.#dir, '--json'];
    return Naru.start(['sync', ...both, '--progress-interval', '50ms', ...args]);
  }

  /** Stops a run whose source is at rest, once the last writes to it have arrived, and compares; resolves to its `done`. */
  async endsEqual(
    naru: Naru,
    sources: readonly RedisServer[],
  ): Promise<{ recopied: number; commands: number }> {
    for (const source of sources) await this.#marked(source);
    expect(await naru.stop()).toEqual({ code: 0, signal: null });
    expect(differences(await stateOf(sources), await stateOf([this.target]))).toEqual([]);
    const own = (await this.target.call('KEYS', 'naru:*')) as Buffer[];
    expect(own.map(String)).toEqual([]);
    const [done] = naru.eventsOf('done');
    return done as { recopied: number; commands: number };
  }

  /** Writes a key that the source has the slot of, and waits for it. */
  async #marked(source: RedisServer): Promise<void> {
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
    await until(`${key} to be ${text}`, async () => (await this.target.text('GET', key)) === text);
  }

  /** The path of a file with this text. */
  file(name: string, text: string): string {
    const path = join(this.#dir, name);
    writeFileSync(path, text);
    return path;
  }

  async stop(): Promise<void> {
    await this.target.stop();
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

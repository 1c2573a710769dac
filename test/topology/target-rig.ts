/** One run from one server to several, and what both sides hold in the end. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { acknowledged } from '../support/acknowledged.ts';
import type { RedisCluster } from '../support/cluster.ts';
import { differences, stateOf } from '../support/cluster-state.ts';
import { Naru } from '../support/naru.ts';
import { RedisServer } from '../support/redis-server.ts';
import type { Arg } from '../support/resp-client.ts';
import { Writer, type WriterOptions } from '../support/writers.ts';

/** A cluster's own MIGRATE moves an expiry time by the time that it takes. */
const TTL_TOLERANCE_MS = 2000;

export class TargetRig {
  readonly source: RedisServer;
  readonly #url: () => string;
  readonly #dir: string = mkdtempSync(join(tmpdir(), 'naru-topology-'));
  readonly #started: Naru[] = [];

  private constructor(source: RedisServer, url: () => string) {
    this.source = source;
    this.#url = url;
  }

  /** `url`: of the target, asked for at each run */
  static async start(url: () => string, config: Record<string, string> = {}): Promise<TargetRig> {
    // Whatever happens between two connections must still be there at the next one.
    return new TargetRig(
      await RedisServer.start({ config: { 'repl-backlog-size': '256mb', ...config } }),
      url,
    );
  }

  sync(...args: string[]): Naru {
    const both = ['--from', this.source.url, '--to', this.#url(), '--dir', this.#dir, '--json'];
    const naru = Naru.start(['sync', ...both, '--progress-interval', '50ms', ...args]);
    this.#started.push(naru);
    return naru;
  }

  /** Writes commands of every kind to the source; those that need several databases are left out. */
  async writer(options: WriterOptions = {}): Promise<Writer> {
    const writer = new Writer(this.source, { databases: 1, rate: 3000, keep: inOneDatabase, ...options });
    await writer.start();
    return writer;
  }

  /** Resolves when the run has acknowledged all that the source has written. */
  acknowledged(naru: Naru): Promise<void> {
    return acknowledged(naru, this.source);
  }

  /** Stops a run whose source is at rest, and compares; resolves to its `done`. */
  async endsEqual(
    naru: Naru,
    targets: readonly RedisServer[],
  ): Promise<{ recopied: number; commands: number }> {
    await this.acknowledged(naru);
    expect(await naru.stop(), naru.stdout.slice(-2000)).toEqual({ code: 0, signal: null });
    const held = await stateOf(targets);
    expect(differences(await stateOf([this.source]), held, TTL_TOLERANCE_MS)).toEqual([]);
    expect([...held.keys()].filter((key) => key.startsWith('naru:'))).toEqual([]);
    const [done] = naru.eventsOf('done');
    return done as { recopied: number; commands: number };
  }

  async stop(): Promise<void> {
    for (const naru of this.#started) if (naru.exit === undefined) await naru.stop('SIGKILL');
    await this.source.stop();
    rmSync(this.#dir, { recursive: true });
  }
}

/** Those that own slots now. */
export async function ownersOf(cluster: RedisCluster): Promise<RedisServer[]> {
  return (await cluster.masters()).map(({ server }) => server);
}

function inOneDatabase(commands: readonly Arg[][]): boolean {
  return commands.every(
    ([name, ...args]) =>
      !/^(SELECT|MOVE|SWAPDB|FLUSHDB)$/i.test(String(name)) && !(name === 'COPY' && args.includes('DB')),
  );
}

/** Writes to a cluster through one connection for each master: single keys, several keys of a slot, MULTI, Lua, functions. */

import { keySlot } from '../../src/net/topology/slot.ts';
import type { RedisCluster } from '../support/cluster.ts';
import { Random } from '../support/random.ts';
import { ReplyError } from '../support/reply-parser.ts';
import type { Arg, RespClient } from '../support/resp-client.ts';

const LIBRARY = `#!lua name=naru
redis.register_function('bump', function(keys, args)
  redis.call('RPUSH', keys[1], args[1])
  return redis.call('LLEN', keys[1])
end)`;

/** Answers that come of a cluster that is changing: the command is asked of another master, or again. */
const CHANGING = /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN|READONLY|LOADING|MASTERDOWN)/;
const TAGS = 300;

/** Waits for each round's answers; a command counts as written once it is answered. */
export class ClusterWriter {
  static readonly library: string = LIBRARY;
  readonly #cluster: RedisCluster;
  readonly #random: Random;
  readonly #clients = new Map<string, RespClient>();
  /** slot -> node id */
  #owners: string[] = [];
  #running: Promise<void> = Promise.resolve();
  #stopping = false;
  #onPaused: (() => void) | undefined;
  #resume: (() => void) | undefined;
  #written = 0;
  #waiters: { at: number; resolve(): void }[] = [];

  private constructor(cluster: RedisCluster, seed: number) {
    this.#cluster = cluster;
    this.#random = new Random(seed);
  }

  static async start(cluster: RedisCluster, seed: number): Promise<ClusterWriter> {
    const writer = new ClusterWriter(cluster, seed);
    for (const { server } of await cluster.masters())
      await server.call('FUNCTION', 'LOAD', 'REPLACE', LIBRARY);
    await writer.#learn();
    writer.#running = writer.#loop();
    writer.#running.catch(() => {});
    return writer;
  }

  /** commands answered so far */
  get written(): number {
    return this.#written;
  }

  /** Resolves when all that was sent is answered; no more is sent. */
  pause(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#onPaused = resolve;
      this.#running.catch(reject);
    });
  }

  resume(): void {
    this.#resume?.();
  }

  /** Resolves when so many more commands are answered. */
  until(commands: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ at: this.#written + commands, resolve });
      this.#running.catch(reject);
    });
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    try {
      await this.#running;
    } finally {
      for (const client of this.#clients.values()) client.close();
    }
  }

  async #learn(): Promise<void> {
    const owners: string[] = [];
    for (const { id, slots } of await this.#cluster.lines()) {
      for (const [first, last] of slots) for (let slot = first; slot <= last; slot++) owners[slot] = id;
    }
    this.#owners = owners;
  }

  async #loop(): Promise<void> {
    while (!this.#stopping) {
      if (this.#onPaused !== undefined) await this.#rest(this.#onPaused);
      const groups = Array.from({ length: 30 }, () => this.#group());
      await Promise.all(groups.map((group) => this.#write(group)));
      for (const { at, resolve } of this.#waiters) if (this.#written >= at) resolve();
      this.#waiters = this.#waiters.filter(({ at }) => this.#written < at);
    }
  }

  async #rest(paused: () => void): Promise<void> {
    this.#onPaused = undefined;
    await new Promise<void>((resolve) => {
      this.#resume = resolve;
      paused();
    });
  }

  /** Commands of one slot, to be sent in one go. */
  #group(): Arg[][] {
    const r = this.#random;
    const tag = `{t${r.int(TAGS)}}`;
    const value = (): string => `v${r.int(1000)}`;
    return r.pick<() => Arg[][]>([
      () => [['SET', `${tag}s`, value()]],
      () => [['INCR', `${tag}n`]],
      () => [['RPUSH', `${tag}l`, value()]],
      () => [['LPOP', `${tag}l`]],
      () => [['HSET', `${tag}h`, value(), value()]],
      () => [['ZINCRBY', `${tag}z`, r.int(9), value()]],
      () => [['DEL', `${tag}s`, `${tag}x`]],
      () => [['MSET', `${tag}s`, value(), `${tag}x`, value()]],
      () => [['RENAME', `${tag}x`, `${tag}y`]],
      () => [['EXPIRE', `${tag}h`, 1000 + r.int(1000)]],
      () => [['MULTI'], ['INCR', `${tag}n`], ['RPUSH', `${tag}l`, value()], ['EXEC']],
      () => [
        [
          'EVAL',
          "redis.call('INCR', KEYS[1]) return redis.call('APPEND', KEYS[2], ARGV[1])",
          2,
          `${tag}n`,
          `${tag}a`,
          'x',
        ],
      ],
      () => [['FCALL', 'bump', 1, `${tag}l`, value()]],
      () => [['XADD', `${tag}q`, '*', 'f', value()]],
    ])();
  }

  async #write(group: Arg[][]): Promise<void> {
    const key = /\{t\d+\}/.exec(group.flat().join(' '))?.[0] as string;
    const slot = keySlot(Buffer.from(key), 0, key.length);
    for (let tries = 0; ; tries++) {
      const replies = await this.#send(slot, group);
      const wrong = replies?.find(
        (reply) => reply instanceof ReplyError && !/no such key/.test(reply.message),
      );
      if (replies !== undefined && wrong === undefined) break;
      const { message } = (wrong ?? { message: 'CLUSTERDOWN' }) as ReplyError;
      if (!CHANGING.test(message) && !/EXECABORT/.test(message))
        throw new Error(`${String(group[0])}: ${message}`);
      if (tries > 2000) throw new Error(`no answer but ${message}`);
      await this.#followed(slot, message);
    }
    this.#written += group.length;
  }

  async #followed(slot: number, message: string): Promise<void> {
    const [word, , place = ''] = message.split(' ');
    const port = Number(place.split(':')[1]);
    const node = this.#cluster.nodes.find(({ server }) => server.port === port);
    if (word === 'MOVED' && node !== undefined) this.#owners[slot] = node.id;
    else {
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (word === 'CLUSTERDOWN' || word === 'READONLY') await this.#learn().catch(() => {});
    }
  }

  async #send(slot: number, group: Arg[][]): Promise<unknown[] | undefined> {
    const id = this.#owners[slot] as string;
    try {
      let client = this.#clients.get(id);
      if (!client?.connected) {
        client = await this.#cluster.node(id).server.connect();
        this.#clients.set(id, client);
      }
      return await client.pipeline(group);
    } catch {
      return undefined;
    }
  }
}

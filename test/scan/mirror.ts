/**
 * The rule by which a live scan is right, alone: a key that is told is read again after it was told, and all keys are when the follower is unsure. What is
 * read goes into a map here, in place of a target.
 */

import type { Follower, Way } from '../../src/source/redis/follow/follower.ts';
import type { WayOptions } from '../../src/source/redis/follow/make-follower.ts';
import { followerAt, Hearer } from '../support/followers.ts';
import type { RedisServer } from '../support/redis-server.ts';
import type { RespClient } from '../support/resp-client.ts';
import { until } from '../support/until.ts';

const BATCH = 500;

export class Mirror {
  readonly hearer: Hearer = new Hearer();
  /** `db:key` -> what it holds and until when; streams without their groups, which not all ways tell of */
  readonly values: Map<string, string> = new Map();
  /** that have begun */
  passes = 0;
  #over = 0;
  readonly #client: RespClient;
  readonly #databases: number;
  readonly #follower: Follower;
  #stopping = false;
  #running: Promise<void> = Promise.resolve();

  private constructor(client: RespClient, databases: number, follower: (hearer: Hearer) => Follower) {
    this.#client = client;
    this.#databases = databases;
    this.#follower = follower(this.hearer);
  }

  /** Reads from the server itself, and follows by `url`, which may be of something between. */
  static async start(
    server: RedisServer,
    way: Way,
    url: string,
    databases: number,
    options: Partial<WayOptions> = {},
  ): Promise<Mirror> {
    const client = await server.connect();
    const mirror = new Mirror(client, databases, (hearer) => followerAt(way, url, hearer, options));
    await mirror.#follower.start();
    await mirror.#pass();
    mirror.#running = mirror.#run();
    return mirror;
  }

  /** Resolves when so many passes are over, and none is due. */
  async passed(count: number): Promise<void> {
    const isSo = async (): Promise<boolean> => this.#over >= count && this.hearer.unsure.length === 0;
    await until(`${count} passes`, isSo);
  }

  /** Every key that the source says is not as it is here. Writers have stopped. */
  async differences(): Promise<string[]> {
    for (;;) {
      try {
        await this.#follower.caughtUp();
        break;
      } catch {
        await this.hearer.until(({ events }) => events.at(-1)?.startsWith('unsure') === true);
      }
    }
    this.#stopping = true;
    await this.#running;
    while (this.#hasWork()) await this.#work();
    const truth = new Map<string, string>();
    for (let db = 0; db < this.#databases; db++) await this.#readAll(db, truth);
    const places = new Set([...truth.keys(), ...this.values.keys()]);
    return [...places].filter((place) => truth.get(place) !== this.values.get(place));
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running.catch(() => {});
    await this.#follower.stop();
    this.#client.close();
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      await this.#work();
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  #hasWork(): boolean {
    return this.hearer.unsure.length > 0 || this.hearer.dirty.size > 0;
  }

  async #work(): Promise<void> {
    if (this.hearer.unsure.length > 0) await this.#pass();
    const keys: string[][] = Array.from({ length: this.#databases }, () => []);
    let count = 0;
    for (const place of this.hearer.dirty) {
      const colon = place.indexOf(':');
      const key = place.slice(colon + 1);
      if (place[0] === '*') for (const each of keys) each.push(key);
      else keys[Number(place.slice(0, colon))]?.push(key);
      // It is dirty anew if it is told from here on.
      this.hearer.dirty.delete(place);
      if (++count === BATCH) break;
    }
    for (const [db, names] of keys.entries()) if (names.length > 0) await this.#read(db, names, this.values);
  }

  async #pass(): Promise<void> {
    this.passes++;
    this.hearer.unsure.length = 0;
    const all = new Map<string, string>();
    for (let db = 0; db < this.#databases; db++) await this.#readAll(db, all);
    this.values.clear();
    for (const [place, value] of all) this.values.set(place, value);
    this.#over++;
  }

  async #readAll(db: number, values: Map<string, string>): Promise<void> {
    const [, keys] = await this.#client.pipeline([
      ['SELECT', db],
      ['KEYS', '*'],
    ]);
    await this.#read(
      db,
      (keys as Buffer[]).map((key) => key.toString('latin1')),
      values,
    );
  }

  async #read(db: number, keys: readonly string[], values: Map<string, string>): Promise<void> {
    const names = keys.map((key) => Buffer.from(key, 'latin1'));
    const [, ...replies] = await this.#client.pipeline([
      ['SELECT', db],
      ...names.flatMap((key) => [
        ['TYPE', key],
        ['DEBUG', 'DIGEST-VALUE', key],
        ['PEXPIRETIME', key],
      ]),
    ]);
    for (const [i, key] of keys.entries()) {
      const [type, digest, until] = replies.slice(i * 3, i * 3 + 3);
      if (type === 'none') values.delete(`${db}:${key}`);
      else values.set(`${db}:${key}`, `${type} ${String(digest)} ${until}`);
    }
  }
}

/** One key of a thousand records that change all the time, through a proxy. */
import { Random } from '../support/random.ts';
import type { RespClient } from '../support/resp-client.ts';

export const LEADERBOARD = 'leaderboard';
const PLAYERS = 1000;
const EVERY_MS = 5;
const AT_ONCE = 10;

export class Leaderboard {
  /** changes that were answered */
  changes = 0;
  readonly #connect: () => Promise<RespClient>;
  readonly #random = new Random(3);
  #client: RespClient;
  #stopping = false;
  #running: Promise<void>;

  private constructor(client: RespClient, connect: () => Promise<RespClient>) {
    this.#client = client;
    this.#connect = connect;
    this.#running = this.#run();
    this.#running.catch(() => {});
  }

  /** With all records; resolves when it has begun to change. */
  static async start(source: { connect(): Promise<RespClient> }): Promise<Leaderboard> {
    const client = await source.connect();
    const players = Array.from({ length: PLAYERS }, (_, n) => [(n * 7919) % 10_007, `player:${n}`]);
    await client.call('ZADD', LEADERBOARD, ...players.flat());
    return new Leaderboard(client, () => source.connect());
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
    this.#client.close();
  }

  async #run(): Promise<void> {
    const random = this.#random;
    while (!this.#stopping) {
      const changes = Array.from({ length: AT_ONCE }, () => [
        'ZINCRBY',
        LEADERBOARD,
        random.int(100),
        `player:${random.int(PLAYERS)}`,
      ]);
      try {
        await this.#client.pipeline(changes);
        this.changes += AT_ONCE;
      } catch {
        // The proxy has closed all connections.
        this.#client = await this.#connect();
      }
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  }
}

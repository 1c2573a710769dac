import { type Checkpoint, parseCheckpoint } from '../checkpoint/checkpoint.ts';
import { isNaruError, NaruError } from '../errors/errors.ts';
import { mayComeBack } from '../errors/silence.ts';
import { delay } from '../net/backoff.ts';
import { openClient, RespClient } from '../net/client.ts';
import type { Connection, TlsOptions } from '../net/connection.ts';
import { Outage } from '../net/outage.ts';
import { describeEndpoint, type Endpoint } from '../net/url.ts';
import { PART_PREFIX } from '../target/redis/big-entry-writer.ts';
import { ask, type NodeFacts, readFacts } from './facts.ts';

export interface TargetSessionOptions {
  endpoint: Endpoint;
  tls: TlsOptions | undefined;
  connectTimeoutMs: number;
  giveUpAfterMs: number;
  job: string;
  checkpointKey: string;
  onRetry(error: NaruError, delayMs: number): void;
}

/** Connects to the target, at the start and again; reads, and in the end removes, the keys that Naru keeps there for itself. */
export class TargetSession {
  readonly node: string;
  readonly #options: TargetSessionOptions;
  readonly #stopping = new AbortController();
  readonly #outage: Outage;

  constructor(options: TargetSessionOptions) {
    this.#options = options;
    this.node = describeEndpoint(options.endpoint);
    this.#outage = new Outage(options.giveUpAfterMs);
  }

  /** Ends waiting for a target that does not come, or does not come back; what waits rejects with `reason`. */
  abort(reason: NaruError): void {
    this.#stopping.abort(reason);
  }

  /** The target has acknowledged a write: what was wrong is over. */
  proved(): void {
    this.#outage.over();
  }

  async open(): Promise<RespClient> {
    const { endpoint, tls = {}, connectTimeoutMs } = this.#options;
    // Naru chooses the database itself, for each command.
    return openClient(
      { ...endpoint, db: 0 },
      { tls, timeoutMs: connectTimeoutMs, side: 'target', signal: this.#stopping.signal },
    );
  }

  /** Removes what an earlier run that was killed left behind, so that it counts for nothing. */
  async sweep(client: RespClient, facts: NodeFacts): Promise<void> {
    await ask(client, 'DEL', this.#options.checkpointKey);
    for (const db of facts.keyspace.keys()) {
      await ask(client, 'SELECT', db);
      await ask(client, 'DEL', PART_PREFIX + this.#options.job);
    }
    await ask(client, 'SELECT', 0);
  }

  /** Connects again, for as long as --give-up-after allows. `cause` is why it has to. Rejects with NaruError. */
  async reopen(cause: NaruError): Promise<{ connection: Connection; checkpoint: Checkpoint | undefined }> {
    for (let last = cause; ; ) {
      if (!mayComeBack(last)) throw last;
      const delayMs = this.#outage.next();
      if (delayMs === undefined) {
        throw this.#error('GAVE_UP', `The target did not come back in time: ${last.message}`);
      }
      this.#options.onRetry(last, delayMs);
      await delay(delayMs, this.#stopping.signal);
      try {
        const resumed = await this.#resume();
        this.#outage.connected();
        return resumed;
      } catch (error) {
        this.#stopping.signal.throwIfAborted();
        last = isNaruError(error) ? error : this.#error('INTERNAL', String(error));
      }
    }
  }

  async #resume(): Promise<{ connection: Connection; checkpoint: Checkpoint | undefined }> {
    const client = await this.open();
    try {
      const facts = await readFacts(client);
      if (facts.role !== 'master') throw this.#error('TARGET_UNAVAILABLE', 'The target is a replica now');
      const value = await ask(client, 'GET', this.#options.checkpointKey);
      const checkpoint = value === null ? undefined : parseCheckpoint(String(value));
      return { connection: client.connection, checkpoint };
    } catch (error) {
      client.connection.destroy();
      throw error;
    }
  }

  /** Removes Naru's own keys and closes. */
  async finish(connection: Connection): Promise<void> {
    const client = new RespClient(connection);
    await ask(client, 'SELECT', 0);
    await ask(client, 'DEL', this.#options.checkpointKey);
    await client.close();
  }

  /** After a failure: the same as far as it can be done; the failure itself is what counts. */
  async cleanUp(dbs: Iterable<number>): Promise<void> {
    try {
      const { endpoint, tls = {} } = this.#options;
      const client = await openClient(
        { ...endpoint, db: 0 },
        { tls, timeoutMs: CLEAN_UP_MS, side: 'target' },
      );
      const timer = setTimeout(() => client.connection.destroy(), CLEAN_UP_MS);
      try {
        await client.call('DEL', this.#options.checkpointKey);
        for (const db of new Set(dbs)) {
          await client.call('SELECT', db);
          await client.call('DEL', PART_PREFIX + this.#options.job);
        }
      } finally {
        clearTimeout(timer);
        client.connection.destroy();
      }
    } catch {
      // The next run removes them.
    }
  }

  #error(code: 'GAVE_UP' | 'TARGET_UNAVAILABLE' | 'INTERNAL', message: string): NaruError {
    return new NaruError(code, message, { side: 'target', node: this.node });
  }
}

const CLEAN_UP_MS = 2000;

import { type Checkpoint, parseCheckpoint } from '../checkpoint/checkpoint.ts';
import { isNaruError, NaruError } from '../errors/errors.ts';
import { mayComeBack } from '../errors/silence.ts';
import { delay } from '../net/backoff.ts';
import { openClient, RespClient, ServerError } from '../net/client.ts';
import type { Connection, TlsOptions } from '../net/connection.ts';
import { Outage } from '../net/outage.ts';
import { describeEndpoint, type Endpoint } from '../net/url.ts';
import type { Reply } from '../protocol/resp/reply.ts';
import { PART_PREFIX } from '../target/redis/big-entry-writer.ts';
import { ask, type NodeFacts, readFacts } from './facts.ts';

export interface TargetSessionOptions {
  /** the address, for words to people */
  endpoint: Endpoint;
  /** Where the server is now; absent: at the address. Rejects with NaruError. */
  where?: (signal: AbortSignal) => Promise<Endpoint>;
  tls: TlsOptions | undefined;
  connectTimeoutMs: number;
  giveUpAfterMs: number;
  job: string;
  checkpointKey: string;
  onRetry(error: NaruError, delayMs: number): void;
}

/** A connection to the target that is new, and what stands there. */
export interface Reopened {
  connection: Connection;
  checkpoint: Checkpoint | undefined;
  /** the target is another process than the one that was written to before */
  restarted: boolean;
  hasReplicas: boolean;
}

/** Connects to the target, at the start and again; reads, and in the end removes, the keys that Naru keeps there for itself. */
export class TargetSession {
  readonly node: string;
  readonly #options: TargetSessionOptions;
  readonly #stopping = new AbortController();
  readonly #outage: Outage;

  /** the connection that writes */
  #writer: { runId: string; id: number | undefined } | undefined;

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
    const { tls = {}, connectTimeoutMs } = this.#options;
    const endpoint = await this.#where();
    // Naru chooses the database itself, for each command.
    return openClient(
      { ...endpoint, db: 0 },
      {
        tls,
        timeoutMs: connectTimeoutMs,
        side: 'target',
        signal: this.#stopping.signal,
        clientName: this.#clientName,
      },
    );
  }

  #where(): Promise<Endpoint> {
    const { endpoint, where } = this.#options;
    return where?.(this.#stopping.signal) ?? Promise.resolve(endpoint);
  }

  /** By which runs with the same job know of each other at the target. A name may hold no spaces (networking.c, validateClientAttr). */
  get #clientName(): string {
    return `naru:${this.#options.job}`.replace(/[^!-~]/g, '_');
  }

  /** What the target says of itself. Where it may be written to, what an earlier run left there is removed first, so that it counts for nothing. */
  async facts(client: RespClient, sourceRunId: string): Promise<NodeFacts> {
    const facts = await readFacts(client);
    if (facts.role !== 'master' || facts.runId === sourceRunId) return facts;
    await this.#beAlone(client);
    await this.#sweep(client, facts);
    return readFacts(client);
  }

  /**
   * Two runs of one job would write to the same keys of Naru's own, and what looks left behind would be the other's. The target's list
   * of clients shows whether there is one; where it may not be asked, nobody can tell. A run that was just killed is given time to vanish.
   */
  async #beAlone(client: RespClient): Promise<void> {
    for (let tries = 0; tries < ALONE_TRIES; tries++) {
      const list = await unlessRefused(client.call('CLIENT', 'LIST'));
      const others = String(list ?? '').split(` name=${this.#clientName} `).length - 2;
      if (others < 1) return;
      await delay(ALONE_WAIT_MS, this.#stopping.signal);
    }
    throw this.#error('ALREADY_RUNNING', `Another Naru writes to the target from ${this.#options.job}`);
  }

  async #sweep(client: RespClient, facts: NodeFacts): Promise<void> {
    await ask(client, 'DEL', this.#options.checkpointKey);
    for (const db of facts.keyspace.keys()) {
      await ask(client, 'SELECT', db);
      await ask(client, 'DEL', PART_PREFIX + this.#options.job);
    }
    await ask(client, 'SELECT', 0);
  }

  /** Connects again, for as long as --give-up-after allows. `cause` is why it has to. Rejects with NaruError. */
  async reopen(cause: NaruError): Promise<Reopened> {
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

  /** The same where it was Naru that broke the connection, so that nothing needs to be waited for. */
  async renew(): Promise<Reopened> {
    try {
      return await this.#resume();
    } catch (error) {
      return this.reopen(isNaruError(error) ? error : this.#error('INTERNAL', String(error)));
    }
  }

  async #resume(): Promise<Reopened> {
    const client = await this.open();
    const timer = setTimeout(
      () => client.connection.destroy(this.#error('LINK_LOST', 'The target does not answer')),
      this.#options.connectTimeoutMs,
    );
    try {
      const facts = await readFacts(client);
      if (facts.role !== 'master') throw this.#error('TARGET_UNAVAILABLE', 'The target is a replica now');
      const restarted = this.#writer?.runId !== facts.runId;
      await this.#fence(client, facts.runId);
      const value = await ask(client, 'GET', this.#options.checkpointKey);
      const checkpoint = value === null ? undefined : parseCheckpoint(String(value));
      await this.adopt(client, facts.runId);
      return { connection: client.connection, checkpoint, restarted, hasReplicas: facts.hasReplicas };
    } catch (error) {
      client.connection.destroy();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** From now on this is the connection that writes. */
  async adopt(client: RespClient, runId: string): Promise<void> {
    const id = await unlessRefused(client.call('CLIENT', 'ID'));
    this.#writer = { runId, id: typeof id === 'number' ? id : undefined };
  }

  /**
   * What a lost connection had sent may still lie in a buffer on the way, and be done after the checkpoint was read: it would be done
   * twice. So the target closes that connection before it is asked. A target before Redis 5, or a user without CLIENT, can not.
   */
  async #fence(client: RespClient, runId: string): Promise<void> {
    const writer = this.#writer;
    if (writer?.id === undefined || writer.runId !== runId) return;
    await unlessRefused(client.call('CLIENT', 'KILL', 'ID', writer.id));
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
      const { tls = {} } = this.#options;
      const endpoint = await this.#where();
      const client = await openClient(
        { ...endpoint, db: 0 },
        { tls, timeoutMs: CLEAN_UP_MS, side: 'target' },
      );
      const timer = setTimeout(() => client.connection.destroy(), CLEAN_UP_MS);
      try {
        const { runId, keyspace } = await readFacts(client);
        await this.#fence(client, runId);
        await client.call('DEL', this.#options.checkpointKey);
        for (const db of new Set([...dbs, ...keyspace.keys()])) {
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

  #error(
    code: 'ALREADY_RUNNING' | 'GAVE_UP' | 'LINK_LOST' | 'TARGET_UNAVAILABLE' | 'INTERNAL',
    message: string,
  ): NaruError {
    return new NaruError(code, message, { side: 'target', node: this.node });
  }
}

const CLEAN_UP_MS = 2000;
const ALONE_TRIES = 10;
const ALONE_WAIT_MS = 100;

/** The reply, or undefined where the command is refused or not known. */
async function unlessRefused(call: Promise<Reply>): Promise<Reply | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof ServerError) return undefined;
    throw error;
  }
}

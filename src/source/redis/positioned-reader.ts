import { isNaruError, NaruError } from '../../errors/errors.ts';
import { mayComeBack } from '../../errors/silence.ts';
import { delay } from '../../net/backoff.ts';
import { type RespClient, ServerError } from '../../net/client.ts';
import { parseInfo } from '../../net/info.ts';
import { Outage } from '../../net/outage.ts';
import { type Reply, ReplyError } from '../../protocol/resp/reply.ts';

export interface PositionedReaderOptions {
  /** A connection to the source; asked for again after it failed. Rejects with NaruError. */
  open(): Promise<RespClient>;
  /** the source's PEXPIRETIME is known (Redis 7): it is exact, where PTTL and TIME are two moments */
  expireTime: boolean;
  /** the replication id that the stream has now */
  replid(): string;
  /** The source is gone for good, and others have its keys. */
  isLost(): boolean;
  giveUpAfterMs: number;
  signal: AbortSignal;
  onRetry(error: NaruError, delayMs: number): void;
  /** It has answered behind that. */
  onAnswered(): void;
}

/** A key, and what stood there. */
export interface PositionedValue {
  /** as DUMP gives it; undefined: there is no such key */
  readonly payload: Buffer | undefined;
  /** ms since 1970; -1: it does not expire */
  readonly expireAtMs: number;
}

export interface PositionedReading {
  /** Of the first keys that were asked for, at least one. Undefined: another node of the cluster has the key. */
  readonly values: readonly (PositionedValue | undefined)[];
  /** the source's replication offset at which all of them were true */
  readonly offset: number;
}

/**
 * Reads values together with the position in the stream at which they were true:
 *
 *     MULTI  (SELECT db) (DUMP key) (PTTL key)...  TIME  INFO replication  EXEC
 *
 * A server runs nothing else in the meantime, and master_repl_offset stands behind the last write that it propagated. A source that fails
 * over speaks of another history for a moment: it is asked again until it is that of the stream.
 *
 * In a cluster all keys of one transaction have to be of one slot. MOVED and ASK say that another node has it, or has that key already.
 */
export class PositionedReader {
  readonly #options: PositionedReaderOptions;
  readonly #outage: Outage;

  constructor(options: PositionedReaderOptions) {
    this.#options = options;
    this.#outage = new Outage(options.giveUpAfterMs);
  }

  async read(keys: readonly { db: number; key: Buffer }[]): Promise<PositionedReading> {
    const { signal, onRetry, onAnswered } = this.#options;
    for (let failed = false; ; failed = true) {
      if (this.#options.isLost()) return { values: keys.map(() => undefined), offset: 0 };
      let failure: NaruError;
      try {
        const reading = await this.#askCluster(keys);
        if (reading !== undefined) {
          this.#outage.over();
          if (failed) onAnswered();
          return reading;
        }
        failure = this.#error('LINK_LOST', 'The source is failing over');
      } catch (error) {
        signal.throwIfAborted();
        if (!isNaruError(error) || !mayComeBack(error)) throw error;
        failure = error;
      }
      const waitMs = this.#outage.next();
      if (waitMs === undefined)
        throw this.#error('GAVE_UP', `The source can not be asked: ${failure.message}`);
      onRetry(failure, waitMs);
      await delay(waitMs, signal);
    }
  }

  async #askCluster(keys: readonly { db: number; key: Buffer }[]): Promise<PositionedReading | undefined> {
    try {
      return await this.#ask(keys);
    } catch (error) {
      if (!(error instanceof Elsewhere)) throw error;
      // While a slot is moved each key is here or there.
      if (error.word === 'ASK' && keys.length > 1) return this.#askCluster(keys.slice(0, 1));
      return { values: keys.map(() => undefined), offset: 0 };
    }
  }

  /** undefined: what the source tells of is not the stream's history. */
  async #ask(keys: readonly { db: number; key: Buffer }[]): Promise<PositionedReading | undefined> {
    const client = await this.#options.open();
    const calls: Promise<Reply>[] = [client.call('MULTI')];
    // Of each answer in EXEC's array: what it is for.
    const dumps: number[] = [];
    let selected = -1;
    let at = 0;
    for (const { db, key } of keys) {
      if (db !== selected) {
        calls.push(client.call('SELECT', db));
        selected = db;
        at++;
      }
      dumps.push(at);
      calls.push(client.call('DUMP', key), client.call(this.#ttlCommand, key));
      at += 2;
    }
    calls.push(client.call('TIME'), client.call('INFO', 'replication'), client.call('EXEC'));
    const answers = await this.#answers(calls);
    const info = parseInfo(String(answers[at + 1]));
    const told = info.get('master_replid');
    if (told !== undefined && told !== this.#options.replid()) return undefined;
    const nowMs = this.#options.expireTime ? 0 : milliseconds(answers[at] as Buffer[]);
    const values = dumps.map((index) =>
      valueFrom(answers[index] as Reply, Number(answers[index + 1]), nowMs),
    );
    return { values, offset: Number(info.get('master_repl_offset')) };
  }

  get #ttlCommand(): string {
    return this.#options.expireTime ? 'PEXPIRETIME' : 'PTTL';
  }

  /** EXEC's array, after the acknowledgements of what was queued. */
  async #answers(calls: readonly Promise<Reply>[]): Promise<Reply[]> {
    const settled = await Promise.allSettled(calls);
    for (const each of settled) {
      if (each.status === 'fulfilled') continue;
      if (each.reason instanceof ServerError) {
        const { code, text } = each.reason;
        if (code === 'MOVED' || code === 'ASK') throw new Elsewhere(code);
        if (PASSING.has(code)) throw this.#error('LINK_LOST', `The source can not be asked now: ${text}`);
        throw this.#error('NO_PERMISSION', `The source refused to be asked for values: ${each.reason.text}`);
      }
      throw each.reason;
    }
    const answers = (settled.at(-1) as PromiseFulfilledResult<Reply>).value as Reply[];
    const refused = answers.find((answer) => answer instanceof ReplyError);
    if (refused !== undefined) {
      throw this.#error('NO_PERMISSION', `The source refused to be asked for values: ${refused.message}`);
    }
    return answers;
  }

  #error(code: 'LINK_LOST' | 'GAVE_UP' | 'NO_PERMISSION', message: string): NaruError {
    return new NaruError(code, message, { side: 'source' });
  }
}

/** What a server of a cluster answers until it is one that takes commands. */
const PASSING: ReadonlySet<string> = new Set(['CLUSTERDOWN', 'TRYAGAIN', 'LOADING', 'MASTERDOWN']);

/** Another node of the cluster has the keys. */
class Elsewhere extends Error {
  readonly word: 'MOVED' | 'ASK';

  constructor(word: 'MOVED' | 'ASK') {
    super(word);
    this.word = word;
  }
}

function milliseconds([seconds, micros]: Buffer[]): number {
  return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
}

/** `ttl`: left from `nowMs` on, or with a `nowMs` of 0 absolute; negative: it does not expire. */
function valueFrom(dump: Reply, ttl: number, nowMs: number): PositionedValue {
  const payload = Buffer.isBuffer(dump) ? dump : undefined;
  return { payload, expireAtMs: ttl < 0 ? -1 : nowMs + ttl };
}

import { checkpointKey } from '../checkpoint/checkpoint.ts';
import { isNaruError, NaruError } from '../errors/errors.ts';
import { mayComeBack } from '../errors/silence.ts';
import { delay } from '../net/backoff.ts';
import { openClient, type RespClient } from '../net/client.ts';
import type { TlsOptions } from '../net/connection.ts';
import { Outage } from '../net/outage.ts';
import { keySlot } from '../net/topology/slot.ts';
import type { Endpoint } from '../net/url.ts';
import { PART_PREFIX } from '../target/redis/big-entry-writer.ts';
import { ask } from './facts.ts';

export interface TargetKeysOptions {
  /** the servers that hold the target's keys: one, or the masters of a cluster. Rejects with NaruError */
  nodes(): Promise<readonly Endpoint[]>;
  tls: TlsOptions | undefined;
  connectTimeoutMs: number;
  giveUpAfterMs: number;
  signal: AbortSignal;
}

/** What Naru keeps at the target for itself. */
function isOwn(key: Buffer): boolean {
  const text = key.toString('latin1', 0, 32);
  return text.startsWith(checkpointKey('')) || text.startsWith(PART_PREFIX);
}

/** Keys that one SCAN looks at; so many are given at once at most, or a few more. */
const SCAN_COUNT = 1000;

/** Looks through the target's keys on connections of its own, beside what is written there: finds and removes those of some slots. */
export class TargetKeys {
  readonly #options: TargetKeysOptions;

  constructor(options: TargetKeysOptions) {
    this.#options = options;
  }

  /**
   * Gives each key of database 0 whose slot is wanted, a batch at a time, waiting for `take`. A key that stands there all the time is given at
   * least once; one may be given twice. Where the target is lost on the way it begins again. Rejects with NaruError.
   */
  async each(wanted: (slot: number) => boolean, take: (keys: Buffer[]) => Promise<void>): Promise<void> {
    await this.#visit((client) => this.#scan(client, wanted, take));
  }

  /** Removes the keys of some slots. */
  async remove(wanted: (slot: number) => boolean): Promise<void> {
    await this.#visit((client) =>
      this.#scan(client, wanted, async (keys) => {
        // One by one: in a cluster those of one command would have to be of one slot.
        await Promise.all(keys.map((key) => client.call('DEL', key)));
      }),
    );
  }

  async #scan(
    client: RespClient,
    wanted: (slot: number) => boolean,
    take: (keys: Buffer[]) => Promise<void>,
  ): Promise<void> {
    for (let cursor = '0'; ; ) {
      const [next, keys] = (await ask(client, 'SCAN', cursor, 'COUNT', SCAN_COUNT)) as [Buffer, Buffer[]];
      const found = keys.filter((key) => wanted(keySlot(key, 0, key.length)) && !isOwn(key));
      if (found.length > 0) await take(found);
      cursor = next.toString();
      if (cursor === '0') return;
    }
  }

  async #visit(work: (client: RespClient) => Promise<void>): Promise<void> {
    const outage = new Outage(this.#options.giveUpAfterMs);
    for (;;) {
      try {
        for (const endpoint of await this.#options.nodes()) await this.#at(endpoint, work);
        return;
      } catch (error) {
        this.#options.signal.throwIfAborted();
        const waitMs = isNaruError(error) && mayComeBack(error) ? outage.next() : undefined;
        if (waitMs === undefined) throw error;
        await delay(waitMs, this.#options.signal);
      }
    }
  }

  async #at(endpoint: Endpoint, work: (client: RespClient) => Promise<void>): Promise<void> {
    const { tls = {}, connectTimeoutMs: timeoutMs, signal } = this.#options;
    const client = await openClient({ ...endpoint, db: 0 }, { tls, timeoutMs, side: 'target', signal });
    const onAbort = (): void =>
      client.connection.destroy(new NaruError('STOPPED_EARLY', 'Stopped', { side: 'target' }));
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await work(client);
    } finally {
      signal.removeEventListener('abort', onAbort);
      client.connection.destroy();
    }
  }
}

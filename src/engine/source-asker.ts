import { openClient, type RespClient } from '../net/client.ts';
import type { TlsOptions } from '../net/connection.ts';
import type { Endpoint } from '../net/url.ts';
import { askKeyTable } from '../pipeline/keys/by-server.ts';
import type { KeyTable } from '../pipeline/keys/key-table.ts';
import { ask, type NodeFacts, readFacts, readOffset } from './facts.ts';

export interface SourceAskerOptions {
  /** where to ask; before each attempt to connect. Rejects with NaruError */
  endpoint(): Promise<Endpoint>;
  tls: TlsOptions | undefined;
  connectTimeoutMs: number;
  signal: AbortSignal;
}

/** A second connection to the source, for questions; made again when it is needed and gone. */
export class SourceAsker {
  readonly #options: SourceAskerOptions;
  #client: RespClient | undefined;
  #opening: Promise<RespClient> | undefined;

  constructor(options: SourceAskerOptions) {
    this.#options = options;
    options.signal.addEventListener('abort', () => this.close());
  }

  async facts(): Promise<NodeFacts> {
    return readFacts(await this.open());
  }

  async commands(): Promise<KeyTable> {
    return askKeyTable(await this.open());
  }

  /** The replication offset of the source's newest write. */
  async offset(): Promise<number> {
    try {
      return await readOffset(await this.open());
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** All keys of a cluster's slot that it has. */
  async keysInSlot(slot: number): Promise<Buffer[]> {
    const client = await this.open();
    const count = Number(await ask(client, 'CLUSTER', 'COUNTKEYSINSLOT', slot));
    // What is written meanwhile comes by the stream; what goes is copied as gone.
    return count === 0 ? [] : ((await ask(client, 'CLUSTER', 'GETKEYSINSLOT', slot, count)) as Buffer[]);
  }

  /** Whether it has a key, in database 0. */
  async has(key: Buffer): Promise<boolean> {
    return (await ask(await this.open(), 'EXISTS', key)) === 1;
  }

  close(): void {
    this.#client?.connection.destroy(this.#options.signal.reason);
  }

  /** The connection, which is in database 0 unless it was told otherwise since. Rejects with NaruError. */
  async open(): Promise<RespClient> {
    if (this.#client?.connection.isOpen) return this.#client;
    this.#opening ??= this.#connect().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #connect(): Promise<RespClient> {
    const { endpoint, tls = {}, connectTimeoutMs, signal } = this.#options;
    const place = await endpoint();
    signal.throwIfAborted();
    const client = await openClient(
      { ...place, db: 0 },
      { tls, timeoutMs: connectTimeoutMs, side: 'source', signal },
    );
    this.#client = client;
    return client;
  }
}

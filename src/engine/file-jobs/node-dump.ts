import type { ResolvedDumpOptions } from '../../config/file-options.ts';
import { NaruError } from '../../errors/errors.ts';
import { delay } from '../../net/backoff.ts';
import { openClient } from '../../net/client.ts';
import { describeEndpoint, type Endpoint } from '../../net/url.ts';
import { toFormatFailure } from '../../pipeline/format-failure.ts';
import { FormatError } from '../../protocol/format-error.ts';
import type { RdbSink } from '../../protocol/rdb/sink.ts';
import { RdbWalker } from '../../protocol/rdb/walker.ts';
import type { Transform } from '../../rules/transform.ts';
import { type Psync, psync, SILENCE_MS } from '../../source/redis/psync.ts';
import type { Pace } from '../../source/redis/scan/pace.ts';
import { SnapshotReceiver } from '../../source/redis/snapshot-receiver.ts';
import type { DumpOutput } from '../../target/file/rdb-file.ts';
import { toNaruError } from '../error-event.ts';
import { type NodeFacts, readFacts, VALKEY_READ } from '../facts.ts';
import type { DumpWriter } from './dump-writer.ts';
import { KeyCounter } from './key-counter.ts';

/** A wait for a limit is looked at again after this. */
const PACE_MS = 100;
/** Values are not wanted: those that are larger need not be held. */
const BIG_ENTRY_BYTES = 1024 * 1024;

export interface NodeDumpOptions {
  options: ResolvedDumpOptions;
  /** the server to ask */
  endpoint: Endpoint;
  /** of a cluster: which slots are its own */
  owns: ((slot: number) => boolean) | undefined;
  output: DumpOutput;
  /** undefined: the bytes are written as they come */
  writer: DumpWriter | undefined;
  transform: Transform | undefined;
  pace: Pace | undefined;
  signal: AbortSignal;
  onFacts(facts: NodeFacts): void;
  onStarted(position: { replid: string; offset: number }): void;
}

/**
 * Asks a server for a full copy as a replica does, and writes it down. Its bytes are walked on the way, so that a copy whose checksum does not
 * match, or that breaks off, is an error.
 */
export class NodeDump {
  readonly #given: NodeDumpOptions;
  readonly #node: string;
  readonly #counter = new KeyCounter();
  readonly #walker: RdbWalker;
  /** bytes that came */
  bytes = 0;
  /** bytes that will come; undefined: not told */
  size: number | undefined;

  constructor(given: NodeDumpOptions) {
    this.#given = given;
    this.#node = describeEndpoint(given.endpoint);
    const sink: RdbSink = given.writer?.sinkFor(given.owns) ?? this.#counter;
    this.#walker = new RdbWalker(sink, { bigEntryBytes: BIG_ENTRY_BYTES });
  }

  /** keys that were written */
  get keys(): number {
    return (this.#given.writer ?? this.#counter).keys;
  }

  /** Resolves when all of it is written. Rejects with NaruError. */
  async run(): Promise<void> {
    await this.#transfer(await this.#ask(await this.#facts()));
  }

  get #connecting(): { tls: object; timeoutMs: number; side: 'source'; signal: AbortSignal } {
    const { options, signal } = this.#given;
    const { fromTls = {}, connectTimeout } = options;
    return { tls: fromTls, timeoutMs: connectTimeout, side: 'source', signal };
  }

  async #facts(): Promise<NodeFacts> {
    const client = await openClient({ ...this.#given.endpoint, db: 0 }, this.#connecting);
    try {
      const facts = await readFacts(client);
      this.#given.onFacts(facts);
      return facts;
    } finally {
      client.connection.destroy();
    }
  }

  #ask({ flavour, expiringFields }: NodeFacts): Promise<Psync> {
    const { endpoint, options, onStarted } = this.#given;
    // Without a word a Valkey writes what Redis 7.2 reads too, and can't where fields of hashes expire.
    const announceVersion = flavour === 'valkey' && expiringFields ? VALKEY_READ : undefined;
    const asking = { ...this.#connecting, psyncCommand: options.psyncCommand, announceVersion };
    return psync({ ...endpoint, db: 0 }, asking, undefined, (replid, offset) =>
      onStarted({ replid, offset }),
    );
  }

  async #transfer({ connection, result, takeRest }: Psync): Promise<void> {
    if (result.kind !== 'full' && result.kind !== 'full-eof') {
      connection.destroy();
      throw new NaruError('INTERNAL', `A full copy was asked for, the answer is ${result.kind}`);
    }
    if (result.kind === 'full') this.size = result.size;
    const { signal, pace } = this.#given;
    const onStop = (): void => connection.destroy(toNaruError(signal.reason));
    signal.addEventListener('abort', onStop, { once: true });
    try {
      if (signal.aborted) onStop();
      const receiver = new SnapshotReceiver(connection, result, SILENCE_MS);
      for await (const chunk of receiver.chunks(takeRest)) {
        const { keys } = this;
        this.#walk(chunk);
        await this.#write(chunk);
        if (pace !== undefined) await this.#paced(pace, this.keys - keys, chunk.length);
      }
      this.#checked(() => this.#walker.end());
    } finally {
      signal.removeEventListener('abort', onStop);
    }
  }

  /** Waits until the limits of keys and bytes allow for what came. */
  async #paced(pace: Pace, keys: number, bytes: number): Promise<void> {
    pace.took(keys, bytes);
    while (pace.waitMs > 0) await delay(Math.min(pace.waitMs, PACE_MS), this.#given.signal);
  }

  #walk(chunk: Buffer): void {
    const { writer, transform } = this.#given;
    const walker = this.#walker;
    let pos = 0;
    const work = (): void => {
      while (pos < chunk.length && !walker.finished) {
        pos = walker.write(chunk, pos, chunk.length);
        writer?.walked(walker, chunk, this.bytes, pos);
      }
    };
    this.#checked(() => (transform === undefined ? work() : transform.watched(work)));
    this.bytes += chunk.length;
    if (pos === chunk.length) return;
    const offset = this.bytes - chunk.length + pos;
    const text = `The RDB ends at offset ${offset}, and the source sends more`;
    throw new NaruError('BAD_FORMAT', text, { side: 'source', node: this.#node, offset });
  }

  #checked(walk: () => void): void {
    try {
      walk();
    } catch (error) {
      throw error instanceof FormatError ? toFormatFailure(error, this.#node) : error;
    }
  }

  async #write(chunk: Buffer): Promise<void> {
    const { output, writer } = this.#given;
    try {
      if (writer === undefined) output.writer.write(chunk);
      await output.writer.room();
    } catch (error) {
      throw output.explain(error);
    }
  }
}

import { isNaruError, NaruError } from '../../errors/errors.ts';
import { mayComeBack } from '../../errors/silence.ts';
import { delay } from '../../net/backoff.ts';
import type { Connection, OpenOptions, TlsOptions } from '../../net/connection.ts';
import { Outage } from '../../net/outage.ts';
import { describeEndpoint, type Endpoint } from '../../net/url.ts';
import type { Spool } from '../../spool/spool.ts';
import type { LinkListener } from '../source.ts';
import { type Psync, psync, SILENCE_MS } from './psync.ts';
import { type Expected, Receiver } from './receiver.ts';

export interface LinkOptions {
  /** where the stream is to be had now; asked before each attempt. Rejects with NaruError */
  endpoint(): Promise<Endpoint>;
  /** names the source until the first answer */
  node: string;
  tls: TlsOptions;
  connectTimeoutMs: number;
  /** the name under which the source offers PSYNC */
  psyncCommand: string;
  /** the target's version where both are Valkey: what the source's RDB has to be readable by */
  announceVersion?: string | undefined;
  /** how long to try again after the connection was lost; Infinity: for ever */
  giveUpAfterMs: number;
  spool: Spool;
}

/** Redis's own replicas acknowledge so often, and are dropped when nothing comes for repl-timeout (replication.c, replicationCron). */
const ACK_MS = 1000;
/** After a diskless snapshot a source waits for an acknowledgement before it streams, and overlooks one that comes too early. */
const ACK_BEFORE_STREAM_MS = 100;

/**
 * One source node's replication as a replica sees it: the handshake, the snapshot, the stream, acknowledgements, and after a lost
 * connection the stream again from where it was (partial resync).
 */
export class ReplicationLink {
  readonly #options: LinkOptions;
  readonly #listener: LinkListener;
  /** the server that was last asked */
  #node: string;
  readonly #stopping = new AbortController();
  readonly #outage: Outage;
  /** spool offset at which the present connection began to fill it */
  #receivesFrom = 0;
  #connection: Connection | undefined;
  #receiver: Receiver | undefined;
  #replid = '';
  /** replication offset as of which the snapshot was made */
  #snapshotOffset = 0;
  /** spool offset of the stream's first byte; undefined: the snapshot is not all there */
  #streamStart: number | undefined;
  /** replication offset up to which the target holds everything; 0: not even the snapshot */
  #applied = 0;
  /** an acknowledgement is due when `#applied` gets here */
  #ackAt = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(options: LinkOptions, listener: LinkListener) {
    this.#options = options;
    this.#listener = listener;
    this.#node = options.node;
    this.#outage = new Outage(options.giveUpAfterMs);
  }

  get replid(): string {
    return this.#replid;
  }

  /** The replication offset of a spool offset in the stream. */
  streamOffset(spoolOffset: number): number {
    return this.#snapshotOffset + spoolOffset - (this.#streamStart ?? spoolOffset);
  }

  /** The spool offset of a replication offset. */
  spoolOffset(streamOffset: number): number {
    return (this.#streamStart ?? 0) + streamOffset - this.#snapshotOffset;
  }

  /** The first connection: resolves when the snapshot begins to arrive. Rejects with NaruError; nothing is tried again here. */
  async start(): Promise<void> {
    const answer = await this.#open(undefined);
    if (answer.result.kind === 'full') {
      this.#listener.onSnapshotSize(answer.result.size);
      this.#receive(answer, { kind: 'size', size: answer.result.size });
    } else if (answer.result.kind === 'full-eof') {
      this.#receive(answer, { kind: 'mark', mark: answer.result.mark });
    } else {
      answer.connection.destroy();
      throw this.#error('BAD_FORMAT', 'The source offers to continue a stream that was never begun');
    }
  }

  /** The target holds everything before this replication offset. */
  applied(offset: number): void {
    this.#applied = offset;
    if (offset < this.#ackAt) return;
    this.#ackAt = Number.POSITIVE_INFINITY;
    this.#ack();
  }

  /** The source asks (REPLCONF GETACK): an answer now, and one when the target holds everything before `offset`. */
  ackWhen(offset: number): void {
    this.#ack();
    if (this.#applied < offset) this.#ackAt = offset;
  }

  /** A last acknowledgement, then no more bytes are taken. */
  async stop(): Promise<void> {
    this.#ended = true;
    clearTimeout(this.#timer);
    const connection = this.#connection;
    if (connection?.isOpen) {
      this.#ack();
      await connection.end();
    }
    this.#stopping.abort();
  }

  /** Ends `start`, and what waits for the source to come back; it rejects with `reason`. */
  abort(reason: NaruError): void {
    this.#stopping.abort(reason);
  }

  /** The stream is to be had elsewhere now: takes it from there, from where it is. A snapshot that is under way goes on. */
  moveOn(): void {
    if (this.#streamStart === undefined || this.#ended) return;
    this.#connection?.destroy(this.#error('LINK_LOST', 'Another server has taken over from it'));
  }

  async #open(from: { replid: string; offset: number } | undefined): Promise<Psync> {
    const { tls, connectTimeoutMs, psyncCommand, announceVersion } = this.#options;
    const endpoint = await this.#options.endpoint();
    this.#stopping.signal.throwIfAborted();
    this.#node = describeEndpoint(endpoint);
    const open: OpenOptions = {
      tls,
      timeoutMs: connectTimeoutMs,
      side: 'source',
      signal: this.#stopping.signal,
    };
    return psync(
      { ...endpoint, db: 0 },
      { ...open, psyncCommand, announceVersion },
      from,
      (replid, offset) => {
        this.#replid = replid;
        this.#snapshotOffset = offset;
        this.#listener.onSnapshotStart(replid, offset);
      },
    );
  }

  #receive(answer: Psync, expected: Expected): void {
    const { connection } = answer;
    const receiver = new Receiver(connection, this.#options.spool, expected, (end, streamStart) => {
      this.#streamStart = streamStart;
      this.#listener.onSnapshotEnd(end, streamStart);
    });
    this.#connection = connection;
    this.#receiver = receiver;
    this.#receivesFrom = this.#options.spool.end;
    receiver.begin(answer.takeRest());
    this.#tick();
    void connection.closed.then((error) => {
      if (this.#connection === connection && !this.#ended) void this.#lost(error);
    });
  }

  /** Each second (more often before the stream's first byte): acknowledges, and looks whether the source still speaks. */
  #tick(): void {
    clearTimeout(this.#timer);
    const receiver = this.#receiver;
    const streaming = this.#streamStart !== undefined;
    if (streaming) this.#ack();
    if (receiver !== undefined && !receiver.isPaused && Date.now() - receiver.lastMs > SILENCE_MS) {
      this.#connection?.destroy(
        this.#error('LINK_LOST', `No word from the source for ${SILENCE_MS / 1000} s`),
      );
    }
    const waitsForFirst = streaming && this.#options.spool.end === this.#streamStart;
    this.#timer = setTimeout(() => this.#tick(), waitsForFirst || !streaming ? ACK_BEFORE_STREAM_MS : ACK_MS);
  }

  #ack(): void {
    const offset = String(this.#applied);
    this.#connection?.write(`*3\r\n$8\r\nREPLCONF\r\n$3\r\nACK\r\n$${offset.length}\r\n${offset}\r\n`);
  }

  async #lost(error: NaruError): Promise<void> {
    clearTimeout(this.#timer);
    this.#receiver?.stop();
    if (!error.retry || this.#streamStart === undefined) {
      this.#fail(error.retry ? this.#brokenOff(error) : error);
      return;
    }
    if (this.#options.spool.end > this.#receivesFrom) this.#outage.over();
    for (let last = error; !this.#ended; ) {
      const delayMs = this.#outage.next();
      if (delayMs === undefined) {
        this.#fail(this.#error('GAVE_UP', `The source did not come back in time: ${last.message}`));
        return;
      }
      this.#listener.onRetry(last, delayMs);
      try {
        await delay(delayMs, this.#stopping.signal);
        await this.#resume();
        return;
      } catch (reason) {
        if (this.#ended) return;
        last = isNaruError(reason) ? reason : this.#error('INTERNAL', String(reason));
        if (!mayComeBack(last)) {
          this.#fail(last);
          return;
        }
      }
    }
  }

  async #resume(): Promise<void> {
    const from = { replid: this.#replid, offset: this.streamOffset(this.#options.spool.end) };
    const answer = await this.#open(from);
    if (answer.result.kind !== 'continue')
      throw this.#error('BAD_FORMAT', 'The source sent a snapshot unasked');
    if (this.#ended) {
      answer.connection.destroy();
      return;
    }
    if (answer.result.replid !== undefined && answer.result.replid !== this.#replid) {
      this.#replid = answer.result.replid;
      this.#listener.onReplid(this.#replid);
    }
    this.#outage.connected();
    this.#receive(answer, { kind: 'stream' });
    this.#listener.onReconnected();
  }

  #brokenOff(cause: NaruError): NaruError {
    const got = this.#options.spool.end;
    return this.#error(
      'SNAPSHOT_BROKEN_OFF',
      `The full copy ended after ${got} bytes: ${cause.message}`,
      got,
    );
  }

  #fail(error: NaruError): void {
    this.#ended = true;
    this.#listener.onFailure(error);
  }

  #error(
    code: 'BAD_FORMAT' | 'LINK_LOST' | 'GAVE_UP' | 'INTERNAL' | 'SNAPSHOT_BROKEN_OFF',
    text: string,
    offset?: number,
  ): NaruError {
    const place = { side: 'source', node: this.#node } as const;
    return new NaruError(code, text, offset === undefined ? place : { ...place, offset });
  }
}

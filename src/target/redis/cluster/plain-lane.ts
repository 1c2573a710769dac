import { isNaruError, NaruError } from '../../../errors/errors.ts';
import type { Connection } from '../../../net/connection.ts';
import { Output } from '../../../protocol/resp/output.ts';
import { ReplyScanner } from '../../../protocol/resp/reply-scanner.ts';
import { InFlight, Kind } from '../in-flight.ts';
import type { LaneCounters } from '../lane-options.ts';
import type { LaneWriter } from '../lane-writer.ts';
import { PlainReplies } from './plain-replies.ts';

export interface PlainLaneOptions {
  /** most bytes that are sent and not yet answered */
  inFlightBytes: number;
  /** whether a key that exists already is passed over instead of being an error */
  skipExisting: boolean;
  /** the target has databases to select; a cluster and a proxy have none */
  selects: boolean;
  /** the target does not know the module of the value at this offset; throws NaruError where that ends the run */
  moduleRefused(offset: number): void;
}

export interface PlainLaneListener {
  /** Replies came: `answered` has grown, or the lane is ready again. */
  onProgress(): void;
  /** The node did not do what stands at this offset: it is for another node, or it was refused. Nothing else is lost. */
  onUndone(offset: number, text: string, kind: Kind): void;
  /** The lane is broken; what was not answered may have been done or not. */
  onFailure(error: NaruError): void;
}

/** Bytes that node may hold for the socket: with more, the target is slower than we write. */
const SOCKET_BYTES = 1024 * 1024;
const REPLY_SPACE = 64 * 1024;

/**
 * One ordered connection to one node of a target that can not keep a checkpoint in the transaction of its writes: a cluster takes no transaction
 * over several slots, a proxy none at all. So it only pipelines, and knows what was answered. What was not, when it breaks, may have been
 * done or not: whoever owns it has those keys copied again (see ClusterTarget).
 */
export class PlainLane implements LaneWriter {
  readonly counters: LaneCounters = { keys: 0, skipped: 0, commands: 0, recopied: 0, split: 0 };
  readonly output: Output;
  readonly #options: PlainLaneOptions;
  readonly #listener: PlainLaneListener;
  readonly #inFlight = new InFlight();
  readonly #replies: PlainReplies;
  #connection: Connection | undefined;
  #db = -1;
  #offset = 0;
  /** a command is begun and not ended: its other parts come with later slices */
  #partial = false;
  /** a transaction is open: MULTI was written, EXEC was not */
  #commandsInTransaction = -1;
  /** of the open transaction's first command; before that comes, of the one before it */
  #transactionOffset = 0;
  #after: (() => void) | undefined;
  #pairOffset = 0;

  constructor(options: PlainLaneOptions, listener: PlainLaneListener) {
    this.#options = options;
    this.#listener = listener;
    this.#replies = new PlainReplies(this.#inFlight, options, listener, this.counters);
    this.output = new Output((bytes, done) => {
      if (this.#connection === undefined) done();
      else
        this.#connection.write(bytes, () => {
          done();
          this.#listener.onProgress();
        });
    });
  }

  /** Takes over a connection on which no reply is outstanding. */
  attach(connection: Connection): void {
    this.output.discard();
    this.#inFlight.clear();
    this.#replies.clear(connection.node);
    this.#connection = connection;
    this.#db = -1;
    this.#partial = false;
    this.#commandsInTransaction = -1;
    this.#after = undefined;
    const space = Buffer.allocUnsafe(REPLY_SPACE);
    const scanner = new ReplyScanner(this.#replies);
    connection.setReader({
      space: () => space,
      received: (n) => this.#receive(connection, scanner, space, n),
    });
    void connection.closed.then((error) => {
      if (this.#connection === connection) this.fail(error);
    });
  }

  /** Nothing before this offset is given again. */
  acked(offset: number): void {
    this.#replies.acked(offset);
  }

  /** Entries that are not acknowledged are given again, up to an offset: they do not count until then. */
  again(to: number): void {
    this.#replies.again(to);
  }

  /** Its node is not written to any more: nothing is waited for. */
  retire(): void {
    this.close();
    this.#inFlight.clear();
    this.#partial = false;
    this.#commandsInTransaction = -1;
    this.#after = undefined;
  }

  get attached(): boolean {
    return this.#connection !== undefined;
  }

  /** Index behind the last command that was written, and that of the first which is not answered. */
  get written(): number {
    return this.#inFlight.head;
  }

  get answered(): number {
    return this.#inFlight.tail;
  }

  /** Everything that was written is whole, and nothing waits to be written behind an answer. */
  get atRest(): boolean {
    return !this.#partial && this.#after === undefined && this.#commandsInTransaction < 0;
  }

  /** The source's offset of the first command that may not be done when the lane breaks now; undefined: all are. */
  get lostFrom(): number | undefined {
    const { head, tail } = this.#inFlight;
    const unanswered =
      head === tail ? undefined : Math.min(this.#inFlight.offset(tail), this.#queuedFrom(tail));
    if (this.#commandsInTransaction < 0) return unanswered;
    return Math.min(unanswered ?? this.#transactionOffset, this.#transactionOffset);
  }

  /** `+QUEUED` does not say that a command is done: the offset of the first one of the transaction that the next answer belongs to, or Infinity. */
  #queuedFrom(tail: number): number {
    const inFlight = this.#inFlight;
    let exec = tail;
    while (exec < inFlight.head && inFlight.kind(exec) !== Kind.EXEC) exec++;
    const isInside = exec < inFlight.head && exec - inFlight.count(exec) <= tail;
    return isInside ? inFlight.offset(exec) : Number.POSITIVE_INFINITY;
  }

  /** The source's offset of the first command that is not answered, or of the last one that is. */
  get answeredTo(): number {
    return this.lostFrom ?? this.#offset;
  }

  get ready(): boolean {
    const connection = this.#connection;
    if (connection === undefined || connection.bufferedBytes > SOCKET_BYTES || this.#after) return false;
    const { head, tail } = this.#inFlight;
    const bytes = head === tail ? 0 : this.#inFlight.outEnd(head - 1) - this.#inFlight.outEnd(tail - 1);
    return bytes <= this.#options.inFlightBytes && head - tail < InFlight.limit;
  }

  // ---- writing

  begin(db: number): Output {
    if (this.#options.selects && this.#db !== db) {
      this.#control('SELECT', String(db));
      this.#db = db;
    }
    this.#partial = true;
    return this.output;
  }

  end(kind: Kind, count: number, offset: number): void {
    this.#partial = false;
    this.#offset = offset;
    if (this.#commandsInTransaction >= 0) this.#queued(offset);
    this.#inFlight.push(kind, count, offset, this.output.total);
  }

  /** Pairs could only be joined where they share a slot: each goes as a SET. */
  beginPair(db: number, _bytes: number, offset: number): Output {
    const output = this.begin(db);
    output.begin(3);
    output.argText('SET');
    this.#pairOffset = offset;
    return output;
  }

  endPair(kind: Kind): void {
    this.end(kind, 1, this.#pairOffset);
  }

  /** Written when all before it is answered, and the lane is not `ready` until then; in a transaction that is so anyway. */
  whenAnswered(write: () => void): void {
    if (this.inTransaction) write();
    else this.#after = write;
  }

  /** MULTI; what follows until `commit` is for one slot. */
  beginTransaction(): void {
    this.#control('MULTI');
    this.#commandsInTransaction = 0;
    this.#transactionOffset = this.#offset;
  }

  commit(): void {
    const count = this.#commandsInTransaction;
    this.#commandsInTransaction = -1;
    this.output.begin(1);
    this.output.argText('EXEC');
    this.#inFlight.push(Kind.EXEC, count, this.#transactionOffset, this.output.total);
  }

  get inTransaction(): boolean {
    return this.#commandsInTransaction >= 0;
  }

  /** Hands over what was written. */
  breathe(): void {
    if (this.#connection === undefined) return;
    this.#writeAfter();
    this.output.flush();
  }

  /** Breaks the lane; the first failure counts. */
  fail(error: NaruError): void {
    if (this.close(error)) this.#listener.onFailure(error);
  }

  /** Gives the connection up without a word; false: there is none. `lostFrom` stays as it is. */
  close(error?: NaruError): boolean {
    const connection = this.#connection;
    if (connection === undefined) return false;
    this.#connection = undefined;
    this.output.discard();
    connection.destroy(error);
    this.#listener.onProgress();
    return true;
  }

  #writeAfter(): void {
    if (this.#after === undefined || this.#inFlight.tail !== this.#inFlight.head) return;
    const write = this.#after;
    this.#after = undefined;
    write();
  }

  #queued(offset: number): void {
    if (this.#commandsInTransaction++ === 0) this.#transactionOffset = offset;
  }

  #control(...args: string[]): void {
    this.output.begin(args.length);
    for (const arg of args) this.output.argText(arg);
    if (this.#commandsInTransaction >= 0) this.#queued(this.#offset);
    this.#inFlight.push(Kind.CONTROL, 0, this.#offset, this.output.total);
  }

  #receive(connection: Connection, scanner: ReplyScanner, space: Buffer, n: number): void {
    if (this.#connection !== connection) return;
    try {
      scanner.write(space, 0, n);
    } catch (error) {
      this.fail(isNaruError(error) ? error : this.#notRedis(connection, error as Error));
      return;
    }
    if (this.#after !== undefined) this.breathe();
    this.#listener.onProgress();
  }

  #notRedis({ node }: Connection, error: Error): NaruError {
    const text = `The target answered what is no reply: ${error.message}`;
    return new NaruError('NOT_REDIS', text, { side: 'target', node });
  }
}

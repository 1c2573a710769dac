import { isNaruError, NaruError } from '../../errors/errors.ts';
import type { Connection } from '../../net/connection.ts';
import { Output } from '../../protocol/resp/output.ts';
import { ReplyScanner } from '../../protocol/resp/reply-scanner.ts';
import { InFlight, Kind } from './in-flight.ts';
import type { LaneCounters, LaneListener, LaneOptions } from './lane-options.ts';
import { LaneReplies } from './lane-replies.ts';
import type { LaneWriter } from './lane-writer.ts';

interface Commit {
  /** index of the first command that it does not stand for */
  index: number;
  offset: number;
  db: number;
  keys: number;
  commands: number;
  recopied: number;
}

/** Outside of transactions a checkpoint is written once for so many bytes: often enough to go back little, rarely enough to cost nothing. */
const CHECKPOINT_BYTES = 256 * 1024;
/** Bytes that node may hold for the socket: with more, the target is slower than we write. */
const SOCKET_BYTES = 1024 * 1024;
const REPLY_SPACE = 64 * 1024;

/**
 * One ordered connection to a target of one server, in one of two modes.
 *
 * **Repeatable** (a snapshot that overwrites): commands are pipelined, and each 256 KiB a checkpoint is written for what is answered by then:
 * pipelined right behind, it would be taken even where a command before it is refused. Doing an entry twice does no harm, so after a failure
 * all that was not acknowledged is given again.
 *
 * **Exact** (everything else): commands go in transactions, `MULTI ... SET checkpoint EXEC`. The simple idea that fails is to pipeline one
 * transaction behind the other: when one is refused (OOM, say) and the next is not, the checkpoint of the second covers the hole that the
 * first left. So the EXEC of a transaction is held back until the one before it is acknowledged; its commands are on their way meanwhile,
 * and the target queues them. Nothing waits on an idle link, and under load the transactions grow by themselves.
 *
 * Invariant: the checkpoint in the target never covers a write that was not done there.
 */
export class Lane implements LaneWriter {
  readonly counters: LaneCounters = { keys: 0, skipped: 0, commands: 0, recopied: 0, split: 0 };
  readonly output: Output;
  readonly #options: LaneOptions;
  readonly #listener: LaneListener;
  readonly #inFlight = new InFlight();
  #connection: Connection | undefined;
  #exact = false;
  /** the database selected on the connection, behind all that was written; -1: not known */
  #db = -1;
  /** a transaction is open: MULTI was written, EXEC was not */
  #open = false;
  #holding = false;
  /** a command is begun and not ended: its other parts come with later slices */
  #partial = false;
  #runOffset = 0;
  #runKind: Kind = Kind.ENTRY;
  #offset = 0;
  #offsetDb = 0;
  #keys = 0;
  #commands = 0;
  #recopied = 0;
  readonly #commits: Commit[] = [];
  #committedOffset = 0;
  #checkpointedTo = 0;
  /** outside of transactions: what the next checkpoint will say, once everything before `index` is answered */
  #mark: Commit | undefined;
  #markedOffset = 0;
  /** the pump has no more input at the moment */
  #idle = false;
  /** outside of transactions: what is to be written once everything before it is answered */
  #after: (() => void) | undefined;
  #waiting: { resolve: () => void; drained: boolean } | undefined;

  constructor(options: LaneOptions, listener: LaneListener) {
    this.#options = options;
    this.#listener = listener;
    this.output = new Output((bytes, done) => {
      if (this.#connection === undefined) done();
      else
        this.#connection.write(bytes, () => {
          done();
          this.#wake();
        });
    });
  }

  /** Takes over a connection on which no reply is outstanding; what is written next is the effect of the source from `offset` on. */
  attach(connection: Connection, exact: boolean, offset: number, db: number): void {
    this.output.discard();
    this.#inFlight.clear();
    this.#commits.length = 0;
    this.#connection = connection;
    this.#exact = exact;
    this.#db = -1;
    this.#open = false;
    this.#holding = false;
    this.#takeCommit();
    this.#offset = offset;
    this.#offsetDb = db;
    this.#committedOffset = offset;
    this.#checkpointedTo = this.output.total;
    this.#mark = undefined;
    this.#markedOffset = offset;
    this.#partial = false;
    this.#after = undefined;
    const space = Buffer.allocUnsafe(REPLY_SPACE);
    const scanner = new ReplyScanner(
      new LaneReplies(this.#inFlight, {
        node: connection.node,
        skipExisting: this.#options.skipExisting,
        moduleRefused: this.#options.moduleRefused,
        commandRefused: (offset, text) => this.#listener.onRefused?.(offset, text),
        onCommitted: (skipped, lost) => this.#committed(skipped, lost),
      }),
    );
    connection.setReader({
      space: () => space,
      received: (n) => this.#receive(connection, scanner, space, n),
    });
    void connection.closed.then((error) => {
      if (this.#connection === connection) this.fail(error);
    });
  }

  get attached(): boolean {
    return this.#connection !== undefined;
  }

  /** From now on in transactions. Everything before must be acknowledged (`drained`). */
  becomeExact(): void {
    this.#exact = true;
  }

  /** Bytes of whole commands that are not yet answered. One that is still being written can't be, so it does not count. */
  get inFlightBytes(): number {
    const { head, tail } = this.#inFlight;
    return head === tail ? 0 : this.#inFlight.outEnd(head - 1) - this.#inFlight.outEnd(tail - 1);
  }

  get ready(): boolean {
    const connection = this.#connection;
    if (connection === undefined || connection.bufferedBytes > SOCKET_BYTES || this.#after) return false;
    return (
      this.inFlightBytes <= this.#options.inFlightBytes &&
      this.#inFlight.head - this.#inFlight.tail < InFlight.limit
    );
  }

  get isDrained(): boolean {
    return (
      this.#connection === undefined ||
      (this.#commits.length === 0 &&
        this.#offset === this.#committedOffset &&
        !this.#open &&
        this.#after === undefined)
    );
  }

  whenReady(): Promise<void> {
    if (this.ready || this.#connection === undefined) return Promise.resolve();
    return this.#wait(false);
  }

  drained(): Promise<void> {
    this.breathe(true);
    if (this.isDrained) return Promise.resolve();
    return this.#wait(true);
  }

  // ---- writing

  /** Before each command: ends the run of pairs, opens a transaction, selects the database. */
  begin(db: number): Output {
    this.#endRun();
    this.#openTransaction();
    if (this.#db !== db) this.#select(db);
    this.#partial = true;
    return this.output;
  }

  /** Behind each command. */
  end(kind: Kind, count: number, offset: number): void {
    this.#partial = false;
    this.#inFlight.push(kind, count, offset, this.output.total);
    this.#count(kind, count);
  }

  /** Before a pair that may be joined with others to one MSET; `bytes` bounds the two arguments with their headers. */
  beginPair(db: number, bytes: number, offset: number): Output {
    if (this.#db === db && this.output.runHasRoom(bytes)) return this.output;
    this.begin(db);
    this.output.beginRun(bytes);
    this.#runOffset = offset;
    return this.output;
  }

  endPair(kind: Kind): void {
    this.output.pairDone();
    this.#runKind = kind;
  }

  /**
   * Has `write` write what must not be done where anything before it is refused. In a transaction that is so anyway; outside of one it is
   * written when all before it is answered, and the lane is not `ready` until then: nothing else may be written meanwhile.
   */
  whenAnswered(write: () => void): void {
    if (this.#exact) write();
    else this.#after = write;
  }

  hold(on: boolean): void {
    this.#holding = on;
  }

  reached(offset: number, db: number): void {
    this.#offset = offset;
    this.#offsetDb = db;
  }

  breathe(idle: boolean): void {
    this.#idle = idle;
    if (this.#connection === undefined) return;
    this.#endRun();
    if (this.#after !== undefined && this.#inFlight.tail === this.#inFlight.head) {
      const write = this.#after;
      this.#after = undefined;
      write();
    }
    if (!this.#partial && this.#after === undefined) {
      if (this.#exact) this.#commitTransaction();
      else this.#checkpoint();
    }
    this.output.flush();
  }

  /** Breaks the lane; the first failure counts. */
  fail(error: NaruError): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#connection = undefined;
    this.output.discard();
    connection.destroy(error);
    this.#wake();
    this.#listener.onFailure(error);
  }

  /** Gives the connection back, for a last word. Only when drained. */
  detach(): Connection | undefined {
    const connection = this.#connection;
    this.#connection = undefined;
    return connection;
  }

  #endRun(): void {
    const pairs = this.output.runPairs;
    if (pairs === 0) return;
    this.output.finishRun();
    this.end(this.#runKind, pairs, this.#runOffset);
  }

  #openTransaction(): void {
    if (!this.#exact || this.#open) return;
    this.#open = true;
    this.#control('MULTI');
  }

  #select(db: number): void {
    this.#control('SELECT', String(db));
    this.#db = db;
  }

  #control(...args: string[]): void {
    this.output.begin(args.length);
    for (const arg of args) this.output.argText(arg);
    this.end(Kind.CONTROL, 0, this.#offset);
  }

  #count(kind: Kind, count: number): void {
    if (kind >= Kind.ENTRY && kind <= Kind.MODULE_ENTRY) this.#keys += count;
    else if (kind === Kind.COMMAND) this.#commands += count;
    else if (kind === Kind.RECOPY) this.#recopied += count;
  }

  /** Ends the open transaction with the checkpoint, unless the one before it is not acknowledged yet or the source's own is not whole. */
  #commitTransaction(): void {
    if (this.#holding || this.#commits.length > 0) return;
    if (!this.#open) {
      // Nothing was written for these bytes (PING, SELECT): they need no transaction to be done with.
      if (this.#offset > this.#committedOffset) this.#acknowledge(this.#offset, this.#offsetDb, false);
      return;
    }
    const commit = this.#takeCommit();
    this.#writeCheckpoint(commit, Kind.CONTROL);
    this.output.begin(1);
    this.output.argText('EXEC');
    this.#open = false;
    this.#commits.push(commit);
    this.end(Kind.EXEC, 0, this.#offset);
  }

  /** Whether something can be done for a checkpoint: to mark where it will be, or to write it, since all before the mark is answered. */
  get #checkpointDue(): boolean {
    if (this.#mark !== undefined) return this.#inFlight.tail >= this.#mark.index;
    if (this.#offset === this.#markedOffset) return false;
    return this.#idle || this.output.total - this.#checkpointedTo >= CHECKPOINT_BYTES;
  }

  #checkpoint(): void {
    if (!this.#checkpointDue) return;
    const commit = this.#mark ?? this.#takeCommit();
    this.#markedOffset = commit.offset;
    this.#checkpointedTo = this.output.total;
    if (this.#inFlight.tail < commit.index) {
      this.#mark = commit;
      return;
    }
    this.#mark = undefined;
    this.#commits.push(commit);
    this.#writeCheckpoint(commit, Kind.CHECKPOINT);
  }

  #writeCheckpoint(commit: Commit, kind: Kind): void {
    if (this.#db !== 0) this.#select(0);
    this.output.begin(3);
    this.output.argText('SET');
    this.output.argText(this.#options.checkpointKey);
    this.output.argText(this.#options.checkpointAt(commit.offset, commit.db));
    this.end(kind, 0, commit.offset);
  }

  /** What was written up to now, to be acknowledged as one. */
  #takeCommit(): Commit {
    const counts = { keys: this.#keys, commands: this.#commands, recopied: this.#recopied };
    this.#keys = 0;
    this.#commands = 0;
    this.#recopied = 0;
    return { index: this.#inFlight.head, offset: this.#offset, db: this.#offsetDb, ...counts };
  }

  // ---- replies

  #receive(connection: Connection, scanner: ReplyScanner, space: Buffer, n: number): void {
    if (this.#connection !== connection) return;
    try {
      scanner.write(space, 0, n);
    } catch (error) {
      this.fail(
        isNaruError(error)
          ? error
          : new NaruError('NOT_REDIS', `The target answered what is no reply: ${(error as Error).message}`, {
              side: 'target',
              node: connection.node,
            }),
      );
      return;
    }
    if (this.#after !== undefined || (!this.#exact && this.#checkpointDue)) this.breathe(this.#idle);
    this.#wake();
  }

  /** What the replies say is done: the oldest commit, without the entries that it passed over or could not hold. */
  #committed(skipped: number, lost: number): void {
    const commit = this.#commits.shift();
    if (commit === undefined) throw this.#fault('The target acknowledged more than it was given');
    this.counters.keys += commit.keys - skipped - lost;
    this.counters.skipped += skipped;
    this.counters.commands += commit.commands;
    this.counters.recopied += commit.recopied;
    this.#acknowledge(commit.offset, commit.db, true);
    // What was written meanwhile may be committed now.
    if (this.#exact) this.breathe(true);
  }

  #acknowledge(offset: number, db: number, checkpointed: boolean): void {
    this.#committedOffset = offset;
    this.#listener.onAcked(offset, db, checkpointed);
  }

  #fault(message: string): NaruError {
    return new NaruError('INTERNAL', message, { side: 'target', node: this.#connection?.node ?? '' });
  }

  // ---- waiting

  #wait(drained: boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting?.resolve();
      this.#waiting = { resolve, drained };
    });
  }

  #wake(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    if (this.#connection !== undefined && !(waiting.drained ? this.isDrained : this.ready)) return;
    this.#waiting = undefined;
    waiting.resolve();
  }
}

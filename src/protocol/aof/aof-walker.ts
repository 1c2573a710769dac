/** Walks one AOF file that comes in slices. */
import { FormatError } from '../format-error.ts';
import type { RdbSink } from '../rdb/sink.ts';
import { RdbWalker } from '../rdb/walker.ts';
import { CommandWalker, type StreamSink } from '../resp/command-walker.ts';
import { Annotation } from './annotation.ts';
import { Transactions } from './transactions.ts';

/**
 * What an AOF tells. First comes the RDB at its beginning, where there is one, up to `rdb.finish`; then commands in `stream`, in database 0 until
 * a SELECT comes, and timestamps between them. All calls are synchronous.
 *
 * A transaction comes as it stands in the file: MULTI, its commands, EXEC. Nobody knows that it is whole before its EXEC has come, so what
 * follows a MULTI must not take effect until then (a target holds it in a MULTI of its own). A file can end in the midst: `AofWalker.end`
 * says so, and then what came since the MULTI, or since `bigCommand`, has to be thrown away.
 */
export interface AofSink {
  readonly rdb: RdbSink;
  readonly stream: StreamSink;
  /** What follows was written at this time or later: seconds since 1970. */
  timestamp(seconds: number, offset: number): void;
}

export interface AofWalkerOptions {
  /** see RdbWalker */
  bigEntryBytes: number;
  /** see CommandWalker */
  bigCommandBytes: number;
  /** Seconds since 1970: the walk stops in front of the first timestamp that is later. */
  until?: number;
  /** see RdbWalker */
  verifyChecksum?: boolean;
  /** The file is an RDB alone: whatever stands behind it is an error. */
  rdbOnly?: boolean;
}

export interface AofEnd {
  /** absolute offset behind the last byte that counts: commands and transactions before it are whole */
  validTo: number;
  /** the file breaks off in a command or a transaction: it is good up to `validTo` */
  truncated: boolean;
  /** a timestamp later than `until` was met: this one, in seconds since 1970 */
  stoppedAt: number | undefined;
  /** what the sink was given the beginning of and has to throw away */
  unfinished: 'transaction' | 'command' | undefined;
  /** how many timestamps were met, the one it stopped at included; 0: the file has none (aof-timestamp-enabled no) */
  timestamps: number;
}

/** What the next byte belongs to. */
const START = 0;
const RDB = 1;
const COMMANDS = 2;
const ANNOTATION = 3;
const STOPPED = 4;

const HASH = 0x23;

/**
 *     aof = [ rdb ] { command | annotation }
 *
 * As loadSingleAppendOnlyFile of aof.c reads it; offsets of good data are those of redis-check-aof (ok_up_to). A command that breaks off at the
 * end is no error, since a server that dies leaves such a file; an RDB that breaks off is one, and so is everything else
 * that is not of this form.
 */
export class AofWalker {
  readonly #sink: AofSink;
  readonly #until: number;
  readonly #rdbOnly: boolean;
  readonly #rdb: RdbWalker;
  readonly #commands: CommandWalker;
  readonly #transactions: Transactions;
  readonly #annotation = new Annotation();
  #state = START;
  #offset = 0;
  #annotationOffset = 0;
  #rdbEnd = 0;
  #timestamps = 0;
  #stoppedAt: number | undefined;

  constructor(sink: AofSink, options: AofWalkerOptions) {
    const { bigEntryBytes, bigCommandBytes, verifyChecksum = true } = options;
    this.#sink = sink;
    this.#until = options.until ?? Number.POSITIVE_INFINITY;
    this.#rdbOnly = options.rdbOnly === true;
    this.#rdb = new RdbWalker(sink.rdb, { bigEntryBytes, verifyChecksum });
    this.#transactions = new Transactions(sink.stream);
    this.#commands = new CommandWalker(this.#transactions, { bigCommandBytes, commandsOnly: true });
  }

  /** Absolute offset behind the last byte walked. */
  get offset(): number {
    return this.#offset;
  }

  /** Absolute offset behind the RDB at its beginning, as far as that was walked; 0: there is none. */
  get rdbEnd(): number {
    return this.#rdbEnd;
  }

  /** See AofEnd; where the file is damaged, too. */
  get validTo(): number {
    return this.#transactions.validTo;
  }

  /** A timestamp later than `until` was met: no more bytes are needed. */
  get stopped(): boolean {
    return this.#state === STOPPED;
  }

  /**
   * Takes `buf[start, end)` and returns the position up to which it took the bytes: less than `end` where its RDB wants to go on in another
   * call (see RdbWalker), where that ends, and once it is `stopped`. Throws FormatError, after which the walker is of no further use.
   */
  write(buf: Buffer, start: number, end: number): number {
    let pos = start;
    while (pos < end && this.#state !== STOPPED) {
      const inRdb = this.#state === RDB;
      const next = this.#step(buf, pos, end);
      this.#offset += next - pos;
      pos = next;
      if (inRdb) this.#rdbEnd = this.#offset;
      if (inRdb && pos < end) return pos;
    }
    return pos;
  }

  /** The file is over. Throws FormatError 'truncated' where its RDB is not whole. */
  end(): AofEnd {
    if (this.#state === RDB) this.#rdb.end();
    const transactions = this.#transactions;
    // Redis takes a line without an end at the end of the file for an annotation as any other.
    if (this.#state === ANNOTATION && !transactions.open) transactions.validTo = this.#offset;
    const whole = this.stopped || (this.#commands.atBoundary && !transactions.open);
    const command = transactions.inBigCommand ? 'command' : undefined;
    return {
      validTo: transactions.validTo,
      truncated: !whole,
      stoppedAt: this.#stoppedAt,
      unfinished: transactions.open ? 'transaction' : command,
      timestamps: this.#timestamps,
    };
  }

  #step(buf: Buffer, pos: number, end: number): number {
    switch (this.#state) {
      case START:
        this.#state = buf[pos] === 0x52 || buf[pos] === 0x56 ? RDB : COMMANDS;
        return pos;
      case RDB:
        return this.#walkRdb(buf, pos, end);
      case ANNOTATION:
        return this.#readAnnotation(buf, pos, end);
      default:
        return this.#walkCommands(buf, pos, end);
    }
  }

  #walkRdb(buf: Buffer, pos: number, end: number): number {
    const next = this.#rdb.write(buf, pos, end);
    if (this.#rdb.finished) {
      this.#transactions.validTo = this.#offset + next - pos;
      this.#commands.restart(this.#transactions.validTo);
      this.#state = COMMANDS;
    }
    return next;
  }

  #walkCommands(buf: Buffer, pos: number, end: number): number {
    if (this.#rdbOnly)
      throw new FormatError('malformed', 'There is more behind the end of the RDB', this.#offset);
    const next = this.#commands.write(buf, pos, end);
    if (next === end) return next;
    const offset = this.#commands.offset;
    if (buf[next] !== HASH) {
      const text = `Expected a command or an annotation, found byte ${buf[next]}`;
      throw new FormatError('malformed', text, offset);
    }
    this.#annotation.begin();
    this.#annotationOffset = offset;
    this.#state = ANNOTATION;
    return next;
  }

  #readAnnotation(buf: Buffer, pos: number, end: number): number {
    const next = this.#annotation.write(buf, pos, end, this.#offset - pos);
    if (!this.#annotation.whole) return next;
    this.#state = COMMANDS;
    this.#tell(this.#annotation.seconds);
    if (this.stopped) return pos;
    const offset = this.#offset + next - pos;
    this.#commands.restart(offset);
    if (!this.#transactions.open) this.#transactions.validTo = offset;
    return next;
  }

  #tell(seconds: number | undefined): void {
    const offset = this.#annotationOffset;
    if (seconds === undefined) {
      // Without `until` it is passed over as Redis does; with it, a time that can not be read could be the one to stop at.
      if (this.#until === Number.POSITIVE_INFINITY || !this.#annotation.saysTimestamp) return;
      throw new FormatError('malformed', 'A timestamp that is none', offset);
    }
    this.#timestamps++;
    if (seconds <= this.#until) {
      this.#sink.timestamp(seconds, offset);
      return;
    }
    this.#state = STOPPED;
    this.#stoppedAt = seconds;
  }
}

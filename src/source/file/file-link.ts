import { statSync } from 'node:fs';
import { NaruError } from '../../errors/errors.ts';
import type { BigCommand } from '../../protocol/resp/big-frame.ts';
import type { CommandView, StreamSink } from '../../protocol/resp/command-walker.ts';
import { Signal } from '../../spool/signal.ts';
import type { Spool } from '../../spool/spool.ts';
import { STDIN } from './byte-file.ts';
import { DatabasesMet } from './databases-met.ts';
import { type DecodedEnd, decodeFile } from './decode-file.ts';
import type { FilePart, FileSource } from './file-source.ts';
import { type FilePlace, Places } from './places.ts';
import { SpoolWriter } from './spool-writer.ts';
import { WholeTransactions } from './whole-transactions.ts';

/** Commands are held whole, as a server holds them that loads the file: see WholeTransactions. */
export const COMMAND_BYTES_MAX: number = 1024 * 1024 * 1024;
/** Values are not wanted here: those that are larger need not be held. */
const BIG_ENTRY_BYTES = 1024 * 1024;
/** So much is read ahead of who reads the spool. */
const AHEAD_BYTES = 1024 * 1024;

/** `REDIS0009`, the end, and no checksum. */
const EMPTY_RDB = Buffer.from('REDIS0009\xff\0\0\0\0\0\0\0\0', 'latin1');
const SELECT_0 = Buffer.from('*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n');

export interface FileLinkOptions {
  source: FileSource;
  spool: Spool;
  /** as in AofWalkerOptions */
  until: number | undefined;
  /** an RDB whose checksum is not that of its bytes is refused */
  verifyChecksum: boolean;
  /** transactions go without their MULTI and EXEC */
  flat: boolean;
}

export interface FileLinkListener {
  /** The RDB is in the spool: it ends at this spool offset, and the commands begin. */
  onSnapshotEnd(end: number): void;
  /** The first of what is in this database was read. */
  onDatabase(db: number): void;
  /** A relative expiry counts from when the file was changed last. */
  onUntimed(): void;
}

/**
 * Writes what a file source holds into a spool in the form in which a server sends it: an RDB, which may be empty, and behind it a stream of
 * commands in which there is nothing but whole ones, and whole transactions. So all behind the spool is what it is for a source that replicates.
 *
 * What is read is checked before it is written: the RDB's form and checksum, and where a file breaks off. Timestamps are kept aside (`writtenAtMs`).
 */
export class FileLink implements StreamSink {
  readonly #options: FileLinkOptions;
  readonly #listener: FileLinkListener;
  readonly #writer: SpoolWriter;
  readonly #places = new Places();
  readonly #databases: DatabasesMet;
  readonly #transactions: WholeTransactions;
  readonly #taken = new Signal();
  #part: FilePart | undefined;
  #streamFrom = Number.POSITIVE_INFINITY;
  #stopped = false;
  #writtenAtMs: number | undefined;
  #isUntimed = false;
  /** path -> ms since 1970 */
  readonly #changed = new Map<string, number>();

  constructor(options: FileLinkOptions, listener: FileLinkListener) {
    this.#options = options;
    this.#listener = listener;
    this.#writer = new SpoolWriter(options.spool);
    this.#databases = new DatabasesMet((db) => listener.onDatabase(db));
    this.#transactions = new WholeTransactions(this, COMMAND_BYTES_MAX, options.flat);
  }

  /** Reads to the end; resolves when all is in the spool. Rejects with NaruError, as decodeFile does. */
  async run(): Promise<DecodedEnd> {
    const { source, until, verifyChecksum } = this.#options;
    const end = await decodeFile(source, {
      sink: {
        rdb: this.#databases,
        stream: this.#transactions,
        timestamp: (seconds) => {
          this.#writtenAtMs = seconds * 1000;
        },
      },
      bigEntryBytes: BIG_ENTRY_BYTES,
      bigCommandBytes: COMMAND_BYTES_MAX,
      verifyChecksum,
      ...(until === undefined ? {} : { until }),
      rdbBytes: (buf, from, to) => this.#rdbBytes(buf, from, to),
      partBegins: (part) => this.#partBegins(part),
      breathe: () => (this.#hasRoom ? undefined : this.#room()),
    });
    await this.#writer.flushed();
    this.#beginStream();
    await this.#writer.flushed();
    return end;
  }

  /** Ends the reading; `run` rejects, unless it is through. */
  stop(): void {
    this.#stopped = true;
    this.#options.source.close();
    this.#taken.wake();
  }

  /** Bytes were taken out of the spool. */
  taken(): void {
    if (this.#taken.awaited && this.#hasRoom) this.#taken.wake();
  }

  /** What stands before this spool offset is needed no more. */
  released(offset: number): void {
    this.#places.release(offset);
  }

  /** Where the byte at a spool offset stands. */
  placeOf(offset: number): FilePlace | undefined {
    return this.#places.at(offset);
  }

  /** The database of the entry at a spool offset; undefined: a command stands there. */
  dbOf(offset: number): number | undefined {
    return offset < this.#streamFrom ? this.#databases.at(offset) : undefined;
  }

  /** When the command at a spool offset was written, ms since 1970: by the timestamp before it, else when the file was changed last. */
  writtenAtMs(offset: number): number {
    const told = this.#places.writtenAtMs(offset);
    if (told !== undefined) return told;
    if (!this.#isUntimed) this.#listener.onUntimed();
    this.#isUntimed = true;
    return this.#changedAtMs(this.#places.at(offset)?.path ?? STDIN);
  }

  #changedAtMs(path: string): number {
    if (path === STDIN) return Date.now();
    const known = this.#changed.get(path) ?? Math.floor(statSync(path).mtimeMs);
    this.#changed.set(path, known);
    return known;
  }

  // ---- what the file holds

  #partBegins(part: FilePart): void {
    const isFirst = this.#part === undefined;
    this.#part = part;
    this.#transactions.restart();
    if (isFirst) return;
    // The commands of a file are in database 0 until they say otherwise.
    this.#beginStream();
    this.#writer.write(SELECT_0, 0, SELECT_0.length);
  }

  get #inStream(): boolean {
    return this.#streamFrom < Number.POSITIVE_INFINITY;
  }

  #rdbBytes(buf: Buffer, start: number, end: number): void {
    const { path = '' } = this.#part ?? {};
    if (this.#inStream) {
      const text = `${path} begins with an RDB, and other files of the AOF come before it`;
      throw new NaruError('BAD_FORMAT', text, { side: 'source', node: path, offset: 0 });
    }
    this.#places.add(this.#writer.at, path, this.#writer.at, undefined);
    this.#writer.write(buf, start, end);
  }

  #beginStream(): void {
    if (this.#inStream) return;
    if (this.#writer.at === 0) this.#writer.write(EMPTY_RDB, 0, EMPTY_RDB.length);
    this.#streamFrom = this.#writer.at;
    this.#listener.onSnapshotEnd(this.#streamFrom);
  }

  command(command: CommandView): void {
    this.#beginStream();
    const { buf, frameStart, frameEnd, offset } = command;
    if (command.argc === 2 && /^select$/i.test(command.text(0))) this.#databases.in(Number(command.text(1)));
    this.#places.add(this.#writer.at, this.#part?.path ?? STDIN, offset, this.#writtenAtMs);
    this.#writer.write(buf, frameStart, frameEnd);
  }

  bigCommand({ offset }: BigCommand): never {
    const { path = STDIN } = this.#part ?? {};
    const text = `${path}: a command of more than 1 GiB at offset ${offset}, which no server loads as it is set up`;
    throw new NaruError('BAD_FORMAT', text, { side: 'source', node: path, offset });
  }

  bigCommandPart(): void {}
  bigCommandEnd(): void {}

  // ---- room

  get #hasRoom(): boolean {
    const { spool } = this.#options;
    return this.#writer.isFlushed && spool.end - spool.position < AHEAD_BYTES;
  }

  async #room(): Promise<void> {
    await this.#writer.flushed();
    while (!this.#hasRoom && !this.#stopped) await this.#taken.wait();
    if (this.#stopped) throw new NaruError('STOPPED_EARLY', 'Stopped before all of the file was read');
  }
}

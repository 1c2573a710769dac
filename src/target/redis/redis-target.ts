import type { NaruError } from '../../errors/errors.ts';
import type { Connection } from '../../net/connection.ts';
import { openDump } from '../../protocol/rdb/dump-payload.ts';
import type { EntryView, Flavour } from '../../protocol/rdb/sink.ts';
import { TYPE_MODULE_2 } from '../../protocol/rdb/types.ts';
import { ValueDecoder } from '../../protocol/rdb/value-decoder.ts';
import type { ValueSink } from '../../protocol/rdb/value-sink.ts';
import type { CommandView } from '../../protocol/resp/command-walker.ts';
import { RUN_PAIR_BYTES_MAX } from '../../protocol/resp/output.ts';
import type { Losses } from '../losses.ts';
import type { OnConflict, RawCommandSink, Target } from '../target.ts';
import { bigEntryWriter } from './big-entry-writer.ts';
import type { Dialect } from './dialect.ts';
import { EntryWriter } from './entry-writer.ts';
import { Kind } from './in-flight.ts';
import { Lane } from './lane.ts';
import type { LaneCounters, LaneListener } from './lane-options.ts';
import { writeRemoval } from './removal.ts';

export interface RedisTargetOptions {
  inFlightBytes: number;
  onConflict: OnConflict;
  dialect: Dialect;
  losses: Losses;
  /** names the keys that Naru writes for itself */
  job: string;
  /** a value that is read again and larger goes in parts */
  bigEntryBytes: number;
  checkpointKey: string;
  checkpointAt(offset: number, db: number): string;
}

/** One Redis node as target: entries and commands go into one lane. */
export class RedisTarget implements Target {
  readonly #options: RedisTargetOptions;
  readonly #lane: Lane;
  readonly #entries: EntryWriter;
  #overwrites = false;

  constructor(options: RedisTargetOptions, listener: LaneListener) {
    this.#options = options;
    const { dialect, losses, onConflict } = options;
    const moduleRefused = (offset: number): void => losses.add('moduleValues', { offset });
    this.#lane = new Lane({ ...options, skipExisting: onConflict === 'skip', moduleRefused }, listener);
    this.#entries = new EntryWriter(this.#lane, dialect, losses, onConflict);
  }

  get counters(): Readonly<LaneCounters> {
    return this.#lane.counters;
  }

  /** The target has lost what it had done: this is what it has. */
  recount(counters: Readonly<LaneCounters>): void {
    Object.assign(this.#lane.counters, counters);
  }

  /** Begins on a new connection; see Lane for `exact`. */
  attach(connection: Connection, exact: boolean, offset: number, db: number): void {
    this.#lane.attach(connection, exact, offset, db);
  }

  get attached(): boolean {
    return this.#lane.attached;
  }

  fail(error: NaruError): void {
    this.#lane.fail(error);
  }

  detach(): Connection | undefined {
    return this.#lane.detach();
  }

  /** The snapshot is acknowledged; the stream follows, in transactions. */
  beginStream(): void {
    this.#lane.becomeExact();
  }

  get ready(): boolean {
    return this.#lane.ready;
  }

  whenReady(): Promise<void> {
    return this.#lane.whenReady();
  }

  rdbVersion(version: number, flavour: Flavour): void {
    this.#entries.rdbVersion(version, flavour);
  }

  entry(entry: EntryView): void {
    this.#entries.write(entry);
  }

  bigEntry(entry: EntryView): ValueSink {
    const { onConflict } = this.#options;
    return bigEntryWriter(this.#lane, entry, {
      ...this.#options,
      onConflict: this.#overwrites ? 'overwrite' : onConflict,
    });
  }

  functionLibrary(buf: Buffer, start: number, end: number, offset: number): void {
    this.#entries.functionLibrary(buf, start, end, offset);
  }

  overwrite(on: boolean): void {
    this.#overwrites = on;
    this.#entries.overwrite(on);
  }

  set(command: CommandView, db: number): void {
    // The two arguments with their headers stand in one piece behind the name.
    const start = (command.argEnd[0] as number) + 2;
    const bytes = command.frameEnd - start;
    if (bytes > RUN_PAIR_BYTES_MAX) {
      this.command(command, db);
      return;
    }
    this.#lane.beginPair(db, bytes, command.offset).raw(command.buf, start, command.frameEnd);
    this.#lane.endPair(Kind.COMMAND);
  }

  command(command: CommandView, db: number): void {
    this.#lane.begin(db).raw(command.buf, command.frameStart, command.frameEnd);
    this.#lane.end(Kind.COMMAND, 1, command.offset);
  }

  beginWrite(db: number, _buf: Buffer, _keyStart: number, _keyEnd: number): RawCommandSink {
    return this.#lane.begin(db);
  }

  endWrite(offset: number, counted = true): void {
    this.#lane.end(Kind.COMMAND, counted ? 1 : 0, offset);
  }

  replace(entry: EntryView, dump: Buffer): Flavour {
    const { flavour, version } = openDump(dump, entry);
    this.#entries.rdbVersion(version, flavour);
    if (dump.length <= this.#options.bigEntryBytes || entry.type === TYPE_MODULE_2) {
      this.#entries.replace(entry);
      return flavour;
    }
    const sink = bigEntryWriter(this.#lane, entry, {
      ...this.#options,
      onConflict: 'overwrite',
      recopy: true,
    });
    new ValueDecoder(entry.type, flavour, sink, entry.offset).write(dump, entry.valueStart, entry.valueEnd);
    return flavour;
  }

  remove(key: Buffer, db: number, offset: number): void {
    writeRemoval(this.#lane, db, key, this.#options.dialect.unlink, offset);
  }

  hold(on: boolean): void {
    this.#lane.hold(on);
  }

  reached(offset: number, db: number): void {
    this.#lane.reached(offset, db);
  }

  breathe(idle: boolean): void {
    this.#lane.breathe(idle);
  }

  get isDrained(): boolean {
    return this.#lane.isDrained;
  }

  drained(): Promise<void> {
    return this.#lane.drained();
  }
}

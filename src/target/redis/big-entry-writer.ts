import type { CommandSink } from '../../protocol/command-sink.ts';
import { ignoredValue } from '../../protocol/rdb/ignored-value.ts';
import { Rebuild } from '../../protocol/rdb/rebuild.ts';
import type { EntryView } from '../../protocol/rdb/sink.ts';
import { mayHoldFieldExpiries, valueKind } from '../../protocol/rdb/value-kind.ts';
import type { ValueSink } from '../../protocol/rdb/value-sink.ts';
import type { Output } from '../../protocol/resp/output.ts';
import type { Losses } from '../losses.ts';
import type { OnConflict } from '../target.ts';
import type { Dialect } from './dialect.ts';
import { Kind } from './in-flight.ts';
import type { LaneWriter } from './lane-writer.ts';
import { RENAME_AGAIN } from './write-again.ts';

/** Names of keys that hold a large entry while it is being written begin so. Nobody else should write them. */
export const PART_PREFIX = 'naru:part:';

export interface BigEntryOptions {
  readonly onConflict: OnConflict;
  /** names the key that holds the parts */
  readonly job: string;
  readonly dialect: Dialect;
  readonly losses: Losses;
  /** it is copied again, as part of the stream */
  readonly recopy?: boolean;
  /** it was given before, and may have been written */
  readonly again?: boolean;
}

/**
 * Writes an entry too large to be held: its elements go in chunks to a key of Naru's own, which gets its expiry and its name at the very
 * end, in one step, and only when no part was refused. So a key with the entry's name is always whole, whatever is killed meanwhile. What an
 * earlier try left is removed first.
 */
export function bigEntryWriter(lane: LaneWriter, entry: EntryView, options: BigEntryOptions): ValueSink {
  const { job, dialect, losses } = options;
  if (valueKind(entry.type) === 'stream' && !dialect.streams) {
    losses.entry('streams', entry);
    return ignoredValue;
  }
  if (mayHoldFieldExpiries(entry.type) && !dialect.fieldExpiry) losses.entry('fieldExpiries', entry);
  const key = Buffer.from(entry.keyBuf.subarray(entry.keyStart, entry.keyEnd));
  const part = Buffer.from(`${PART_PREFIX}${job}`);
  const { db, offset, expireAtMs } = entry;
  const commands = new LaneCommands(lane, db, offset);
  commands.write(Kind.PART, removeCommand(dialect), part);
  const rebuild: ValueSink = new Rebuild(commands, part, dialect);
  const rebuildEnd = rebuild.end.bind(rebuild);
  rebuild.end = () => {
    rebuildEnd();
    lane.whenAnswered(() => finish(commands, part, key, expireAtMs, options));
  };
  rebuild.abandon = () => commands.write(Kind.PART, removeCommand(dialect), part);
  return rebuild;
}

/** The entry is all there: its expiry, then its name. */
function finish(
  commands: LaneCommands,
  part: Buffer,
  key: Buffer,
  expireAtMs: number,
  { onConflict, dialect, recopy, again }: BigEntryOptions,
): void {
  const expires = expireAtMs >= 0;
  if (expires) commands.write(Kind.PART, 'PEXPIREAT', part, String(Math.max(expireAtMs, 1)));
  if (onConflict === 'overwrite') {
    commands.write(expires ? Kind.RENAME_EXPIRING : recopy ? Kind.RECOPY : Kind.ENTRY, 'RENAME', part, key);
  } else {
    const kind = expires ? Kind.RENAME_EXPIRING : Kind.RENAME_NEW;
    if (again) commands.write(kind, 'EVAL', RENAME_AGAIN, '1', key, part);
    else commands.write(kind, 'RENAMENX', part, key);
    commands.write(Kind.PART, removeCommand(dialect), part);
  }
}

function removeCommand({ unlink }: Dialect): string {
  return unlink ? 'UNLINK' : 'DEL';
}

/** Commands of one entry, written to a lane argument by argument. */
class LaneCommands implements CommandSink {
  readonly #lane: LaneWriter;
  readonly #db: number;
  readonly #offset: number;
  #output: Output;

  constructor(lane: LaneWriter, db: number, offset: number) {
    this.#lane = lane;
    this.#db = db;
    this.#offset = offset;
    this.#output = lane.output;
  }

  write(kind: Kind, ...args: (string | Buffer)[]): void {
    this.begin(args.length);
    for (const arg of args) {
      if (typeof arg === 'string') this.argText(arg);
      else this.arg(arg, 0, arg.length);
    }
    this.#lane.end(kind, kind === Kind.PART ? 0 : 1, this.#offset);
  }

  begin(argc: number): void {
    this.#output = this.#lane.begin(this.#db);
    this.#output.begin(argc);
  }

  arg(buf: Buffer, start: number, end: number): void {
    this.#output.arg(buf, start, end);
  }

  argText(text: string): void {
    this.#output.argText(text);
  }

  argLength(bytes: number): void {
    this.#output.argLength(bytes);
  }

  argPart(buf: Buffer, start: number, end: number): void {
    this.#output.argPart(buf, start, end);
  }

  end(): void {
    this.#lane.end(Kind.PART, 0, this.#offset);
  }
}

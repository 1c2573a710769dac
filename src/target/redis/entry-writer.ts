import { bigLengthAt } from '../../protocol/rdb/length.ts';
import { moduleName } from '../../protocol/rdb/module-name.ts';
import type { EntryView, Flavour } from '../../protocol/rdb/sink.ts';
import { payloadVersion } from '../../protocol/rdb/transcode/readable.ts';
import {
  CANNOT_MODULE,
  CANNOT_STREAM,
  EMPTY,
  LOST_FIELD_EXPIRY,
  Transcoder,
} from '../../protocol/rdb/transcode/transcoder.ts';
import { OP_FUNCTION_2, TYPE_MODULE_2, TYPE_STRING } from '../../protocol/rdb/types.ts';
import type { Losses } from '../losses.ts';
import type { OnConflict } from '../target.ts';
import { type Dialect, maySendModule } from './dialect.ts';
import { Kind } from './in-flight.ts';
import type { LaneWriter } from './lane-writer.ts';
import { type Payload, RestoreWriter } from './restore-writer.ts';
import { StringPairs } from './string-pairs.ts';

/**
 * Writes the entries of a snapshot.
 *
 * A plain string without expiry or hints goes into an MSET, which is cheaper for the target, where the policy is to overwrite. Everything
 * else is a RESTORE: of the bytes as they stand in the RDB where the target reads their type, else of the same value in an older form.
 */
export class EntryWriter {
  readonly #lane: LaneWriter;
  readonly #dialect: Dialect;
  readonly #losses: Losses;
  readonly #policy: boolean;
  #overwrite: boolean;
  readonly #pairs: StringPairs;
  readonly #restore: RestoreWriter;
  readonly #transcoder: Transcoder;
  readonly #payload: Payload = { version: 0, type: 0, buf: Buffer.alloc(0), start: 0, end: 0 };
  #flavour: Flavour = 'redis';

  constructor(lane: LaneWriter, dialect: Dialect, losses: Losses, onConflict: OnConflict) {
    this.#lane = lane;
    this.#dialect = dialect;
    this.#losses = losses;
    this.#policy = onConflict === 'overwrite';
    this.#overwrite = this.#policy;
    this.#pairs = new StringPairs(lane);
    this.#restore = new RestoreWriter(lane, dialect);
    this.#transcoder = new Transcoder(dialect.readable);
  }

  /** Of which RDB the entries are that come next. */
  rdbVersion(version: number, flavour: Flavour): void {
    this.#flavour = flavour;
    this.#payload.version = payloadVersion(this.#dialect.readable, flavour, version);
  }

  /** Entries from here on take the place of what exists, whatever the policy. */
  overwrite(on: boolean): void {
    this.#overwrite = on || this.#policy;
  }

  /** `part`: it was given before and may have been written; names a key for that case, in the same slot. */
  write(entry: EntryView, part?: string): void {
    const plain =
      entry.type === TYPE_STRING && entry.expireAtMs < 0 && entry.idleSeconds < 0 && entry.freq < 0;
    if (plain && this.#overwrite && this.#pairs.add(entry)) return;
    const kind = entry.type === TYPE_MODULE_2 ? Kind.MODULE_ENTRY : Kind.ENTRY;
    this.#write(entry, this.#overwrite, kind, this.#overwrite ? undefined : part);
  }

  /** In the place of whatever the key holds, as part of the stream. */
  replace(entry: EntryView): void {
    this.#write(entry, true, Kind.RECOPY);
  }

  functionLibrary(buf: Buffer, start: number, end: number, offset: number): void {
    if (!this.#dialect.functions) {
      this.#losses.add('functions', { offset });
      return;
    }
    const output = this.#lane.begin(0);
    output.begin(4);
    output.argText('FUNCTION');
    output.argText('RESTORE');
    this.#restore.payload(output, { version: this.#payload.version, type: OP_FUNCTION_2, buf, start, end });
    output.argText(this.#overwrite ? 'REPLACE' : 'APPEND');
    this.#lane.end(Kind.FUNCTION, 1, offset);
  }

  #write(entry: EntryView, replace: boolean, kind: Kind, part?: string): void {
    if (entry.type === TYPE_MODULE_2 && !this.#dialect.refusesModules) {
      const type = moduleName(bigLengthAt(entry.valueBuf, entry.valueStart));
      if (!maySendModule(this.#dialect, type)) {
        this.#losses.entry('moduleValues', entry);
        return;
      }
    }
    if (this.#transcoder.readsAsIs(entry.type, this.#flavour)) {
      const payload = this.#payload;
      payload.type = entry.type;
      payload.buf = entry.valueBuf;
      payload.start = entry.valueStart;
      payload.end = entry.valueEnd;
      this.#restore.write(entry, payload, replace, kind, part);
    } else if (this.#transcode(entry)) this.#restore.write(entry, this.#transcoder, replace, kind, part);
  }

  /** False: there is nothing left to write. */
  #transcode(entry: EntryView): boolean {
    const { type, valueBuf, valueStart, valueEnd } = entry;
    const lost = this.#transcoder.transcode(type, this.#flavour, valueBuf, valueStart, valueEnd, Date.now());
    if ((lost & LOST_FIELD_EXPIRY) !== 0) this.#losses.entry('fieldExpiries', entry);
    if ((lost & CANNOT_STREAM) !== 0) this.#losses.entry('streams', entry);
    if ((lost & CANNOT_MODULE) !== 0) this.#losses.entry('moduleValues', entry);
    return (lost & (CANNOT_STREAM | CANNOT_MODULE | EMPTY)) === 0;
  }
}

import { Crc64 } from '../../protocol/checksum/crc64.ts';
import type { EntryView } from '../../protocol/rdb/sink.ts';
import { type Output, writeDecimal } from '../../protocol/resp/output.ts';
import type { Dialect } from './dialect.ts';
import { Kind } from './in-flight.ts';
import type { LaneWriter } from './lane-writer.ts';
import { RESTORE_AGAIN } from './write-again.ts';

/** what stands behind a value in a payload: RDB version (2 bytes) and CRC-64 */
const FOOTER_BYTES = 10;
const DIGITS_MAX = 20;

/** A value as RESTORE takes it. */
export interface Payload {
  /** the RDB version that it is written in */
  version: number;
  type: number;
  buf: Buffer;
  start: number;
  end: number;
}

/**
 * Writes RESTORE, in the words of the target:
 *
 *     RESTORE key ttl payload [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ counter]      from Redis 5 on
 *     RESTORE key ttl-left payload [REPLACE], PEXPIREAT key ms                          before, where the policy is to overwrite
 *
 *     payload = type (1 byte) value version (2 bytes, little endian) crc64 (8 bytes, little endian, of all before)
 *
 * (Redis cluster.c, restoreCommand and createDumpPayload.)
 */
export class RestoreWriter {
  readonly #lane: LaneWriter;
  readonly #dialect: Dialect;
  readonly #crc = new Crc64();
  readonly #footer = Buffer.alloc(FOOTER_BYTES);
  readonly #type = Buffer.alloc(1);
  readonly #digits = Buffer.allocUnsafe(DIGITS_MAX);

  constructor(lane: LaneWriter, dialect: Dialect) {
    this.#lane = lane;
    this.#dialect = dialect;
  }

  /**
   * Key, expiry and hints of `entry` with the value of `payload`. `part`: it may be there already, and is kept then; the name of a key for that, in
   * the same slot.
   */
  write(entry: EntryView, payload: Payload, replace: boolean, kind: Kind, part?: string): void {
    const { absoluteTtl, replace: knowsReplace } = this.#dialect;
    if (replace && !knowsReplace) this.#delete(entry);
    if (absoluteTtl) this.#absolute(entry, payload, replace, kind, part);
    else this.#relative(entry, payload, replace && knowsReplace, kind, part);
    // What exists and is kept must keep its expiry too: there the time left has to do.
    if (!absoluteTtl && replace && entry.expireAtMs >= 0) this.#expireAt(entry);
  }

  /** The payload as an argument of a command. */
  payload(output: Output, { version, type, buf, start, end }: Payload): void {
    const crc = this.#crc;
    const footer = this.#footer;
    this.#type[0] = type;
    footer[0] = version;
    footer[1] = version >> 8;
    crc.reset();
    crc.update(this.#type, 0, 1);
    crc.update(buf, start, end);
    crc.update(footer, 0, 2);
    crc.writeTo(footer, 2);
    output.argLength(end - start + 1 + FOOTER_BYTES);
    output.argPart(this.#type, 0, 1);
    output.argPart(buf, start, end);
    output.argPart(footer, 0, FOOTER_BYTES);
  }

  #absolute(entry: EntryView, payload: Payload, replace: boolean, kind: Kind, part?: string): void {
    const output = this.#lane.begin(entry.db);
    const expires = entry.expireAtMs >= 0;
    const idle = entry.idleSeconds >= 0;
    const freq = entry.freq >= 0;
    const options = (replace ? 1 : 0) + (expires ? 1 : 0) + (idle ? 2 : 0) + (freq ? 2 : 0);
    this.#begin(output, entry, 2 + options, part);
    this.#time(output, entry);
    this.payload(output, payload);
    if (replace) output.argText('REPLACE');
    if (expires) output.argText('ABSTTL');
    if (idle) {
      output.argText('IDLETIME');
      this.#number(output, entry.idleSeconds);
    }
    if (freq) {
      output.argText('FREQ');
      this.#number(output, entry.freq);
    }
    this.#lane.end(kind, 1, entry.offset);
  }

  #relative(entry: EntryView, payload: Payload, replace: boolean, kind: Kind, part?: string): void {
    const output = this.#lane.begin(entry.db);
    this.#begin(output, entry, replace ? 3 : 2, part);
    if (entry.expireAtMs < 0) output.argText('0');
    else this.#number(output, Math.max(entry.expireAtMs - Date.now(), 1));
    this.payload(output, payload);
    if (replace) output.argText('REPLACE');
    this.#lane.end(kind, 1, entry.offset);
  }

  /** Up to the key; `args` follow. */
  #begin(output: Output, entry: EntryView, args: number, part: string | undefined): void {
    output.begin(args + (part === undefined ? 2 : 5));
    if (part === undefined) output.argText('RESTORE');
    else {
      output.argText('EVAL');
      output.argText(RESTORE_AGAIN);
      output.argText('1');
    }
    output.arg(entry.keyBuf, entry.keyStart, entry.keyEnd);
    if (part !== undefined) output.argText(part);
  }

  #expireAt(entry: EntryView): void {
    const output = this.#lane.begin(entry.db);
    output.begin(3);
    output.argText('PEXPIREAT');
    output.arg(entry.keyBuf, entry.keyStart, entry.keyEnd);
    this.#time(output, entry);
    this.#lane.end(Kind.PART, 0, entry.offset);
  }

  #delete(entry: EntryView): void {
    const output = this.#lane.begin(entry.db);
    output.begin(2);
    output.argText('DEL');
    output.arg(entry.keyBuf, entry.keyStart, entry.keyEnd);
    this.#lane.end(Kind.PART, 0, entry.offset);
  }

  /** 0 means no expiry: a key that expired at 1970-01-01 expires one millisecond later. */
  #time(output: Output, { expireAtMs }: EntryView): void {
    if (expireAtMs < 0) output.argText('0');
    else this.#number(output, Math.max(expireAtMs, 1));
  }

  /** A number as an argument, without a string. */
  #number(output: Output, value: number): void {
    output.arg(this.#digits, 0, writeDecimal(this.#digits, 0, value));
  }
}

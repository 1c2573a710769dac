import { Crc64 } from '../../protocol/checksum/crc64.ts';
import { FormatError } from '../../protocol/format-error.ts';
import { Carry } from '../../protocol/rdb/carry.ts';
import { TYPE_MODULE_2 } from '../../protocol/rdb/types.ts';
import type { ValueSink } from '../../protocol/rdb/value-sink.ts';

/** A RESTORE must know its length before its first byte is written. */
const HELD_BYTES_MAX = 16 * 1024 * 1024;

type Nothing = () => void;
const nothing: Nothing = () => {};

/** Holds a module's value, as it is serialized, until it is whole: then `ended` takes the payload that RESTORE wants. */
export class ModuleValue implements ValueSink {
  readonly #carry = new Carry();
  readonly #rdbVersion: number;
  readonly #ended: (payload: Buffer) => void;

  constructor(rdbVersion: number, ended: (payload: Buffer) => void) {
    this.#rdbVersion = rdbVersion;
    this.#ended = ended;
  }

  begin(): void {
    this.#carry.begin(Buffer.of(TYPE_MODULE_2), 0, 1);
  }

  element(buf: Buffer, start: number, end: number): void {
    this.elementPart(buf, start, end);
  }

  elementPart(buf: Buffer, start: number, end: number): void {
    const bytes = this.#carry.length + end - start;
    if (bytes > HELD_BYTES_MAX) {
      throw new FormatError(
        'unknown',
        'a module value is too large to be held for a RESTORE, and only its module could take it apart',
        0,
      );
    }
    this.#carry.append(buf, start, end, bytes);
  }

  /** type value version (2 bytes, little endian) CRC-64 (Redis src/cluster.c, createDumpPayload) */
  end(): void {
    const footer = Buffer.alloc(10);
    footer.writeUInt16LE(this.#rdbVersion);
    this.#carry.append(footer, 0, footer.length, this.#carry.length + footer.length);
    const { buf, length } = this.#carry;
    const crc = new Crc64();
    crc.update(buf, 0, length - 8);
    crc.writeTo(buf, length - 8);
    this.#ended(buf.subarray(0, length));
  }

  readonly elementLength: Nothing = nothing;
  readonly score: Nothing = nothing;
  readonly fieldExpireAt: Nothing = nothing;
  readonly streamEntry: Nothing = nothing;
  readonly streamMeta: Nothing = nothing;
  readonly streamGroup: Nothing = nothing;
  readonly streamConsumer: Nothing = nothing;
  readonly streamPending: Nothing = nothing;
}

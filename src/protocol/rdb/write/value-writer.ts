/** Writes a value, of any kind but a module's, as it stands in an RDB. */
import { PlainWriter } from '../transcode/plain-writer.ts';
import type { Readable } from '../transcode/readable.ts';
import { ValueBuffer } from '../transcode/value-buffer.ts';
import * as t from '../types.ts';
import type { StreamMeta, ValueKind, ValueSink } from '../value-sink.ts';
import { StreamWriter } from './stream-writer.ts';
import { StringWriter } from './string-writer.ts';

/**
 * In the plain encodings that every server reads; streams, and hashes whose fields expire, in the newest form that `readable` knows. What was
 * written is `buf[start, end)` behind `end`, until the next `begin`. A value is held whole.
 */
export class ValueWriter implements ValueSink {
  type = 0;
  start = 0;
  readonly #out = new ValueBuffer();
  readonly #string: StringWriter;
  readonly #plain: PlainWriter;
  readonly #expiring: PlainWriter;
  readonly #stream: StreamWriter;
  #sink: (ValueSink & { type: number; start: number }) | undefined;

  constructor(readable: Readable) {
    this.#string = new StringWriter(this.#out);
    // Without expiries the plain form of hashes does, which all servers read.
    this.#plain = new PlainWriter(
      { redis: Math.min(readable.redis, PLAIN_VERSION), valkey: false },
      this.#out,
    );
    this.#expiring = new PlainWriter(readable, this.#out);
    this.#stream = new StreamWriter(readable, this.#out);
  }

  get buf(): Buffer {
    return this.#out.buf;
  }

  get bufEnd(): number {
    return this.#out.end;
  }

  /** Bytes so far, of a stream roughly. */
  get bytes(): number {
    return this.#out.end + (this.#sink === this.#stream ? this.#stream.heldBytes : 0);
  }

  /** `expiring`: fields of the hash may expire. */
  begin(kind: ValueKind, expiring = false): void {
    if (kind === 'string') this.#sink = this.#string;
    else if (kind === 'stream') this.#sink = this.#stream;
    else this.#sink = expiring ? this.#expiring : this.#plain;
    this.#sink.begin(kind);
  }

  element(buf: Buffer, start: number, end: number): void {
    this.#sink?.element(buf, start, end);
  }

  elementLength(bytes: number): void {
    this.#sink?.elementLength(bytes);
  }

  elementPart(buf: Buffer, start: number, end: number): void {
    this.#sink?.elementPart(buf, start, end);
  }

  score(score: number): void {
    this.#sink?.score(score);
  }

  fieldExpireAt(ms: number): void {
    this.#sink?.fieldExpireAt(ms);
  }

  streamEntry(ms: bigint, seq: bigint): void {
    this.#stream.streamEntry(ms, seq);
  }

  streamDeleted(ms: bigint, seq: bigint): void {
    this.#stream.streamDeleted(ms, seq);
  }

  streamMeta(meta: StreamMeta): void {
    this.#stream.streamMeta(meta);
  }

  streamGroup(name: Buffer, lastMs: bigint, lastSeq: bigint, entriesRead: bigint): void {
    this.#stream.streamGroup(name, lastMs, lastSeq, entriesRead);
  }

  streamConsumer(name: Buffer, seenAtMs: number, activeAtMs: number): void {
    this.#stream.streamConsumer(name, seenAtMs, activeAtMs);
  }

  streamPending(ms: bigint, seq: bigint, deliveredAtMs: number, deliveries: number): void {
    this.#stream.streamPending(ms, seq, deliveredAtMs, deliveries);
  }

  end(): void {
    const sink = this.#sink as ValueSink & { type: number; start: number };
    sink.end();
    // Only one type of the grammar has another number in an RDB.
    this.type = sink.type === t.TYPE_HASH_2 ? t.TYPE_HASH_METADATA_PRE_GA : sink.type;
    this.start = sink.start;
  }
}

/** The last RDB version before fields of a hash could expire. */
const PLAIN_VERSION = 11;

import { readableOf } from '../../../../protocol/rdb/transcode/readable.ts';
import type { ValueKind } from '../../../../protocol/rdb/value-sink.ts';
import { ValueWriter } from '../../../../protocol/rdb/write/value-writer.ts';
import type { RecordWriter } from '../records.ts';

/**
 * One value on its way into the records: as one entry if it is small, otherwise in parts of about `partBytes`, each an entry of the same key with
 * some of the elements. What was begun and can not be finished is told as such (`naru:part` = none).
 */
export class PartWriter {
  readonly value: ValueWriter;
  /** Nothing is written: a value is read for its digest alone. */
  muted = false;
  readonly #records: RecordWriter;
  readonly #partBytes: number;
  /** of the RDB */
  readonly #version: number;
  #key: Buffer = Buffer.alloc(0);
  #expireAtMs = -1;
  #kind: ValueKind = 'string';
  #expiring = false;
  #parts = 0;

  constructor(records: RecordWriter, version: number, partBytes: number) {
    this.#version = version;
    this.#records = records;
    this.#partBytes = partBytes;
    this.value = new ValueWriter(readableOf(version));
  }

  /** Parts that were written. */
  get parts(): number {
    return this.#parts;
  }

  /** What is held is as much as a part. */
  get full(): boolean {
    return this.value.bytes >= this.#partBytes;
  }

  begin(key: Buffer, expireAtMs: number, kind: ValueKind, expiring = false): void {
    this.abandon();
    this.#key = key;
    this.#expireAtMs = expireAtMs;
    this.#kind = kind;
    this.#expiring = expiring;
    this.value.begin(kind, expiring);
  }

  /** What is held becomes a part; resolves when there is room for more. */
  async part(): Promise<void> {
    if (!this.muted) {
      this.#records.version(this.#version);
      this.#records.part(true);
      this.#write();
    }
    this.#parts++;
    this.value.begin(this.#kind, this.#expiring);
    await this.#records.room();
  }

  end(): void {
    this.#records.version(this.#version);
    if (this.#parts > 0) this.#records.part(false);
    this.#write();
    this.#parts = 0;
  }

  /** The parts that were written are of no use. */
  abandon(): void {
    this.#records.dropParts();
    this.#parts = 0;
  }

  #write(): void {
    const { value } = this;
    const key = this.#key;
    value.end();
    this.#records.entry(
      key,
      0,
      key.length,
      this.#expireAtMs,
      value.type,
      value.buf,
      value.start,
      value.bufEnd,
    );
  }
}

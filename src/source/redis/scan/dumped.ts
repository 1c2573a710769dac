import type { Abilities } from './abilities.ts';
import { clockAt } from './answers.ts';
import type { Batch } from './batch.ts';
import { SAME } from './fingerprints.ts';
import type { ScanMemory } from './memory.ts';
import type { RecordWriter } from './records.ts';
import type { ReplyBuffer } from './reply-buffer.ts';

/** DUMP's footer: version and checksum. */
const FOOTER_BYTES = 10;

/** Makes records out of the answers about a key: when it expires, then its value. */
export class Dumped {
  readonly #input: ReplyBuffer;
  readonly #records: RecordWriter;
  readonly #memory: ScanMemory | undefined;
  /** the source's clock as it was told last */
  #clockMs = 0;
  #expireAtMs = -1;

  /** `memory`: what is as it was when it was read last is not written, nor is it removed where it was never read */
  constructor(input: ReplyBuffer, records: RecordWriter, memory: ScanMemory | undefined) {
    this.#memory = memory;
    this.#input = input;
    this.#records = records;
  }

  /** TIME's answer; returns the place behind it, or -1 if it is not whole. */
  clock(at: number): number {
    const end = this.#input.skip(at);
    if (end >= 0) this.#clockMs = clockAt(this.#input, at, end);
    return end;
  }

  /** Naru's own clock has to do. */
  noClock(): void {
    this.#clockMs = Date.now();
  }

  /** PEXPIRETIME's or PTTL's answer. -1: it does not expire; -2: it is not there. */
  expiry(answer: number, { expireTime, time }: Abilities): void {
    if (answer < 0 || expireTime) this.#expireAtMs = Math.max(answer, -1);
    else this.#expireAtMs = (time ? this.#clockMs : Date.now()) + answer;
  }

  /**
   * Writes the record of a batch's next key, whose payload of `length` bytes begins at `start`. Returns the place behind it, or -1 if it is not whole.
   *
   *     payload = type (1 byte) value version (2 bytes, little endian) crc64 (8 bytes)      (redis/src/cluster.c, createDumpPayload)
   */
  write(start: number, length: number, batch: Batch): number {
    const input = this.#input;
    const { buf } = input;
    const behind = start + length + 2;
    if (behind > input.end) {
      input.need = behind - input.pos;
      return -1;
    }
    const footer = start + length - FOOTER_BYTES;
    if (footer <= start) throw input.bad(start);
    if (this.#isKnown(batch, buf.readUInt32LE(footer + 2), buf.readUInt32LE(footer + 6))) return behind;
    const records = this.#records;
    records.version((buf[footer] as number) | ((buf[footer + 1] as number) << 8));
    if (batch.again) records.again();
    const { arena, done } = batch;
    const type = buf[start] as number;
    records.entry(arena, batch.start(done), batch.end(done), this.#expireAtMs, type, buf, start + 1, footer);
    return behind;
  }

  #isKnown(batch: Batch, crcLow: number, crcHigh: number): boolean {
    if (this.#memory === undefined) return false;
    const { arena, done } = batch;
    const [start, end] = [batch.start(done), batch.end(done)];
    const { db } = this.#records;
    if (this.#memory.keptThere(db, arena, start, end)) return true;
    const isLost = this.#memory.taken(db, arena, start, end);
    const { prints } = this.#memory;
    return prints.note(db, arena, start, end, crcLow, crcHigh, this.#expireAtMs) === SAME && !isLost;
  }

  /** A batch's next key is not there. */
  gone(batch: Batch): void {
    const { arena, done, again } = batch;
    const [start, end] = [batch.start(done), batch.end(done)];
    const { db } = this.#records;
    if (!again || this.#memory?.prints.has(db, arena, start, end) === false) return;
    this.#memory?.prints.forget(db, arena, start, end);
    this.#records.gone(arena, start, end);
    if (this.#memory?.sharesNames) batch.removed.push(batch.key(done));
  }
}

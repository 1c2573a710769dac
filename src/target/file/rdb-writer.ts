import { Crc64 } from '../../protocol/checksum/crc64.ts';
import { ignoredValue } from '../../protocol/rdb/ignored-value.ts';
import type { EntryView, Flavour, RdbSink } from '../../protocol/rdb/sink.ts';
import {
  OP_AUX,
  OP_EOF,
  OP_EXPIRE_MS,
  OP_FREQ,
  OP_FUNCTION_2,
  OP_IDLE,
  OP_SELECT_DB,
} from '../../protocol/rdb/types.ts';
import type { ValueSink } from '../../protocol/rdb/value-sink.ts';

const BLOCK_BYTES = 64 * 1024;
/** An opcode and a length, or a time: all that is written in one go. */
const HEADER_BYTES = 16;
/** Before that an RDB has none. */
const CHECKSUM_SINCE = 5;

/**
 * Writes an RDB of what another one holds, in whole blocks that nobody changes again:
 *
 *     REDIS0011 | VALKEY080, { 250 name value | 245 library | 254 db | [252 ms] [249 freq | 248 idle] type key value }, 255 CRC-64
 *
 * Values go as they stand, also large ones: their beginning comes with `bigEntry`, the rest by `raw`, until `bigEnded`. Hints (how many keys there are) and
 * what modules keep beside keys are left out.
 */
export class RdbWriter implements RdbSink {
  keys = 0;
  /** what modules keep beside keys was left out */
  modulesLeftOut = 0;
  /** `raw` is to be given the rest of a large value */
  bigOpen = false;
  bigEnded = false;
  readonly #take: (bytes: Buffer) => void;
  readonly #crc = new Crc64();
  #block = Buffer.allocUnsafe(BLOCK_BYTES);
  #at = 0;
  #db = -1;
  #hasChecksum = true;
  readonly #value: ValueSink;

  constructor(take: (bytes: Buffer) => void) {
    this.#take = take;
    const end = (): void => {
      this.bigEnded = true;
    };
    this.#value = { ...ignoredValue, end };
  }

  header(version: number, flavour: Flavour): void {
    this.#hasChecksum = version >= CHECKSUM_SINCE;
    const digits = flavour === 'redis' ? 4 : 3;
    this.#text(flavour.toUpperCase() + String(version).padStart(digits, '0'));
  }

  aux(name: string, value: Buffer): void {
    this.#byte(OP_AUX);
    this.#length(name.length);
    this.#text(name);
    this.#length(value.length);
    this.raw(value, 0, value.length);
  }

  functionLibrary(buf: Buffer, start: number, end: number): void {
    this.#byte(OP_FUNCTION_2);
    this.raw(buf, start, end);
  }

  entry(entry: EntryView): void {
    this.#begin(entry);
    this.raw(entry.valueBuf, entry.valueStart, entry.valueEnd);
  }

  bigEntry(entry: EntryView): ValueSink {
    this.#begin(entry);
    this.raw(entry.valueBuf, entry.valueStart, entry.valueEnd);
    this.bigOpen = true;
    this.bigEnded = false;
    return this.#value;
  }

  /** Bytes as they are. */
  raw(buf: Buffer, start: number, end: number): void {
    for (let pos = start; pos < end; ) {
      const taken = buf.copy(this.#block, this.#at, pos, end);
      this.#at += taken;
      pos += taken;
      if (this.#at === BLOCK_BYTES) this.#flush();
    }
  }

  finish(): void {
    this.#byte(OP_EOF);
    this.#flush();
    if (!this.#hasChecksum) return;
    const sum = Buffer.alloc(8);
    this.#crc.writeTo(sum, 0);
    this.#take(sum);
  }

  /** Where entries are says `entry.db`. */
  selectDb(): void {}
  resizeDb(): void {}
  slotInfo(): void {}

  moduleAux(): void {
    this.modulesLeftOut++;
  }

  keyMeta(): void {
    this.modulesLeftOut++;
  }

  #begin({ db, keyBuf, keyStart, keyEnd, type, expireAtMs, freq, idleSeconds }: EntryView): void {
    this.keys++;
    if (db !== this.#db) {
      this.#db = db;
      this.#byte(OP_SELECT_DB);
      this.#length(db);
    }
    if (expireAtMs >= 0) {
      this.#byte(OP_EXPIRE_MS);
      this.#room();
      this.#at = this.#block.writeUInt32LE(expireAtMs % 0x1_0000_0000, this.#at);
      this.#at = this.#block.writeUInt32LE(Math.floor(expireAtMs / 0x1_0000_0000), this.#at);
    }
    if (freq >= 0) {
      this.#byte(OP_FREQ);
      this.#byte(freq);
    } else if (idleSeconds >= 0) {
      this.#byte(OP_IDLE);
      this.#length(idleSeconds);
    }
    this.#byte(type);
    this.#length(keyEnd - keyStart);
    this.raw(keyBuf, keyStart, keyEnd);
  }

  #byte(byte: number): void {
    this.#room();
    this.#block[this.#at++] = byte;
  }

  /** See protocol/rdb/length.ts. */
  #length(length: number): void {
    this.#room();
    const block = this.#block;
    if (length < 64) block[this.#at++] = length;
    else if (length < 16384) this.#at = block.writeUInt16BE(0x4000 | length, this.#at);
    else {
      block[this.#at++] = 0x80;
      this.#at = block.writeUInt32BE(length, this.#at);
    }
  }

  #text(text: string): void {
    this.raw(Buffer.from(text, 'latin1'), 0, text.length);
  }

  /** For a header in one piece. */
  #room(): void {
    if (this.#at + HEADER_BYTES > BLOCK_BYTES) this.#flush();
  }

  #flush(): void {
    if (this.#at === 0) return;
    this.#crc.update(this.#block, 0, this.#at);
    this.#take(this.#block.subarray(0, this.#at));
    this.#block = Buffer.allocUnsafe(BLOCK_BYTES);
    this.#at = 0;
  }
}

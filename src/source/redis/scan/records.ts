import {
  OP_AUX,
  OP_EOF,
  OP_EXPIRE_MS,
  OP_SELECT_DB,
  VALKEY_VERSION_MIN,
} from '../../../protocol/rdb/types.ts';
import { Signal } from '../../../spool/signal.ts';
import type { Spool } from '../../../spool/spool.ts';

/** An opcode, a time, a type, and the header of a key: what stands before a key, at most. */
const PREFIX_BYTES = 32;

/**
 * Writes the RDB that a scan puts into the spool; see docs/internals/scan.md for the fields that are its own.
 *
 *     REDIS0011 | VALKEY080, { 250 name value | 254 db | [252 ms] type key value }, 255 and 8 zeros (no checksum)
 *
 * Writing waits for nothing and can not be refused: what the spool has no room for is kept here until it has. Whoever writes much awaits `room`
 * between records. Bytes reach the reader of the spool with `flush`, or earlier.
 */
export class RecordWriter {
  readonly #spool: Spool;
  readonly #waitingMax: number;
  readonly #prefix = Buffer.alloc(PREFIX_BYTES);
  readonly #waiters = new Signal();
  #space: Buffer | undefined;
  #used = 0;
  /** what the spool had no room for */
  #overflow: Buffer[] = [];
  #overflowBytes = 0;
  #version = 0;
  #db = 0;
  #again = false;
  #partsOpen = false;

  /** `waitingMax`: bytes that may wait in the spool for its reader, before `hasRoom` says no. */
  constructor(spool: Spool, waitingMax: number) {
    this.#spool = spool;
    this.#waitingMax = waitingMax;
  }

  /** Spool offset behind what was written last. */
  get offset(): number {
    return this.#spool.end + this.#used + this.#overflowBytes;
  }

  /** The database of what is written next. */
  get db(): number {
    return this.#db;
  }

  // ---- records

  /** The RDB version of the payloads from here on. Has to be told before anything else. */
  version(version: number): void {
    if (version === this.#version) return;
    const isFirst = this.#version === 0;
    this.#version = version;
    if (isFirst) this.#text(magicOf(version));
    else this.#field('naru:version', String(version));
  }

  /** Whether `version` was told. */
  get begun(): boolean {
    return this.#version > 0;
  }

  selectDb(db: number): void {
    if (db === this.#db) return;
    this.#db = db;
    this.#prefix[0] = OP_SELECT_DB;
    this.#put(this.#prefix, 0, this.#length(1, db));
  }

  /** `key[keyStart, keyEnd)`, and `value[start, end)` as it stands in a DUMP between type and footer. `expireAtMs`: ms since 1970, -1: never. */
  entry(
    key: Buffer,
    keyStart: number,
    keyEnd: number,
    expireAtMs: number,
    type: number,
    value: Buffer,
    start: number,
    end: number,
  ): void {
    const prefix = this.#prefix;
    let at = 0;
    if (expireAtMs >= 0) {
      prefix[0] = OP_EXPIRE_MS;
      prefix.writeUInt32LE(expireAtMs % 0x1_0000_0000, 1);
      prefix.writeUInt32LE(Math.floor(expireAtMs / 0x1_0000_0000), 5);
      at = 9;
    }
    prefix[at] = type;
    this.#put(prefix, 0, this.#length(at + 1, keyEnd - keyStart));
    this.#put(key, keyStart, keyEnd);
    this.#put(value, start, end);
  }

  /** Function libraries, `buf[start, end)` as they stand in FUNCTION DUMP before its footer. */
  functions(buf: Buffer, start: number, end: number): void {
    this.#put(buf, start, end);
  }

  /** The source has this function library no more. */
  unload(library: string): void {
    this.#name('naru:unload');
    this.#put(this.#prefix, 0, this.#length(0, library.length));
    this.#text(library);
  }

  /** The key is not there any more, in the database selected. */
  gone(key: Buffer, start: number, end: number): void {
    this.#name('naru:gone');
    this.#put(this.#prefix, 0, this.#length(0, end - start));
    this.#put(key, start, end);
  }

  /** From here on an entry takes the place of whatever the target holds. */
  again(): void {
    if (this.#again) return;
    this.#again = true;
    this.#field('naru:again', '');
  }

  /** The next entry is a part of its key's value; `more`: another will come. */
  part(more: boolean): void {
    const place = this.#partsOpen ? (more ? 'more' : 'last') : 'first';
    this.#partsOpen = more;
    this.#field('naru:part', place);
  }

  /** What came of a key in parts is void: it has vanished, or comes again from its beginning. */
  dropParts(): void {
    if (!this.#partsOpen) return;
    this.#partsOpen = false;
    this.#field('naru:part', 'none');
  }

  /** Nothing more will come. */
  end(): void {
    const bytes = Buffer.alloc(9);
    bytes[0] = OP_EOF;
    this.#put(bytes, 0, bytes.length);
    this.flush();
  }

  // ---- the spool

  /** What was written is to be read. */
  flush(): void {
    this.#drainOverflow();
    if (this.#used > 0) this.#commit();
  }

  /** False: more waits than should. */
  get hasRoom(): boolean {
    return this.#overflowBytes === 0 && this.#spool.end - this.#spool.position <= this.#waitingMax;
  }

  /** Resolves when there is room, or after `close`. Rejects with the spool's failure. */
  async room(): Promise<void> {
    this.flush();
    while (!this.hasRoom && !this.#spool.closed) {
      if (this.#overflowBytes > 0) {
        await this.#spool.whenWritable();
        this.flush();
      } else {
        await this.#waiters.wait();
      }
    }
    if (this.#spool.failure !== undefined) throw this.#spool.failure;
  }

  /** The spool's reader has taken bytes, or the spool has failed or was closed. */
  taken(): void {
    if (this.#waiters.awaited) this.#waiters.wake();
  }

  #field(name: string, value: string): void {
    this.#name(name);
    this.#prefix[0] = value.length;
    this.#put(this.#prefix, 0, 1);
    this.#text(value);
  }

  /** 250 and the name of a field, all of which are short. */
  #name(name: string): void {
    this.#prefix[0] = OP_AUX;
    this.#prefix[1] = name.length;
    this.#put(this.#prefix, 0, 2);
    this.#text(name);
  }

  #text(text: string): void {
    this.#put(Buffer.from(text, 'latin1'), 0, text.length);
  }

  /** Writes a length (see protocol/rdb/length.ts) at `at` of the prefix; returns the place behind it. */
  #length(at: number, length: number): number {
    const prefix = this.#prefix;
    if (length < 64) {
      prefix[at] = length;
      return at + 1;
    }
    if (length < 16384) {
      prefix[at] = 0x40 | (length >> 8);
      prefix[at + 1] = length & 255;
      return at + 2;
    }
    prefix[at] = 0x80;
    prefix.writeUInt32BE(length, at + 1);
    return at + 5;
  }

  #put(buf: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end && this.#overflowBytes === 0) {
      if (this.#space === undefined) {
        if (!this.#spool.writable) break;
        this.#space = this.#spool.space();
      }
      const taken = buf.copy(this.#space, this.#used, at, end);
      this.#used += taken;
      at += taken;
      if (this.#used === this.#space.length) this.#commit();
    }
    if (at === end) return;
    this.#overflow.push(Buffer.from(buf.subarray(at, end)));
    this.#overflowBytes += end - at;
  }

  #commit(): void {
    const used = this.#used;
    this.#space = undefined;
    this.#used = 0;
    this.#spool.commit(used);
  }

  #drainOverflow(): void {
    if (this.#overflowBytes === 0) return;
    const held = this.#overflow;
    this.#overflow = [];
    this.#overflowBytes = 0;
    for (const bytes of held) this.#put(bytes, 0, bytes.length);
  }
}

function magicOf(version: number): string {
  return version >= VALKEY_VERSION_MIN
    ? `VALKEY${String(version).padStart(3, '0')}`
    : `REDIS${String(version).padStart(4, '0')}`;
}

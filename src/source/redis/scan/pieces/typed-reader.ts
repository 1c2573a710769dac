import { NaruError } from '../../../../errors/errors.ts';
import { printable } from '../../../../errors/printable.ts';
import type { RespClient } from '../../../../net/client.ts';
import { readableOf } from '../../../../protocol/rdb/transcode/readable.ts';
import { SAME } from '../fingerprints.ts';
import { type ScanMemory, spoil } from '../memory.ts';
import type { RecordWriter } from '../records.ts';
import type { ValueReader } from '../value-reader.ts';
import { ask, askIfKnown, Elsewhere, giveUp, TypeChanged } from './ask.ts';
import {
  type Outcome,
  type Pieces,
  readHash,
  readList,
  readSet,
  readString,
  readZset,
} from './collections.ts';
import { PartWriter } from './part-writer.ts';
import { SmallKeys } from './small-keys.ts';
import { readStream } from './stream.ts';
import { ValueDigest } from './value-digest.ts';

export interface TypedReaderOptions {
  records: RecordWriter;
  /** the RDB version that the source itself writes: values are written in forms that it has */
  version: number;
  /** a value, or a part of one, is about so large at most; default 1 MiB. More where the target takes no parts */
  partBytes?: number;
  /** what was read before and has not changed is not written */
  memory?: ScanMemory | undefined;
}

const PART_BYTES = 1024 * 1024;
/** A value that changes all the time is left as it was read the last time. */
const TRIES = 4;
/** One that changes its type all the time is given up for now. */
const MOVES_MAX = 100;

const KINDS: Readonly<Record<string, (pieces: Pieces) => Promise<Outcome>>> = {
  string: readString,
  list: readList,
  set: readSet,
  zset: readZset,
  hash: (pieces) => readHash(pieces),
  stream: readStream,
};

/** Reads keys by the commands of their type, not much more than a part at once. */
export class TypedReader implements ValueReader {
  /** of the key that was read last: 64 bits for `Fingerprints.note` */
  readonly digest: ValueDigest = new ValueDigest();
  elsewhere = false;
  readonly #records: RecordWriter;
  readonly #parts: PartWriter;
  readonly #memory: ScanMemory | undefined;
  readonly #pieceBytes: number;
  #fieldExpiry: boolean;

  constructor(options: TypedReaderOptions) {
    const { records, version, partBytes = PART_BYTES, memory } = options;
    this.#memory = memory;
    this.#records = records;
    this.#parts = new PartWriter(records, version, partBytes);
    this.#pieceBytes = Math.max(Math.min(partBytes, PART_BYTES) / 2, 1);
    const { valkey, redis } = readableOf(version);
    this.#fieldExpiry = valkey || redis >= FIELD_EXPIRY_VERSION;
  }

  /** True also where another node of a cluster has the key now, which then writes it: nothing is written here. */
  async read(client: RespClient, key: Buffer, expireAtMs: number, changed = true): Promise<boolean> {
    if (this.#memory?.keptThere(this.#records.db, key, 0, key.length)) {
      this.elsewhere = false;
      return true;
    }
    const pieces: Pieces = {
      client,
      key,
      expireAtMs,
      parts: this.#parts,
      digest: this.digest,
      pieceBytes: this.#pieceBytes,
      fieldExpiry: this.#fieldExpiry,
    };
    this.elsewhere = false;
    // Its parts would be on their way before it is known to be as it was: it is read for that first.
    this.#parts.muted = !changed && this.#memory?.prints.has(this.#records.db, key, 0, key.length) === true;
    try {
      for (let left = TRIES - 1; left > -MOVES_MAX; left--) {
        const outcome = await this.#readOnce(pieces);
        if (outcome === 'written') return true;
        if (outcome === 'gone') return false;
        if (outcome === 'read' || (outcome === 'changed' && left <= 0)) {
          if (this.#isSame(key, expireAtMs, this.#parts.muted)) return true;
          if (!this.#parts.muted) {
            this.#parts.end();
            return true;
          }
          this.#parts.muted = false;
          left = TRIES;
        }
      }
      throw giveUp(client, `The key ${printable(key)} changes its type all the time`);
    } catch (error) {
      this.elsewhere = error instanceof Elsewhere;
      if (this.elsewhere) return true;
      throw error;
    } finally {
      // A connection that was lost, say, has left the value where it was.
      this.#parts.muted = false;
      this.#parts.abandon();
      this.#fieldExpiry = pieces.fieldExpiry;
    }
  }

  /**
   * Many keys, known to be small, in three round trips together; streams, and what has changed its type meanwhile, are read one by one. `keys[i]` expires at `expireAtMs[i]`. Calls `done(i, there)` for each, in their order.
   */
  async readMany(
    client: RespClient,
    keys: readonly Buffer[],
    expireAtMs: readonly number[],
    done: (index: number, there: boolean) => void,
  ): Promise<void> {
    const small = new SmallKeys(client, this.#fieldExpiry);
    await small.ask(keys);
    this.#fieldExpiry = small.fieldExpiry;
    for (const [i, key] of keys.entries()) {
      const at = expireAtMs[i] ?? -1;
      this.elsewhere = false;
      const there = small.isGone(i)
        ? false
        : small.put(i, at, {
            parts: this.#parts,
            digest: this.digest,
            isSame: () => this.#isSame(key, at, false),
          }) || (await this.read(client, key, at));
      done(i, there);
    }
  }

  /**
   * Whether the key is as it was when it was written last; as it is now is remembered. `onlyRead`: it is not written yet where it is not, and that may come to
   * nothing: then it is another than any.
   */
  #isSame(key: Buffer, expireAtMs: number, onlyRead: boolean): boolean {
    const memory = this.#memory;
    if (memory === undefined) return false;
    const { db } = this.#records;
    const { low, high, vague } = this.digest;
    if (memory.keptThere(db, key, 0, key.length)) return true;
    const isLost = memory.taken(db, key, 0, key.length);
    const found = memory.prints.note(db, key, 0, key.length, low, high, expireAtMs);
    if (found === SAME && !vague && !isLost) return true;
    if (onlyRead) spoil(memory.prints, db, key);
    return false;
  }

  /** `moved`: its type is another now: it is read again, by that. */
  async #readOnce(pieces: Pieces): Promise<Outcome | 'moved' | 'written'> {
    const { client, key } = pieces;
    const type = String(await ask(client, 'TYPE', key));
    if (type === 'none') return 'gone';
    const read = KINDS[type];
    try {
      return read === undefined ? await this.#dumpWhole(pieces, type) : await read(pieces);
    } catch (error) {
      if (error instanceof TypeChanged) return 'moved';
      throw error;
    }
  }

  /** A module's value has no commands that all modules share. */
  async #dumpWhole(
    { client, key, expireAtMs, parts, digest }: Pieces,
    type: string,
  ): Promise<Outcome | 'written'> {
    const dump = await askIfKnown(client, 'DUMP', key);
    if (dump === null) return 'gone';
    if (!Buffer.isBuffer(dump)) {
      const { side, node } = client.connection;
      const text = `A value of the type ${type} can only be read by DUMP, which the source refuses`;
      throw new NaruError('NO_PERMISSION', text, { side, node, key: printable(key), command: 'DUMP' });
    }
    const end = dump.length - FOOTER_BYTES;
    digest.begin(true);
    digest.part(dump.subarray(0, end));
    digest.end();
    parts.abandon();
    parts.muted = false;
    if (this.#isSame(key, expireAtMs, false)) return 'written';
    this.#records.version(dump.readUInt16LE(end));
    this.#records.entry(key, 0, key.length, expireAtMs, dump[0] as number, dump, 1, end);
    return 'written';
  }
}

/** The first RDB version with expiries of a hash's fields. */
const FIELD_EXPIRY_VERSION = 12;
const FOOTER_BYTES = 10;

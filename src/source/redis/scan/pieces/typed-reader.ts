import { NaruError } from '../../../../errors/errors.ts';
import { printable } from '../../../../errors/printable.ts';
import type { RespClient } from '../../../../net/client.ts';
import { readableOf } from '../../../../protocol/rdb/transcode/readable.ts';
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
  readonly #pieceBytes: number;
  #fieldExpiry: boolean;

  constructor(options: TypedReaderOptions) {
    const { records, version, partBytes = PART_BYTES } = options;
    this.#records = records;
    this.#parts = new PartWriter(records, version, partBytes);
    this.#pieceBytes = Math.max(Math.min(partBytes, PART_BYTES) / 2, 1);
    const { valkey, redis } = readableOf(version);
    this.#fieldExpiry = valkey || redis >= FIELD_EXPIRY_VERSION;
  }

  /** True also where another node of a cluster has the key now, which then writes it: nothing is written here. */
  async read(client: RespClient, key: Buffer, expireAtMs: number): Promise<boolean> {
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
    try {
      for (let left = TRIES - 1; left > -MOVES_MAX; left--) {
        const outcome = await this.#readOnce(pieces);
        if (outcome === 'written') return true;
        if (outcome === 'gone') return false;
        if (outcome === 'read' || (outcome === 'changed' && left <= 0)) {
          this.#parts.end();
          return true;
        }
      }
      throw giveUp(client, `The key ${printable(key)} changes its type all the time`);
    } catch (error) {
      this.elsewhere = error instanceof Elsewhere;
      if (this.elsewhere) return true;
      throw error;
    } finally {
      // A connection that was lost, say, has left the value where it was.
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
        : small.put(i, at, this.#parts, this.digest) || (await this.read(client, key, at));
      done(i, there);
    }
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
    this.#records.version(dump.readUInt16LE(end));
    this.#records.entry(key, 0, key.length, expireAtMs, dump[0] as number, dump, 1, end);
    return 'written';
  }
}

/** The first RDB version with expiries of a hash's fields. */
const FIELD_EXPIRY_VERSION = 12;
const FOOTER_BYTES = 10;

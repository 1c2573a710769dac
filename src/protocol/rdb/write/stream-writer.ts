/** A stream's value, from its entries and groups. */
import { type Readable, readsType } from '../transcode/readable.ts';
import { lengthBytes, ValueBuffer, writeLength } from '../transcode/value-buffer.ts';
import * as t from '../types.ts';
import type { StreamMeta, ValueSink } from '../value-sink.ts';
import { ListpackWriter } from './listpack-writer.ts';

/** What a node holds, where `stream-node-max-bytes` and `-entries` are as they come. */
const NODE_BYTES_MAX = 4096;
const NODE_ENTRIES_MAX = 100;
/** In front of the nodes: their number. */
const ROOM = 5;

/** Roughly what a pending entry takes, twice told. */
const PENDING_BYTES = 48;

const FLAG_DELETED = 1n;
const FLAG_SAME_FIELDS = 2n;

interface Entry {
  readonly ms: bigint;
  readonly seq: bigint;
  readonly deleted: boolean;
  /** fields and values in turn; empty where deleted */
  readonly elements: Buffer[];
}

interface Pending {
  readonly id: Buffer;
  readonly atMs: number;
  readonly deliveries: number;
}

interface Consumer {
  readonly name: Buffer;
  readonly seenAtMs: number;
  readonly activeAtMs: number;
  readonly pending: Pending[];
}

interface Group {
  readonly name: Buffer;
  readonly meta: readonly bigint[];
  readonly consumers: Consumer[];
}

/**
 *     nodes { id (16 bytes as a string) listpack (as a string) }
 *     length last-id [Redis 7: first-id max-deleted-id entries-added]
 *     groups { name last-id [entries-read]
 *              pending { id (16 bytes) time (8 bytes) deliveries }
 *              consumers { name seen (8 bytes) [7.2: active (8 bytes)] pending { id (16 bytes) } } }
 *
 * Where a number that is no byte count stands without a size it is a length; ids in lengths are two of them. (rdbSaveObject in src/rdb.c, and
 * streamAppendItem in src/t_stream.c for the listpack.) What is given is held: for values, or parts of one, of some megabytes.
 */
export class StreamWriter implements ValueSink {
  readonly type: number;
  start = 0;
  readonly #out: ValueBuffer;
  readonly #pack = new ValueBuffer();
  readonly #listpack = new ListpackWriter(this.#pack);
  #nodes = 0;
  #node: Entry[] = [];
  #nodeBytes = 0;
  #groupBytes = 0;
  #parts: Buffer[] = [];
  #partsLeft = 0;
  #meta: StreamMeta | undefined;
  #groups: Group[] = [];

  constructor(readable: Readable, out: ValueBuffer) {
    this.#out = out;
    const types = [t.TYPE_STREAM_LISTPACKS_3, t.TYPE_STREAM_LISTPACKS_2];
    this.type = types.find((type) => readsType(readable, type)) ?? t.TYPE_STREAM_LISTPACKS;
  }

  /** What is not in the buffer yet: the node under way, and the groups. */
  get heldBytes(): number {
    return this.#nodeBytes + this.#groupBytes;
  }

  begin(): void {
    this.#groupBytes = 0;
    this.#out.begin(ROOM);
    this.#nodes = 0;
    this.#node = [];
    this.#nodeBytes = 0;
    this.#meta = undefined;
    this.#groups = [];
  }

  streamEntry(ms: bigint, seq: bigint): void {
    this.#entry({ ms, seq, deleted: false, elements: [] });
  }

  streamDeleted(ms: bigint, seq: bigint): void {
    this.#entry({ ms, seq, deleted: true, elements: [] });
  }

  #entry(entry: Entry): void {
    if (this.#nodeBytes >= NODE_BYTES_MAX || this.#node.length >= NODE_ENTRIES_MAX) this.#endNode();
    this.#node.push(entry);
  }

  element(buf: Buffer, start: number, end: number): void {
    (this.#node.at(-1) as Entry).elements.push(Buffer.from(buf.subarray(start, end)));
    this.#nodeBytes += end - start;
  }

  elementLength(bytes: number): void {
    this.#parts = [];
    this.#partsLeft = bytes;
  }

  elementPart(buf: Buffer, start: number, end: number): void {
    this.#parts.push(Buffer.from(buf.subarray(start, end)));
    this.#partsLeft -= end - start;
    if (this.#partsLeft > 0) return;
    const whole = Buffer.concat(this.#parts);
    this.element(whole, 0, whole.length);
  }

  streamMeta(meta: StreamMeta): void {
    this.#meta = meta;
  }

  streamGroup(name: Buffer, lastMs: bigint, lastSeq: bigint, entriesRead: bigint): void {
    const read = this.type === t.TYPE_STREAM_LISTPACKS ? [] : [BigInt.asUintN(64, entriesRead)];
    this.#groups.push({ name, meta: [lastMs, lastSeq, ...read], consumers: [] });
  }

  streamConsumer(name: Buffer, seenAtMs: number, activeAtMs: number): void {
    this.#groupBytes += name.length + PENDING_BYTES;
    this.#groups.at(-1)?.consumers.push({ name, seenAtMs, activeAtMs, pending: [] });
  }

  streamPending(ms: bigint, seq: bigint, atMs: number, deliveries: number): void {
    this.#groups
      .at(-1)
      ?.consumers.at(-1)
      ?.pending.push({ id: idBytes(ms, seq), atMs, deliveries });
  }

  score(): void {}
  fieldExpireAt(): void {}

  end(): void {
    this.#endNode();
    this.#writeMeta(this.#meta as StreamMeta);
    this.#out.length(this.#groups.length);
    for (const group of this.#groups) this.#writeGroup(group);
    this.start = ROOM - lengthBytes(this.#nodes);
    writeLength(this.#out.buf, this.start, this.#nodes);
    this.#node = [];
    this.#groups = [];
  }

  #writeMeta(meta: StreamMeta): void {
    const newer =
      this.type === t.TYPE_STREAM_LISTPACKS
        ? []
        : [meta.firstMs, meta.firstSeq, meta.maxDeletedMs, meta.maxDeletedSeq, meta.entriesAdded];
    for (const n of [BigInt(meta.length), meta.lastMs, meta.lastSeq, ...newer]) this.#big(n);
  }

  #writeGroup({ name, meta, consumers }: Group): void {
    const out = this.#out;
    out.string(name, 0, name.length);
    for (const n of meta) this.#big(n);
    const pending = consumers.flatMap((consumer) => consumer.pending);
    pending.sort((a, b) => a.id.compare(b.id));
    out.length(pending.length);
    for (const { id, atMs, deliveries } of pending) {
      out.bytes(id, 0, id.length);
      out.int64(atMs);
      out.length(deliveries);
    }
    out.length(consumers.length);
    for (const consumer of consumers) this.#writeConsumer(consumer);
  }

  #writeConsumer({ name, seenAtMs, activeAtMs, pending }: Consumer): void {
    const out = this.#out;
    out.string(name, 0, name.length);
    out.int64(seenAtMs);
    if (this.type === t.TYPE_STREAM_LISTPACKS_3) out.int64(activeAtMs);
    out.length(pending.length);
    for (const { id } of pending) out.bytes(id, 0, id.length);
  }

  /** A length of which all 64 bits count. */
  #big(n: bigint): void {
    const out = this.#out;
    if (n < 2n ** 32n) {
      out.length(Number(n));
      return;
    }
    const at = out.reserve(9);
    out.buf[at] = 0x81;
    out.buf.writeBigUInt64BE(n, at + 1);
  }

  /**
   *     node  := count deleted pairs field{pairs} 0 entry*
   *     entry := flags ms seq (pairs (field value){pairs} | value{pairs of the node}) items
   */
  #endNode(): void {
    const entries = this.#node;
    const first = entries[0];
    if (first === undefined) return;
    const pack = this.#listpack;
    const master = (entries.find((entry) => !entry.deleted) ?? first).elements.filter((_, i) => i % 2 === 0);
    const deleted = entries.filter((entry) => entry.deleted).length;
    pack.begin();
    for (const n of [entries.length - deleted, deleted, master.length]) pack.integer(BigInt(n));
    for (const field of master) pack.string(field, 0, field.length);
    pack.integer(0n);
    for (const entry of entries) this.#packEntry(entry, first, master);
    pack.end();
    this.#out.length(16);
    this.#out.bytes(idBytes(first.ms, first.seq), 0, 16);
    this.#out.string(this.#pack.buf, 0, this.#pack.end);
    this.#nodes++;
    this.#node = [];
    this.#nodeBytes = 0;
  }

  #packEntry({ ms, seq, deleted, elements }: Entry, first: Entry, master: readonly Buffer[]): void {
    const pack = this.#listpack;
    const same =
      elements.length === 2 * master.length &&
      master.every((field, i) => field.equals(elements[2 * i] as Buffer));
    pack.integer((deleted ? FLAG_DELETED : 0n) | (same ? FLAG_SAME_FIELDS : 0n));
    pack.integer(BigInt.asIntN(64, ms - first.ms));
    pack.integer(BigInt.asIntN(64, seq - first.seq));
    const pairs = elements.length / 2;
    if (!same) pack.integer(BigInt(pairs));
    for (const [i, element] of elements.entries()) {
      if (!same || i % 2 === 1) pack.string(element, 0, element.length);
    }
    // How many items to go back by: flags, ms, seq, and what is behind them.
    pack.integer(BigInt(same ? 3 + pairs : 4 + 2 * pairs));
  }
}

function idBytes(ms: bigint, seq: bigint): Buffer {
  const id = Buffer.allocUnsafe(16);
  id.writeBigUInt64BE(ms, 0);
  id.writeBigUInt64BE(seq, 8);
  return id;
}

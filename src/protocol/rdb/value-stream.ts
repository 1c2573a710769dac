/** A stream's nodes, groups and pending entries. */
import { FormatError } from '../format-error.ts';
import { IntegerText } from './integer-text.ts';
import type { ItemSink } from './value-blob.ts';
import type { StreamMeta, ValueSink } from './value-sink.ts';

const FLAG_DELETED = 1;
const FLAG_SAME_FIELDS = 2;

/** What the next item of a node is. */
const COUNT = 0;
const DELETED = 1;
const MASTER_PAIRS = 2;
const MASTER_FIELD = 3;
const MASTER_END = 4;
const FLAGS = 5;
const MS = 6;
const SEQ = 7;
const PAIRS = 8;
const FIELD = 9;
const VALUE = 10;
const ENTRY_END = 11;

/**
 * The entries of a node (Redis src/t_stream.c, streamAppendItem):
 *
 *     node   := count deleted pairs field{pairs} 0 entry*
 *     entry  := flags ms seq (pairs (field value){pairs} | value{pairs of the node}) items
 *
 * ms and seq are distances from the node's own id. Deleted entries are passed over.
 */
export class StreamItems implements ItemSink {
  /** The first entry that is not deleted, 0-0 while there is none. */
  firstMs = 0n;
  firstSeq = 0n;
  readonly #sink: ValueSink;
  readonly #text = new IntegerText();
  readonly #partBytes: number;
  #offset = 0;
  #state = COUNT;
  #nodeMs = 0n;
  #nodeSeq = 0n;
  #any = false;
  #master: Buffer[] = [];
  #masterLeft = 0;
  #flags = 0;
  #ms = 0n;
  #pairs = 0;
  #left = 0;
  /** a master field that comes in parts */
  #parts: Buffer[] = [];
  #partsLeft = 0;

  constructor(sink: ValueSink, partBytes: number) {
    this.#sink = sink;
    this.#partBytes = partBytes;
  }

  beginNode(id: Buffer, offset: number): void {
    if (id.length !== 16) throw new FormatError('malformed', 'a stream node without an id', offset);
    this.#nodeMs = id.readBigUInt64BE(0);
    this.#nodeSeq = id.readBigUInt64BE(8);
    this.#state = COUNT;
    this.#master = [];
    this.#offset = offset;
  }

  integer(n: number): void {
    switch (this.#state) {
      case MASTER_FIELD:
      case FIELD:
      case VALUE:
        this.item(this.#text.buf, this.#text.write(n), this.#text.end);
        return;
      default:
        this.#number(n);
    }
  }

  item(buf: Buffer, start: number, end: number): void {
    switch (this.#state) {
      case MASTER_FIELD:
        this.#masterField(Buffer.from(buf.subarray(start, end)));
        return;
      case FIELD:
      case VALUE:
        if (this.#shown()) this.#sink.element(buf, start, end);
        this.#elementEnd();
        return;
      default:
        this.#numberText(buf.toString('latin1', start, end));
    }
  }

  itemLength(bytes: number): void {
    if (this.#state !== MASTER_FIELD && this.#state !== FIELD && this.#state !== VALUE) throw this.#broken();
    this.#partsLeft = bytes;
    this.#parts = [];
    if (this.#state !== MASTER_FIELD && this.#shown()) this.#sink.elementLength(bytes);
  }

  itemPart(buf: Buffer, start: number, end: number): void {
    this.#partsLeft -= end - start;
    if (this.#state === MASTER_FIELD) {
      // Held whole: each entry of the node may show it again.
      this.#parts.push(Buffer.from(buf.subarray(start, end)));
      if (this.#partsLeft === 0) this.#masterField(Buffer.concat(this.#parts));
      return;
    }
    if (this.#shown()) this.#sink.elementPart(buf, start, end);
    if (this.#partsLeft === 0) this.#elementEnd();
  }

  itemsEnd(): void {
    if (this.#state !== FLAGS) throw this.#broken();
  }

  #broken(): FormatError {
    return new FormatError('malformed', 'broken stream node', this.#offset);
  }

  #shown(): boolean {
    return (this.#flags & FLAG_DELETED) === 0;
  }

  /** A number beyond 2^53: only distances can be that large. */
  #numberText(text: string): void {
    if ((this.#state !== MS && this.#state !== SEQ) || !/^-?\d{1,20}$/.test(text)) throw this.#broken();
    this.#distance(BigInt(text));
  }

  #number(n: number): void {
    switch (this.#state) {
      case COUNT:
        this.#state = DELETED;
        return;
      case DELETED:
        this.#state = MASTER_PAIRS;
        return;
      case MASTER_PAIRS:
        this.#masterLeft = n;
        this.#state = n > 0 ? MASTER_FIELD : MASTER_END;
        return;
      case MASTER_END:
        if (n !== 0) throw this.#broken();
        this.#state = FLAGS;
        return;
      case FLAGS:
        this.#flags = n;
        this.#state = MS;
        return;
      case PAIRS:
        this.#begin(n);
        return;
      case ENTRY_END:
        this.#state = FLAGS;
        return;
      default:
        this.#distance(BigInt(n));
    }
  }

  #distance(n: bigint): void {
    if (this.#state === MS) {
      this.#ms = BigInt.asUintN(64, this.#nodeMs + n);
      this.#state = SEQ;
      return;
    }
    this.#seq = BigInt.asUintN(64, this.#nodeSeq + n);
    if ((this.#flags & FLAG_SAME_FIELDS) !== 0) this.#begin(this.#master.length);
    else this.#state = PAIRS;
  }

  #seq = 0n;

  #masterField(field: Buffer): void {
    this.#master.push(field);
    if (--this.#masterLeft === 0) this.#state = MASTER_END;
  }

  #begin(pairs: number): void {
    if (pairs < 0) throw this.#broken();
    this.#pairs = pairs;
    this.#left = pairs;
    if (this.#shown()) {
      if (!this.#any) {
        this.#any = true;
        this.firstMs = this.#ms;
        this.firstSeq = this.#seq;
      }
      this.#sink.streamEntry(this.#ms, this.#seq, pairs);
    } else this.#sink.streamDeleted?.(this.#ms, this.#seq);
    this.#nextPair();
  }

  #nextPair(): void {
    if (this.#left === 0) this.#state = ENTRY_END;
    else if ((this.#flags & FLAG_SAME_FIELDS) === 0) this.#state = FIELD;
    else {
      this.#state = VALUE;
      if (this.#shown()) this.#give(this.#master[this.#pairs - this.#left] as Buffer);
    }
  }

  #give(field: Buffer): void {
    if (field.length <= this.#partBytes) {
      this.#sink.element(field, 0, field.length);
      return;
    }
    this.#sink.elementLength(field.length);
    this.#sink.elementPart(field, 0, field.length);
  }

  #elementEnd(): void {
    if (this.#state === FIELD) {
      this.#state = VALUE;
      return;
    }
    this.#left--;
    this.#nextPair();
  }
}

const RECORD_BYTES = 32;

/**
 * A group's pending entries. They come first without their consumers, and then again, consumer by consumer, as ids alone; so they are held
 * meanwhile, in 32 bytes each: id, time, count. Both are sorted by id.
 */
class Pending {
  #buf: Buffer = Buffer.allocUnsafe(64 * RECORD_BYTES);
  count = 0;

  clear(): void {
    if (this.#buf.length > 1024 * 1024) this.#buf = Buffer.allocUnsafe(64 * RECORD_BYTES);
    this.count = 0;
  }

  add(id: Buffer, pos: number): void {
    const at = this.count * RECORD_BYTES;
    if (at === this.#buf.length) {
      const grown = Buffer.allocUnsafe(2 * at);
      this.#buf.copy(grown, 0, 0, at);
      this.#buf = grown;
    }
    id.copy(this.#buf, at, pos, pos + 16);
    this.count++;
  }

  setLast(timeMs: number, deliveries: number): void {
    const at = (this.count - 1) * RECORD_BYTES;
    this.#buf.writeDoubleLE(timeMs, at + 16);
    this.#buf.writeDoubleLE(deliveries, at + 24);
  }

  /** The place of an id, or -1. */
  find(id: Buffer, pos: number): number {
    let low = 0;
    let high = this.count - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const at = middle * RECORD_BYTES;
      const order = this.#buf.compare(id, pos, pos + 16, at, at + 16);
      if (order === 0) return middle;
      if (order < 0) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  timeMs(place: number): number {
    return this.#buf.readDoubleLE(place * RECORD_BYTES + 16);
  }

  deliveries(place: number): number {
    return this.#buf.readDoubleLE(place * RECORD_BYTES + 24);
  }
}

/** What stands behind a stream's nodes: metadata, groups, consumers, pending entries. */
export class StreamTail {
  readonly #sink: ValueSink;
  readonly #items: StreamItems;
  readonly #offset: number;
  readonly #pending = new Pending();
  #meta: bigint[] = [];
  #name: Buffer = Buffer.alloc(0);
  #groupMeta: bigint[] = [];
  #seenAtMs = 0;
  #activeAtMs = 0;
  #owned = 0;

  constructor(sink: ValueSink, items: StreamItems, offset: number) {
    this.#sink = sink;
    this.#items = items;
    this.#offset = offset;
  }

  meta(n: bigint): void {
    this.#meta.push(n);
  }

  /** The metadata is complete. Before Redis 7 there were three numbers; the rest is what Redis 7 makes of them. */
  groups(): void {
    const [length = 0n, lastMs = 0n, lastSeq = 0n, ...rest] = this.#meta;
    const [firstMs, firstSeq, maxDeletedMs, maxDeletedSeq, entriesAdded] = rest;
    const meta: StreamMeta = {
      length: Number(length),
      lastMs,
      lastSeq,
      firstMs: firstMs ?? this.#items.firstMs,
      firstSeq: firstSeq ?? this.#items.firstSeq,
      maxDeletedMs: maxDeletedMs ?? 0n,
      maxDeletedSeq: maxDeletedSeq ?? 0n,
      entriesAdded: entriesAdded ?? length,
    };
    this.#sink.streamMeta(meta);
  }

  group(name: Buffer): void {
    this.groupEnd();
    this.#name = name;
    this.#groupMeta = [];
    this.#pending.clear();
    this.#owned = 0;
  }

  groupMeta(n: bigint): void {
    this.#groupMeta.push(n);
  }

  /** A group's metadata is complete. A read counter of -1 is unknown. */
  pel(): void {
    const [ms = 0n, seq = 0n, read = this.#estimateRead(ms, seq)] = this.#groupMeta;
    this.#sink.streamGroup(this.#name, ms, seq, BigInt.asIntN(64, read));
  }

  /** Before Redis 7 there was no read counter. This is what Redis 7 makes of the group's last id on loading; -1: it can not be told. */
  #estimateRead(ms: bigint, seq: bigint): bigint {
    const [length = 0n, lastMs = 0n, lastSeq = 0n] = this.#meta;
    if (length === 0n) return 0n;
    if (ms === lastMs && seq === lastSeq) return length;
    const { firstMs, firstSeq } = this.#items;
    if (ms === firstMs && seq === firstSeq) return 1n;
    return ms < firstMs || (ms === firstMs && seq < firstSeq) ? 0n : -1n;
  }

  pelId(buf: Buffer, pos: number): void {
    this.#pending.add(buf, pos);
  }

  pelTime(ms: number): void {
    this.#pending.setLast(ms, 0);
  }

  pelCount(deliveries: number): void {
    const last = this.#pending.count - 1;
    this.#pending.setLast(this.#pending.timeMs(last), deliveries);
  }

  consumer(name: Buffer): void {
    this.#name = name;
  }

  seen(ms: number): void {
    this.#seenAtMs = ms;
    this.#activeAtMs = ms;
  }

  active(ms: number): void {
    this.#activeAtMs = ms;
  }

  /** A consumer's times are complete. */
  consumerBegin(): void {
    this.#sink.streamConsumer(this.#name, this.#seenAtMs, this.#activeAtMs);
  }

  ownedId(buf: Buffer, pos: number): void {
    const place = this.#pending.find(buf, pos);
    if (place < 0)
      throw new FormatError('malformed', 'a pending entry that its group does not know', this.#offset);
    this.#owned++;
    this.#sink.streamPending(
      buf.readBigUInt64BE(pos),
      buf.readBigUInt64BE(pos + 8),
      this.#pending.timeMs(place),
      this.#pending.deliveries(place),
    );
  }

  /** Every pending entry of a group belongs to one of its consumers. */
  groupEnd(): void {
    if (this.#owned !== this.#pending.count) {
      throw new FormatError('malformed', 'pending entries without a consumer', this.#offset);
    }
  }
}

/** A key that comes in parts, of which each is an entry of a snapshot. */
import { FormatError } from '../protocol/format-error.ts';
import { ignoredValue } from '../protocol/rdb/ignored-value.ts';
import type { EntryView, Flavour } from '../protocol/rdb/sink.ts';
import { ValueDecoder } from '../protocol/rdb/value-decoder.ts';
import type { StreamMeta, ValueKind, ValueSink } from '../protocol/rdb/value-sink.ts';

export interface PartJoinerOptions {
  /** The key begins: takes the value that all its parts are. */
  open(entry: EntryView): ValueSink;
  /** The last part has been given. */
  onEnd?(): void;
  /**
   * Parts came whose beginning is lost, since the target was lost between them: the key has to be read again. `key` is a copy. Where it is absent
   * nothing between two parts may be acknowledged (`heldFrom`): then the spool has to hold the largest key.
   */
  onUnjoined?: ((db: number, key: Buffer) => void) | undefined;
}

/**
 * Joins the parts of a key (docs/internals/scan.md, `naru:part`) to one value. An entry of another key may stand between them. With `onUnjoined` what was
 * acknowledged may lie between them too, so that nobody has to keep a large key until it is whole: after the target was lost, the rest of
 * such a key is passed over, and told of once.
 */
export class PartJoiner {
  readonly #options: PartJoinerOptions;
  /** the word before the next entry; undefined: that is no part */
  #place: string | undefined;
  #open: JoinedSink | undefined;
  /** where it began */
  #openedAt = 0;
  /** of the parts that are passed over */
  #lost: { db: number; key: Buffer } | undefined;

  constructor(options: PartJoinerOptions) {
    this.#options = options;
  }

  /** The next entry is a part. */
  get expected(): boolean {
    return this.#place !== undefined;
  }

  /** From where on nothing may be acknowledged; undefined: all may. */
  get heldFrom(): number | undefined {
    return this.#open === undefined || this.#options.onUnjoined !== undefined ? undefined : this.#openedAt;
  }

  /** What `naru:part` says. */
  told(place: string): void {
    if (place === 'none') this.abandon();
    else if (place === 'first' || place === 'more' || place === 'last') this.#place = place;
    else throw new FormatError('malformed', `no part of a key is "${place}"`, 0);
  }

  /** A part that is whole. */
  entry(entry: EntryView, flavour: Flavour): void {
    const { type, valueBuf, valueStart, valueEnd, offset } = entry;
    const sink = this.sink(entry);
    new ValueDecoder(type, flavour, sink, offset).write(valueBuf, valueStart, valueEnd);
  }

  /** Takes the part's value. */
  sink(entry: EntryView): ValueSink {
    const place = this.#place;
    this.#place = undefined;
    if (place === 'first') {
      this.abandon();
      this.#lost = undefined;
      this.#open = new JoinedSink(keyOf(entry), entry.db, this.#options.open(entry), () => this.#ended());
      this.#openedAt = entry.offset;
    }
    const open = this.#open;
    if (open === undefined || !open.isOf(entry)) return this.#passedOver(entry);
    open.isLast = place === 'last';
    return open;
  }

  #ended(): void {
    this.#open = undefined;
    this.#options.onEnd?.();
  }

  /** No more parts will come of the key that is open. */
  abandon(): void {
    this.#open?.abandon();
    this.#open = undefined;
    this.#place = undefined;
  }

  /** What was given to the target is lost. */
  restart(): void {
    this.#open = undefined;
    this.#place = undefined;
    this.#lost = undefined;
  }

  #passedOver({ db, keyBuf, keyStart, keyEnd, offset }: EntryView): ValueSink {
    const { onUnjoined } = this.#options;
    if (onUnjoined === undefined)
      throw new FormatError('malformed', 'a part of a key without its first one', offset);
    const key = keyBuf.subarray(keyStart, keyEnd);
    if (this.#lost === undefined || this.#lost.db !== db || !this.#lost.key.equals(key)) {
      this.#lost = { db, key: Buffer.from(key) };
      onUnjoined(db, this.#lost.key);
    }
    return ignoredValue;
  }
}

function keyOf({ keyBuf, keyStart, keyEnd }: EntryView): Buffer {
  return Buffer.from(keyBuf.subarray(keyStart, keyEnd));
}

/** Of all parts together: one beginning, one end; a stream's metadata once, before its groups; groups and consumers once. */
class JoinedSink implements ValueSink {
  isLast = false;
  readonly #key: Buffer;
  readonly #db: number;
  readonly #inner: ValueSink;
  readonly #onEnd: () => void;
  #kind: ValueKind | undefined;
  #meta: StreamMeta | undefined;
  #metaTold = false;
  #group: Buffer | undefined;
  #consumer: Buffer | undefined;

  constructor(key: Buffer, db: number, inner: ValueSink, onEnd: () => void) {
    this.#onEnd = onEnd;
    this.#key = key;
    this.#db = db;
    this.#inner = inner;
  }

  isOf({ db, keyBuf, keyStart, keyEnd }: EntryView): boolean {
    return db === this.#db && this.#key.compare(keyBuf, keyStart, keyEnd) === 0;
  }

  abandon(): void {
    this.#inner.abandon?.();
  }

  begin(kind: ValueKind): void {
    if (this.#kind === undefined) this.#inner.begin(kind);
    else if (kind !== this.#kind)
      throw new FormatError('malformed', `a part of a ${this.#kind} is a ${kind}`, 0);
    this.#kind = kind;
  }

  /** The parts of a string are no elements of their own. */
  element(buf: Buffer, start: number, end: number): void {
    if (this.#kind === 'string') this.#inner.elementPart(buf, start, end);
    else this.#inner.element(buf, start, end);
  }

  elementLength(bytes: number): void {
    if (this.#kind !== 'string') this.#inner.elementLength(bytes);
  }

  elementPart(buf: Buffer, start: number, end: number): void {
    this.#inner.elementPart(buf, start, end);
  }

  score(score: number): void {
    this.#inner.score(score);
  }

  fieldExpireAt(ms: number): void {
    this.#inner.fieldExpireAt(ms);
  }

  streamEntry(ms: bigint, seq: bigint, pairs: number): void {
    this.#inner.streamEntry(ms, seq, pairs);
  }

  streamDeleted(ms: bigint, seq: bigint): void {
    this.#inner.streamDeleted?.(ms, seq);
  }

  streamMeta(meta: StreamMeta): void {
    this.#meta = meta;
  }

  #tellMeta(): void {
    if (this.#metaTold || this.#meta === undefined) return;
    this.#metaTold = true;
    this.#inner.streamMeta(this.#meta);
  }

  streamGroup(name: Buffer, lastMs: bigint, lastSeq: bigint, entriesRead: bigint): void {
    this.#tellMeta();
    if (this.#group?.equals(name)) return;
    this.#group = name;
    this.#consumer = undefined;
    this.#inner.streamGroup(name, lastMs, lastSeq, entriesRead);
  }

  streamConsumer(name: Buffer, seenAtMs: number, activeAtMs: number): void {
    if (this.#consumer?.equals(name)) return;
    this.#consumer = name;
    this.#inner.streamConsumer(name, seenAtMs, activeAtMs);
  }

  streamPending(ms: bigint, seq: bigint, deliveredAtMs: number, deliveries: number): void {
    this.#inner.streamPending(ms, seq, deliveredAtMs, deliveries);
  }

  end(): void {
    if (!this.isLast) return;
    this.#tellMeta();
    this.#inner.end();
    this.#onEnd();
  }
}

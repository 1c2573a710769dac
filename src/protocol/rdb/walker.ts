/** Walks an RDB that comes in slices. */
import { FormatError } from '../format-error.ts';
import { BigValue } from './big-value.ts';
import { Carry } from './carry.ts';
import { emptyEntry, forgetPrefix, keyOf, readPrefix } from './entry-view.ts';
import { inEntry, unknownType } from './error-place.ts';
import { LAYOUT_KEY_META, LAYOUT_MODULE_AUX, LAYOUT_SLOT_IMPORT, PROGRAM_START } from './grammar.ts';
import { HeldString } from './held-string.ts';
import { Information } from './information.ts';
import { MAGIC_BYTES, readMagic } from './magic.ts';
import { PassOver } from './pass-over.ts';
import { CHECKSUM_BYTES, RunningChecksum } from './running-checksum.ts';
import type { EntryView, Flavour, RdbSink } from './sink.ts';
import { Skipper } from './skip.ts';
import * as t from './types.ts';
import { ValueDecoder } from './value-decoder.ts';

export interface WalkerOptions {
  /** entries whose serialized value (for a plain string: whose uncompressed value) is larger go to `bigEntry` */
  bigEntryBytes: number;
  /** default true */
  verifyChecksum?: boolean;
}

/** What the next byte belongs to. */
const MAGIC = 0;
/** an opcode, or an entry's type */
const OPCODE = 1;
/** a value whose key is known, held in the carry up to now */
const VALUE = 2;
/** a value that goes to a ValueSink as it comes */
const BIG = 3;
/** something that is passed over and not held */
const PASS = 4;
const KEY_META = 5;
/** an opcode too, but the call of `write` ends here: a big entry has just ended, or the sink said `pause` */
const BIG_ENDED = 6;
const CHECKSUM = 7;
const DONE = 8;

/**
 * The simple idea, to append every slice to what is left of the last one and parse again from the beginning of the entry, copies everything
 * and takes quadratic time for an entry of many slices. Here an entry that lies whole in the slice is walked in place. Only the beginning
 * of one that does not goes to the carry, together with so much of the next slice as its end needs; then the walk goes on in the slice. The
 * skipper keeps its place in the value while the carry grows, so that no byte is skipped twice.
 *
 * Invariant between calls: the carry holds the last `carry.length` bytes before `offset`, and they begin an item (in VALUE: an entry).
 */
export class RdbWalker {
  readonly #sink: RdbSink;
  readonly #bigEntryBytes: number;
  readonly #sum: RunningChecksum;
  readonly #carry = new Carry();
  readonly #skipper = new Skipper();
  readonly #passOver = new PassOver();
  readonly #key = new HeldString();
  readonly #told: Information;
  readonly #view: EntryView = emptyEntry();
  readonly #big = new BigValue();
  #state = MAGIC;
  #offset = 0;
  #entryOffset = 0;
  /** where the slice began that `write` was given */
  #start = 0;
  /** absolute offset of `buf[0]` of the buffer that is being looked at */
  #base = 0;
  #version = 0;
  #flavour: Flavour = 'redis';
  /** in VALUE: offsets from the entry's type byte; a key that was decoded into the scratch has no place in the entry */
  #keyAt = 0;
  #keyInEntry = false;
  #valueAt = 0;
  /** how many bytes the item in the carry needs at least */
  #need = 0;
  #metaLeft = 0;

  constructor(sink: RdbSink, options: WalkerOptions) {
    this.#sink = sink;
    this.#told = new Information(sink);
    this.#bigEntryBytes = options.bigEntryBytes;
    this.#sum = new RunningChecksum(options.verifyChecksum !== false);
  }

  /** The end was reached. */
  get finished(): boolean {
    return this.#state === DONE;
  }

  /** Absolute offset of the next byte that `write` expects. */
  get offset(): number {
    return this.#offset;
  }

  /** Absolute offset of the first opcode of the entry that is not complete yet (or of what follows the last one): where to go back to. */
  get entryOffset(): number {
    return this.#entryOffset;
  }

  /**
   * Walks `buf[start, end)` and returns the position up to which it took the bytes: at the RDB's end that behind it; and less than `end`,
   * perhaps nothing, while it still has to give out what it held of a big entry, and when a big entry has ended. The caller comes again with
   * the rest: so one call never gives out much more than it was given, and who takes a big entry can finish it before the next begins.
   */
  write(buf: Buffer, start: number, end: number): number {
    const origin = this.#offset - start;
    this.#start = start;
    let pos = start;
    if (this.#state === BIG_ENDED) this.#state = OPCODE;
    if (this.#big.draining) this.#drain();
    while (pos < end && this.#state !== DONE && this.#state !== BIG_ENDED && !this.#big.draining) {
      if (this.#state === PASS) pos = this.#pass(buf, pos, end, origin);
      else if (this.#state === BIG) pos = this.#feed(buf, pos, end, origin);
      else if (this.#carry.length > 0) pos = this.#fill(buf, pos, end, origin);
      else pos = this.#walk(buf, pos, end, origin);
    }
    if (this.#state < CHECKSUM) this.#sum.count(buf, start, pos, origin);
    this.#offset = origin + pos;
    return pos;
  }

  /** Goes back to an `entryOffset` seen before, which lay in database `db`; the caller then writes the bytes from there again. */
  restart(offset: number, db: number): void {
    this.#carry.clear();
    this.#big.drop();
    this.#state = offset === 0 ? MAGIC : OPCODE;
    this.#offset = offset;
    this.#entryOffset = offset;
    this.#metaLeft = 0;
    this.#view.db = db;
    this.#told.db = db;
    forgetPrefix(this.#view);
  }

  /** For a sink, in `entry`: `write` ends behind it. */
  pause(): void {
    if (this.#state === OPCODE) this.#state = BIG_ENDED;
  }

  /** No more bytes come: throws FormatError 'truncated' if not finished. */
  end(): void {
    if (this.#state !== DONE) throw new FormatError('truncated', 'the RDB breaks off', this.#offset);
  }

  /** Item by item in place. What is not whole at the end goes to the carry. */
  #walk(buf: Buffer, start: number, end: number, origin: number): number {
    this.#base = origin;
    let pos = start;
    while (pos < end) {
      const next = this.#item(buf, pos, end);
      if (next < 0) {
        this.#carry.begin(buf, pos, end);
        return end;
      }
      pos = next;
      if (this.#state === CHECKSUM) {
        this.#sum.count(buf, this.#start, pos, origin);
        if (this.#version < 5) this.#finish();
      }
      if (this.#state !== OPCODE && this.#state !== KEY_META) return pos;
    }
    return pos;
  }

  /** Adds as much to the carry as its item seems to need. Once that is whole, the walk goes on in the slice, behind it. */
  #fill(buf: Buffer, pos: number, end: number, origin: number): number {
    const held = this.#carry.length;
    const added = this.#carry.append(buf, pos, end, this.#need);
    this.#base = origin + pos - held;
    if (held + added < this.#need) return pos + added;
    const carried = this.#carry.buf;
    const next =
      this.#state === VALUE ? this.#resumeValue(carried, held + added) : this.#item(carried, 0, held + added);
    if (next < 0) return pos + added;
    if (!this.#big.draining) this.#carry.clear();
    return pos + next - held;
  }

  /**
   * One item: the magic, an opcode with what belongs to it, or an entry. Returns the position behind it, or -1 if it is not whole; then
   * `need` says how many bytes it needs at least.
   */
  #item(buf: Buffer, pos: number, end: number): number {
    if (this.#state === OPCODE) {
      const first = buf[pos] as number;
      return first < t.OP_SLOT_IMPORT_OR_KEY_META
        ? this.#entry(buf, pos, end, first)
        : this.#opcode(buf, pos, end, first);
    }
    if (this.#state === MAGIC) return this.#magic(buf, pos, end);
    if (this.#state === CHECKSUM) return this.#checksum(buf, pos, end);
    return this.#leave(LAYOUT_KEY_META, this.#told.keyMetaClass(buf, pos, end));
  }

  #lacks(bytes: number): -1 {
    this.#need = bytes;
    return -1;
  }

  #magic(buf: Buffer, pos: number, end: number): number {
    const magic = readMagic(buf.toString('latin1', pos, Math.min(end, pos + MAGIC_BYTES)));
    if (magic === undefined) return this.#lacks(MAGIC_BYTES);
    this.#version = magic.version;
    this.#flavour = magic.flavour;
    this.#sink.header(magic.version, magic.flavour);
    this.#state = OPCODE;
    return this.#boundary(pos + MAGIC_BYTES);
  }

  /** An item is complete that is no part of an entry: one can go back to here. */
  #boundary(pos: number): number {
    this.#entryOffset = this.#base + pos;
    return pos;
  }

  /** type key value */
  #entry(buf: Buffer, pos: number, end: number, type: number): number {
    const layout = t.grammarType(type, this.#flavour);
    const view = this.#view;
    const first = pos + 1 < end ? (buf[pos + 1] as number) : 255;
    let valueAt: number;
    if (first < 64 && pos + 2 + first <= end) {
      this.#keyInEntry = true;
      view.keyBuf = buf;
      view.keyStart = pos + 2;
      valueAt = pos + 2 + first;
      view.keyEnd = valueAt;
    } else {
      const key = this.#key;
      if (!key.read(buf, pos + 1, end, this.#base + pos + 1)) return this.#lacks(key.next - pos);
      this.#keyInEntry = key.buf === buf;
      view.keyBuf = key.buf;
      view.keyStart = key.start;
      view.keyEnd = key.end;
      valueAt = key.next;
    }
    view.type = type;
    if (type > 31 || PROGRAM_START[layout] === 0) throw unknownType(view, this.#base + pos);
    this.#skipper.begin(layout, valueAt);
    return this.#value(buf, pos, valueAt, end);
  }

  /** Skips the value, from where the skipper is, and hands out the entry if it is whole. */
  #value(buf: Buffer, pos: number, valueAt: number, end: number): number {
    const skipper = this.#skipper;
    const view = this.#view;
    let whole: boolean;
    try {
      whole = skipper.run(buf, end, this.#base);
    } catch (error) {
      throw inEntry(error, this.#view, this.#entryOffset);
    }
    const big = this.#bigEntryBytes;
    if (skipper.pos - valueAt > big || (view.type === t.TYPE_STRING && skipper.stringBytes > big)) {
      return this.#enterBig(buf, valueAt, whole ? skipper.pos : end);
    }
    if (!whole) {
      this.#state = VALUE;
      this.#keyAt = view.keyStart - pos;
      this.#valueAt = valueAt - pos;
      skipper.pos -= pos;
      return this.#lacks(skipper.pos);
    }
    view.valueBuf = buf;
    view.valueStart = valueAt;
    view.valueEnd = skipper.pos;
    view.offset = this.#entryOffset;
    this.#state = OPCODE;
    this.#entryOffset = this.#base + skipper.pos;
    this.#sink.entry(view);
    forgetPrefix(this.#view);
    return view.valueEnd;
  }

  /** The entry lies in the carry now, whose buffer may be another than the last time. */
  #resumeValue(carried: Buffer, end: number): number {
    const view = this.#view;
    if (this.#keyInEntry) {
      view.keyEnd += this.#keyAt - view.keyStart;
      view.keyStart = this.#keyAt;
      view.keyBuf = carried;
    }
    return this.#value(carried, 0, this.#valueAt, end);
  }

  #enterBig(buf: Buffer, valueAt: number, end: number): number {
    const view = this.#view;
    view.valueBuf = buf;
    view.valueStart = valueAt;
    view.valueEnd = end;
    view.offset = this.#entryOffset;
    this.#state = BIG;
    const sink = this.#sink.bigEntry(view);
    try {
      this.#big.begin(new ValueDecoder(view.type, this.#flavour, sink, this.#base + valueAt, keyOf(view)));
    } catch (error) {
      throw inEntry(error, this.#view, this.#entryOffset);
    }
    forgetPrefix(view);
    if (buf !== this.#carry.buf) return this.#feed(buf, valueAt, end, this.#base);
    this.#big.hold(buf, valueAt, end);
    return end;
  }

  /** Feeds the next piece of what the carry holds of a big entry. */
  #drain(): void {
    const next = this.#big.drain(this.#base);
    if (this.#big.done) this.#leaveBig(this.#base + next);
    if (!this.#big.draining) this.#carry.clear();
  }

  #feed(buf: Buffer, pos: number, end: number, origin: number): number {
    const next = this.#big.write(buf, pos, end);
    if (this.#big.done) this.#leaveBig(origin + next);
    return next;
  }

  #leaveBig(offset: number): void {
    this.#big.drop();
    this.#state = BIG_ENDED;
    this.#entryOffset = offset;
  }

  #opcode(buf: Buffer, pos: number, end: number, opcode: number): number {
    switch (opcode) {
      case t.OP_EXPIRE_MS:
      case t.OP_EXPIRE:
      case t.OP_FREQ:
      case t.OP_IDLE: {
        const next = readPrefix(this.#view, buf, pos, end, this.#base);
        return next < 0 ? this.#lacks(-next) : next;
      }
      case t.OP_EOF:
        this.#state = CHECKSUM;
        return this.#boundary(pos + 1);
      case t.OP_SLOT_IMPORT_OR_KEY_META:
        // Valkey 9: slots on their way to this node
        if (this.#flavour === 'valkey') return this.#leave(LAYOUT_SLOT_IMPORT, pos + 1);
        return this.#keyMeta(buf, pos, end);
      case t.OP_MODULE_AUX:
        return this.#leave(LAYOUT_MODULE_AUX, this.#told.moduleAux(buf, pos, end, this.#base));
      default:
        return this.#information(buf, pos, end);
    }
  }

  #information(buf: Buffer, pos: number, end: number): number {
    const next = this.#told.read(buf, pos, end, this.#base);
    if (next < 0) return this.#lacks(this.#told.need);
    this.#view.db = this.#told.db;
    return this.#told.isPrefix ? next : this.#boundary(next);
  }

  /** Redis 8: number of classes, then each of them */
  #keyMeta(buf: Buffer, pos: number, end: number): number {
    const next = this.#told.numbers(buf, pos, end, this.#base, 1);
    if (next < 0) return this.#lacks(this.#told.need);
    this.#metaLeft = this.#told.n[0] as number;
    if (this.#metaLeft > 0) this.#state = KEY_META;
    return next;
  }

  /** What follows at `pos` is passed over. */
  #leave(layout: number, pos: number): number {
    if (pos < 0) return this.#lacks(this.#told.need);
    this.#passOver.begin(layout);
    this.#state = PASS;
    return pos;
  }

  #pass(buf: Buffer, pos: number, end: number, origin: number): number {
    const next = this.#passOver.write(buf, pos, end, origin);
    return this.#passOver.done ? this.#passed(next, origin) : next;
  }

  #passed(pos: number, origin: number): number {
    if (this.#metaLeft > 1) {
      this.#metaLeft--;
      this.#state = KEY_META;
      return pos;
    }
    this.#state = OPCODE;
    if (this.#metaLeft === 0) this.#entryOffset = origin + pos;
    this.#metaLeft = 0;
    return pos;
  }

  #checksum(buf: Buffer, pos: number, end: number): number {
    if (pos + CHECKSUM_BYTES > end) return this.#lacks(CHECKSUM_BYTES);
    this.#sum.verify(buf, pos, this.#base + pos);
    this.#boundary(pos + CHECKSUM_BYTES);
    this.#finish();
    return pos + CHECKSUM_BYTES;
  }

  #finish(): void {
    this.#state = DONE;
    this.#sink.finish(this.#version);
  }
}

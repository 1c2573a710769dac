/** Takes a whole RDB apart into plain objects, in the shape of the truth files in test/fixtures/rdb. */
import type { EntryView, Flavour, RdbSink } from '../../src/protocol/rdb/sink.ts';
import { ValueDecoder } from '../../src/protocol/rdb/value-decoder.ts';
import type { StreamMeta, ValueKind, ValueSink } from '../../src/protocol/rdb/value-sink.ts';
import { RdbWalker } from '../../src/protocol/rdb/walker.ts';

export interface Pending {
  id: string;
  consumer: string;
  timeMs: number;
  deliveries: number;
}

export interface Group {
  name: string;
  last: string;
  read: string;
  consumers: { name: string; seen: number; active: number }[];
  pending: Pending[];
}

/** Elements are base64, scores text (`-0` kept). */
export interface Value {
  kind: ValueKind;
  items: string[];
  scores: string[];
  fieldExpireAt: number[];
  entries: [string, string[]][];
  deleted: string[];
  meta: StreamMeta | undefined;
  groups: Group[];
}

export interface Entry extends Value {
  db: number;
  key: string;
  type: number;
  expireAtMs: number;
  idleSeconds: number;
  freq: number;
  offset: number;
}

const scoreText = (score: number): string => (Object.is(score, -0) ? '-0' : String(score));

export class ValueCollector implements ValueSink {
  readonly value: Value = {
    kind: 'string',
    items: [],
    scores: [],
    fieldExpireAt: [],
    entries: [],
    deleted: [],
    meta: undefined,
    groups: [],
  };
  ended = false;
  #parts: Buffer[] = [];
  #left = 0;

  begin(kind: ValueKind): void {
    this.value.kind = kind;
  }

  element(buf: Buffer, start: number, end: number): void {
    const text = buf.toString('base64', start, end);
    const entry = this.value.entries.at(-1);
    if (this.value.kind === 'stream') entry?.[1].push(text);
    else this.value.items.push(text);
  }

  elementLength(bytes: number): void {
    this.#left = bytes;
  }

  elementPart(buf: Buffer, start: number, end: number): void {
    this.#parts.push(Buffer.from(buf.subarray(start, end)));
    this.#left -= end - start;
    if (this.value.kind === 'module' || this.#left !== 0) return;
    const whole = Buffer.concat(this.#parts);
    this.#parts = [];
    this.element(whole, 0, whole.length);
  }

  score(score: number): void {
    this.value.scores.push(scoreText(score));
  }

  fieldExpireAt(ms: number): void {
    this.value.fieldExpireAt.push(ms);
  }

  streamEntry(ms: bigint, seq: bigint): void {
    this.value.entries.push([`${ms}-${seq}`, []]);
  }

  streamDeleted(ms: bigint, seq: bigint): void {
    this.value.deleted.push(`${ms}-${seq}`);
  }

  streamMeta(meta: StreamMeta): void {
    this.value.meta = meta;
  }

  streamGroup(name: Buffer, lastMs: bigint, lastSeq: bigint, entriesRead: bigint): void {
    const last = `${lastMs}-${lastSeq}`;
    this.value.groups.push({
      name: name.toString(),
      last,
      read: String(entriesRead),
      consumers: [],
      pending: [],
    });
  }

  streamConsumer(name: Buffer, seen: number, active: number): void {
    this.value.groups.at(-1)?.consumers.push({ name: name.toString(), seen, active });
  }

  streamPending(ms: bigint, seq: bigint, timeMs: number, deliveries: number): void {
    const group = this.value.groups.at(-1);
    const consumer = group?.consumers.at(-1)?.name ?? '';
    group?.pending.push({ id: `${ms}-${seq}`, consumer, timeMs, deliveries });
  }

  end(): void {
    if (this.#parts.length > 0 && this.value.kind !== 'module')
      throw new Error('parts do not add up to the length');
    if (this.#parts.length > 0) this.value.items.push(Buffer.concat(this.#parts).toString('base64'));
    this.ended = true;
  }
}

export class Collector implements RdbSink {
  readonly entries: Entry[] = [];
  readonly aux_: Record<string, string> = {};
  readonly functions: Buffer[] = [];
  readonly told: string[] = [];
  version = 0;
  finished = false;
  big = 0;
  flavour: Flavour = 'redis';
  /** bounds for the decoder, so that parts are seen with small values too */
  partBytes: number = 1024 * 1024;

  header(version: number, flavour: Flavour): void {
    this.version = version;
    this.flavour = flavour;
  }

  aux(name: string, value: Buffer): void {
    this.aux_[name] = value.toString();
  }

  selectDb(db: number): void {
    this.told.push(`db ${db}`);
  }

  resizeDb(keys: number, expires: number): void {
    this.told.push(`resize ${keys} ${expires}`);
  }

  slotInfo(slot: number, keys: number, expires: number): void {
    this.told.push(`slot ${slot} ${keys} ${expires}`);
  }

  functionLibrary(buf: Buffer, start: number, end: number): void {
    this.functions.push(Buffer.from(buf.subarray(start, end)));
  }

  moduleAux(module: string): void {
    this.told.push(`module ${module}`);
  }

  keyMeta(metadataClass: string): void {
    this.told.push(`meta ${metadataClass}`);
  }

  entry(e: EntryView): void {
    const collector = new ValueCollector();
    const decoder = new ValueDecoder(e.type, this.flavour, collector, 0, undefined, {
      partBytes: this.partBytes,
    });
    const next = decoder.write(e.valueBuf, e.valueStart, e.valueEnd);
    if (next !== e.valueEnd || !decoder.done) throw new Error('the decoder ends elsewhere than the walker');
    this.#add(e, collector.value);
  }

  bigEntry(e: EntryView): ValueSink {
    const collector = new ValueCollector();
    this.big++;
    this.#add(e, collector.value);
    return collector;
  }

  finish(): void {
    this.finished = true;
  }

  #add(e: EntryView, value: Value): void {
    const { db, type, expireAtMs, idleSeconds, freq, offset } = e;
    const key = e.keyBuf.toString('base64', e.keyStart, e.keyEnd);
    this.entries.push(Object.assign(value, { db, key, type, expireAtMs, idleSeconds, freq, offset }));
  }
}

/** Writes `buf[start, end)` and comes again with what the walker leaves; returns the position up to which it took the bytes. */
export function writeAll(walker: RdbWalker, buf: Buffer, start: number, end: number): number {
  let pos = start;
  while (pos < end && !walker.finished) pos = walker.write(buf, pos, end);
  return pos;
}

/** Walks `rdb` cut at the given places, and returns what came out. */
export function collect(
  rdb: Buffer,
  cuts: readonly number[] = [],
  bigEntryBytes: number = 16 * 1024 * 1024,
  partBytes: number = 1024 * 1024,
): Collector {
  const collector = new Collector();
  collector.partBytes = partBytes;
  const walker = new RdbWalker(collector, { bigEntryBytes });
  let pos = 0;
  for (const cut of [...cuts, rdb.length]) {
    // A copy, wiped afterwards: a view that is kept beyond the call would be seen.
    const slice = Buffer.from(rdb.subarray(pos, cut));
    const consumed = writeAll(walker, slice, 0, slice.length);
    slice.fill(0xee);
    pos += consumed;
    if (consumed < slice.length) break;
  }
  walker.end();
  return collector;
}

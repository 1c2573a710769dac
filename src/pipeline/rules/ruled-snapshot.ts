import { ignoredValue } from '../../protocol/rdb/ignored-value.ts';
import { PART_FIELD } from '../../protocol/rdb/information.ts';
import { PassingSink } from '../../protocol/rdb/passing-sink.ts';
import type { EntryView, Flavour, RdbSink } from '../../protocol/rdb/sink.ts';
import { grammarType } from '../../protocol/rdb/types.ts';
import { valueKind } from '../../protocol/rdb/value-kind.ts';
import type { ValueSink } from '../../protocol/rdb/value-sink.ts';
import type { TypeName } from '../../rules/rule.ts';
import type { Rules } from '../../rules/rules.ts';
import type { Transform } from '../../rules/transform.ts';

/** The field that a scan says a key's end with, in its own RDB. */
const GONE = 'naru:gone';
/** From here on entries are what keys hold that were read before. */
const AGAIN = 'naru:again';

/** Stands in front of whoever takes a snapshot's entries: leaves out what the rules drop, and changes expiries. Names are the target's business. */
export class RuledSnapshot extends PassingSink {
  readonly #rules: Rules;
  #flavour: Flavour = 'redis';
  #db = 0;
  #part: Buffer | undefined;
  #again = false;

  constructor(sink: RdbSink, rules: Rules) {
    super(sink);
    this.#rules = rules;
  }

  /** The walk goes back, to where the snapshot is in `db`: what was told of an entry that did not come is told again with it. */
  restart(db: number): void {
    this.#db = db;
    this.#part = undefined;
  }

  override header(version: number, flavour: Flavour): void {
    this.#flavour = flavour;
    this.sink.header(version, flavour);
  }

  override aux(name: string, value: Buffer): void {
    if (name === PART_FIELD) {
      this.#part = Buffer.from(value);
      return;
    }
    if (name === AGAIN) this.#again = true;
    if (name === GONE && this.#rules.decide(this.#db, value, 0, value.length, undefined) >= 0) return;
    this.sink.aux(name, value);
  }

  override selectDb(db: number): void {
    this.#db = db;
    this.sink.selectDb(db);
  }

  override entry(entry: EntryView): void {
    if (this.#keeps(entry)) this.sink.entry(entry);
  }

  override bigEntry(entry: EntryView): ValueSink {
    return this.#keeps(entry) ? this.sink.bigEntry(entry) : ignoredValue;
  }

  /** What is told of an entry before it comes goes with it. */
  #keeps(entry: EntryView): boolean {
    const part = this.#part;
    this.#part = undefined;
    if (!this.#passes(entry)) return false;
    if (part !== undefined) this.sink.aux(PART_FIELD, part);
    return true;
  }

  #passes(entry: EntryView): boolean {
    const { db, keyBuf, keyStart, keyEnd, expireAtMs } = entry;
    const type = this.#rules.knowsTypes ? typeName(entry.type, this.#flavour) : undefined;
    const rule = this.#rules.decide(db, keyBuf, keyStart, keyEnd, type);
    if (rule >= 0) {
      this.#rules.counters.dropped(rule);
      if (type !== undefined && this.#rules.decide(db, keyBuf, keyStart, keyEnd, undefined) < 0)
        this.#replaced(entry);
      return false;
    }
    if (expireAtMs >= 0 && this.#rules.changesTtls) {
      entry.expireAtMs = this.#rules.expiry(db, keyBuf, keyStart, keyEnd, expireAtMs, Date.now());
    }
    const { transform } = this.#rules;
    return transform?.ofEntries ? this.#transformed(entry, transform) : true;
  }

  #transformed(entry: EntryView, transform: Transform): boolean {
    const { db, keyBuf, keyStart, keyEnd, expireAtMs } = entry;
    const type = typeName(entry.type, this.#flavour);
    const at = transform.entry(db, keyBuf.subarray(keyStart, keyEnd), type, expireAtMs);
    if (Number.isNaN(at)) {
      this.#rules.transformDropped();
      this.#replaced(entry);
      return false;
    }
    if (at !== expireAtMs) this.#rules.counters.ttlChanged(this.#rules.counters.transform);
    entry.expireAtMs = at;
    return true;
  }

  /** A value that is not kept takes away what the key held when it was read before. */
  #replaced({ keyBuf, keyStart, keyEnd }: EntryView): void {
    if (this.#again) this.sink.aux(GONE, Buffer.from(keyBuf.subarray(keyStart, keyEnd)));
  }
}

const NAMES: Readonly<Record<Flavour, (TypeName | undefined)[]>> = { redis: [], valkey: [] };

/** What an RDB type byte holds. */
export function typeName(type: number, flavour: Flavour): TypeName {
  const names = NAMES[flavour];
  names[type] ??= valueKind(grammarType(type, flavour));
  return names[type];
}

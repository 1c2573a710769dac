import { NameSet } from '../../pipeline/rules/name-set.ts';
import { asRenamed } from '../../pipeline/rules/renaming.ts';
import { renamedEntries } from '../../pipeline/rules/ruled-sink.ts';
import { RuledSnapshot } from '../../pipeline/rules/ruled-snapshot.ts';
import { ignoredValue } from '../../protocol/rdb/ignored-value.ts';
import type { EntryView, RdbSink } from '../../protocol/rdb/sink.ts';
import type { ValueSink } from '../../protocol/rdb/value-sink.ts';
import type { RdbWalker } from '../../protocol/rdb/walker.ts';
import type { Rules } from '../../rules/rules.ts';
import { RdbWriter } from '../../target/file/rdb-writer.ts';

/**
 * Makes an RDB of what rules keep of another one. A file that names a key twice can not be loaded: of keys that come to have one name the first stays,
 * and the others are counted as `merged`.
 */
export class RuledDump {
  /** for the walker */
  readonly sink: RdbSink;
  readonly #writer: RdbWriter;
  readonly #rules: Rules;
  readonly #names: Map<number, NameSet> | undefined;
  /** of a large value: absolute offset up to which it is written; -1: it begins in this call of the walker's `write` */
  #rawTo = -1;

  constructor(rules: Rules, take: (bytes: Buffer) => void) {
    this.#rules = rules;
    this.#writer = new RdbWriter(take);
    this.#names = rules.renames || rules.mergesDbs ? new Map() : undefined;
    const once: RdbSink = {
      ...renamedEntries(this.#writer, rules),
      entry: (entry) => asRenamed(entry, rules, () => this.#entry(entry)),
      bigEntry: (entry) => asRenamed(entry, rules, () => this.#bigEntry(entry)),
    };
    this.sink = new RuledSnapshot(once, rules);
  }

  get keys(): number {
    return this.#writer.keys;
  }

  get modulesLeftOut(): number {
    return this.#writer.modulesLeftOut;
  }

  /** The walker has taken `chunk[0, pos)`, where `origin` is the absolute offset of `chunk[0]`. */
  walked(walker: RdbWalker, chunk: Buffer, origin: number, pos: number): void {
    const writer = this.#writer;
    if (!writer.bigOpen) return;
    const to = writer.bigEnded ? walker.entryOffset : origin + pos;
    // What came up to the end of the call in which it began is written.
    if (this.#rawTo >= 0) writer.raw(chunk, this.#rawTo - origin, to - origin);
    this.#rawTo = writer.bigEnded ? -1 : to;
    if (writer.bigEnded) writer.bigOpen = false;
  }

  #entry(entry: EntryView): void {
    if (this.#isFirst(entry)) this.#writer.entry(entry);
  }

  #bigEntry(entry: EntryView): ValueSink {
    return this.#isFirst(entry) ? this.#writer.bigEntry(entry) : ignoredValue;
  }

  #isFirst({ db, keyBuf, keyStart, keyEnd }: EntryView): boolean {
    if (this.#names === undefined) return true;
    let names = this.#names.get(db);
    if (names === undefined) {
      names = new NameSet();
      this.#names.set(db, names);
    }
    const isFirst = names.add(keyBuf, keyStart, keyEnd);
    if (!isFirst) this.#rules.counters.merged++;
    return isFirst;
  }
}

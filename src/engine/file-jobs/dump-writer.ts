import { NaruError } from '../../errors/errors.ts';
import { keySlot } from '../../net/topology/slot.ts';
import { NameSet } from '../../pipeline/rules/name-set.ts';
import { asRenamed } from '../../pipeline/rules/renaming.ts';
import { RuledSnapshot } from '../../pipeline/rules/ruled-snapshot.ts';
import { ignoredValue } from '../../protocol/rdb/ignored-value.ts';
import { PassingSink } from '../../protocol/rdb/passing-sink.ts';
import type { EntryView, Flavour, RdbSink } from '../../protocol/rdb/sink.ts';
import type { ValueSink } from '../../protocol/rdb/value-sink.ts';
import type { RdbWalker } from '../../protocol/rdb/walker.ts';
import type { Rules } from '../../rules/rules.ts';
import { RdbWriter } from '../../target/file/rdb-writer.ts';

/**
 * Makes an RDB of what rules keep of others, and of what their nodes own: one behind the other, each with a sink of its own. A file that names a key
 * twice can not be loaded: of keys that come to have one name the first stays, and the others are counted as `merged`.
 */
export class DumpWriter {
  /** keys that were left out, since another node has their slot */
  strangers = 0;
  readonly #writer: RdbWriter;
  readonly #rules: Rules | undefined;
  readonly #names: Map<number, NameSet> | undefined;
  readonly #libraries = new Set<string>();
  #magic = '';
  /** of a large value: absolute offset up to which it is written; -1: it begins in this call of the walker's `write` */
  #rawTo = -1;

  constructor(rules: Rules | undefined, take: (bytes: Buffer) => void) {
    this.#rules = rules;
    this.#writer = new RdbWriter(take);
    this.#names = rules?.renames || rules?.mergesDbs ? new Map() : undefined;
  }

  get keys(): number {
    return this.#writer.keys;
  }

  get modulesLeftOut(): number {
    return this.#writer.modulesLeftOut;
  }

  /** For the walker of one node; `owns` undefined: it has all slots. */
  sinkFor(owns: ((slot: number) => boolean) | undefined): RdbSink {
    const rules = this.#rules;
    const sink: RdbSink = {
      header: (version, flavour) => this.#header(version, flavour),
      aux: (name, value) => this.#aux(name, value, owns !== undefined),
      selectDb: () => {},
      resizeDb: () => {},
      slotInfo: () => {},
      functionLibrary: (buf, start, end) => this.#library(buf, start, end),
      moduleAux: () => this.#writer.moduleAux(),
      keyMeta: () => this.#writer.keyMeta(),
      entry: (entry) => (rules ? asRenamed(entry, rules, () => this.#entry(entry)) : this.#entry(entry)),
      bigEntry: (entry) =>
        rules ? asRenamed(entry, rules, () => this.#bigEntry(entry)) : this.#bigEntry(entry),
      finish: () => {},
    };
    const ruled = rules ? new RuledSnapshot(sink, rules) : sink;
    return owns === undefined ? ruled : new OwnEntries(ruled, owns, () => this.strangers++);
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

  /** All nodes are through. */
  end(): void {
    this.#writer.finish();
  }

  /** Values of one version can not stand in a file of another. */
  #header(version: number, flavour: Flavour): void {
    const magic = `${flavour} ${version}`;
    if (this.#magic === '') this.#writer.header(version, flavour);
    this.#magic ||= magic;
    if (magic === this.#magic) return;
    const text = `Its nodes write RDBs of several versions (${this.#magic} and ${magic}), which can not stand in one file: give a directory (--to dir/)`;
    throw new NaruError('CONFIG_INVALID', text, { side: 'source' });
  }

  /** The place in its node's stream is none of a file that has the keys of several: a server would go on from there. */
  #aux(name: string, value: Buffer, ofCluster: boolean): void {
    if (!ofCluster || (this.keys === 0 && !name.startsWith('repl-'))) this.#writer.aux(name, value);
  }

  /** Each node has the same ones. */
  #library(buf: Buffer, start: number, end: number): void {
    const bytes = buf.toString('latin1', start, end);
    if (this.#libraries.has(bytes)) return;
    this.#libraries.add(bytes);
    this.#writer.functionLibrary(buf, start, end);
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
    if (!isFirst && this.#rules !== undefined) this.#rules.counters.merged++;
    return isFirst;
  }
}

/** Leaves out what a node of a cluster holds and does not own: the rests of a slot that was moved. */
class OwnEntries extends PassingSink {
  readonly #owns: (slot: number) => boolean;
  readonly #onStranger: () => void;

  constructor(sink: RdbSink, owns: (slot: number) => boolean, onStranger: () => void) {
    super(sink);
    this.#owns = owns;
    this.#onStranger = onStranger;
  }

  override entry(entry: EntryView): void {
    if (this.#isOwn(entry)) this.sink.entry(entry);
  }

  override bigEntry(entry: EntryView): ValueSink {
    return this.#isOwn(entry) ? this.sink.bigEntry(entry) : ignoredValue;
  }

  #isOwn({ keyBuf, keyStart, keyEnd }: EntryView): boolean {
    const isOwn = this.#owns(keySlot(keyBuf, keyStart, keyEnd));
    if (!isOwn) this.#onStranger();
    return isOwn;
  }
}

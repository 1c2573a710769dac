import { PART_FIELD } from '../protocol/rdb/information.ts';
import type { EntryView, Flavour, RdbSink } from '../protocol/rdb/sink.ts';
import { TYPE_HASH_METADATA_PRE_GA, VALKEY_VERSION_MIN } from '../protocol/rdb/types.ts';
import type { ValueSink } from '../protocol/rdb/value-sink.ts';
import type { Target } from '../target/target.ts';
import type { ExpiryWatch } from './expiry/expiry-watch.ts';
import { PartJoiner } from './part-joiner.ts';
import { deleteLibrary } from './shared-target.ts';

export interface SnapshotApplierOptions {
  /** copy functions */
  functions: boolean;
  /** is told what expires */
  expiries?: ExpiryWatch | undefined;
  /** as in PartJoinerOptions; a snapshot of the source's own has no parts */
  onUnjoined?: ((db: number, key: Buffer) => void) | undefined;
}

/** Of the walk that tells it everything. */
export interface Walk {
  /** where the item begins that is being told */
  readonly entryOffset: number;
  /** Ends the slice behind the entry that is being told. */
  pause(): void;
}

/** Gives the entries of a snapshot to a target. Fields that begin with `naru:` are those of a scan: see docs/internals/scan.md. */
export class SnapshotApplier implements RdbSink {
  readonly #target: Target;
  readonly #options: SnapshotApplierOptions;
  /** the database of what comes next */
  db = 0;
  /** entries that came */
  given = 0;
  /** function libraries that were left out because an option says so */
  leftOut = 0;
  /** the RDB's first bytes: `REDIS0011` */
  magic = '';
  /** keys that the source says it has, where it says so */
  expectedKeys = 0;
  walk: Walk | undefined;
  #flavour: Flavour = 'redis';
  readonly #parts: PartJoiner;
  /** the versions of the payloads, and from where on each holds */
  readonly #versions: { from: number; version: number }[] = [];
  /** from where on entries take the place of whatever there is */
  #againFrom = Number.POSITIVE_INFINITY;

  constructor(target: Target, options: SnapshotApplierOptions) {
    this.#target = target;
    this.#options = options;
    this.#parts = new PartJoiner({
      open: (entry) => this.#openBig(entry),
      // What gives the key its name waits for answers, and nothing may be written before.
      onEnd: () => this.walk?.pause(),
      onUnjoined: options.onUnjoined,
    });
  }

  /** Up to where all that was given can be acknowledged, when the walk stands at `offset`. */
  wholeTo(offset: number): number {
    return this.#parts.heldFrom ?? offset;
  }

  /** The walk goes back to `offset`, in database `db`. */
  restart(offset: number, db: number): void {
    this.db = db;
    this.#parts.restart();
    const known = this.#versions.findLast(({ from }) => from < offset);
    if (known !== undefined) this.#useVersion(known.version);
    if (this.#againFrom < Number.POSITIVE_INFINITY) this.#target.overwrite(this.#againFrom < offset);
  }

  header(version: number, flavour: Flavour): void {
    const digits = flavour === 'redis' ? 4 : 3;
    this.magic = flavour.toUpperCase() + String(version).padStart(digits, '0');
    this.#versions.length = 0;
    this.#versions.push({ from: 0, version });
    this.#useVersion(version);
  }

  #useVersion(version: number): void {
    this.#flavour = version >= VALKEY_VERSION_MIN ? 'valkey' : 'redis';
    this.#target.rdbVersion(version, this.#flavour);
  }

  selectDb(db: number): void {
    this.db = db;
  }

  resizeDb(keys: number): void {
    this.expectedKeys += keys;
  }

  entry(entry: EntryView): void {
    this.given++;
    if (this.#parts.expected) {
      this.#parts.entry(entry, this.#flavour);
      return;
    }
    if (mayExpire(entry)) this.#options.expiries?.entry(entry, this.#flavour, false);
    this.#target.entry(entry);
  }

  bigEntry(entry: EntryView): ValueSink {
    this.given++;
    return this.#parts.expected ? this.#parts.sink(entry) : this.#openBig(entry);
  }

  #openBig(entry: EntryView): ValueSink {
    if (mayExpire(entry)) this.#options.expiries?.entry(entry, this.#flavour, true);
    return this.#target.bigEntry(entry);
  }

  functionLibrary(buf: Buffer, start: number, end: number, offset: number): void {
    if (this.#options.functions) this.#target.functionLibrary(buf, start, end, offset);
    else this.leftOut++;
  }

  aux(name: string, value: Buffer): void {
    if (name === PART_FIELD) this.#parts.told(value.toString('latin1'));
    else if (name === 'naru:gone') this.#target.remove(value, this.db, this.#at);
    else if (name === 'naru:unload') deleteLibrary(value.toString('latin1'), this.#target, this.db, this.#at);
    else if (name === 'naru:again') this.#overwrite();
    else if (name === 'naru:version') this.#changeVersion(Number(value));
  }

  get #at(): number {
    return this.walk?.entryOffset ?? 0;
  }

  #overwrite(): void {
    this.#againFrom = Math.min(this.#againFrom, this.#at);
    this.#target.overwrite(true);
  }

  #changeVersion(version: number): void {
    if ((this.#versions.at(-1)?.from ?? -1) < this.#at) this.#versions.push({ from: this.#at, version });
    this.#useVersion(version);
  }

  slotInfo(): void {}
  moduleAux(): void {}
  keyMeta(): void {}

  finish(): void {
    this.#parts.abandon();
  }
}

/** The key, or fields of it. */
function mayExpire(entry: EntryView): boolean {
  return entry.expireAtMs >= 0 || entry.type >= TYPE_HASH_METADATA_PRE_GA;
}

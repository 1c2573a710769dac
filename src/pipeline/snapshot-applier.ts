import { PART_FIELD } from '../protocol/rdb/information.ts';
import type { EntryView, Flavour, RdbSink } from '../protocol/rdb/sink.ts';
import { TYPE_HASH_METADATA_PRE_GA } from '../protocol/rdb/types.ts';
import type { ValueSink } from '../protocol/rdb/value-sink.ts';
import type { Target } from '../target/target.ts';
import type { ExpiryWatch } from './expiry/expiry-watch.ts';
import { PartJoiner } from './part-joiner.ts';

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
  /** Ends the slice behind the entry that is being told. */
  pause(): void;
}

/** Gives the entries of a snapshot to a target. */
export class SnapshotApplier implements RdbSink {
  readonly #target: Target;
  readonly #options: SnapshotApplierOptions;
  /** the database of what comes next */
  db = 0;
  /** function libraries that were left out because an option says so */
  leftOut = 0;
  /** the RDB's first bytes: `REDIS0011` */
  magic = '';
  /** keys that the source says it has, where it says so */
  expectedKeys = 0;
  walk: Walk | undefined;
  #flavour: Flavour = 'redis';
  readonly #parts: PartJoiner;

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
  restart(_offset: number, db: number): void {
    this.db = db;
    this.#parts.restart();
  }

  header(version: number, flavour: Flavour): void {
    const digits = flavour === 'redis' ? 4 : 3;
    this.magic = flavour.toUpperCase() + String(version).padStart(digits, '0');
    this.#flavour = flavour;
    this.#target.rdbVersion(version, flavour);
  }

  selectDb(db: number): void {
    this.db = db;
  }

  resizeDb(keys: number): void {
    this.expectedKeys += keys;
  }

  entry(entry: EntryView): void {
    if (this.#parts.expected) {
      this.#parts.entry(entry, this.#flavour);
      return;
    }
    if (mayExpire(entry)) this.#options.expiries?.entry(entry, this.#flavour, false);
    this.#target.entry(entry);
  }

  bigEntry(entry: EntryView): ValueSink {
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

import type { EntryView, Flavour, RdbSink } from '../protocol/rdb/sink.ts';
import type { ValueSink } from '../protocol/rdb/value-sink.ts';
import type { Target } from '../target/target.ts';

export interface SnapshotApplierOptions {
  /** copy functions */
  functions: boolean;
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

  constructor(target: Target, options: SnapshotApplierOptions) {
    this.#target = target;
    this.#options = options;
  }

  header(version: number, flavour: Flavour): void {
    const digits = flavour === 'redis' ? 4 : 3;
    this.magic = flavour.toUpperCase() + String(version).padStart(digits, '0');
    this.#target.rdbVersion(version, flavour);
  }

  selectDb(db: number): void {
    this.db = db;
  }

  resizeDb(keys: number): void {
    this.expectedKeys += keys;
  }

  entry(entry: EntryView): void {
    this.#target.entry(entry);
  }

  bigEntry(entry: EntryView): ValueSink {
    return this.#target.bigEntry(entry);
  }

  functionLibrary(buf: Buffer, start: number, end: number, offset: number): void {
    if (this.#options.functions) this.#target.functionLibrary(buf, start, end, offset);
    else this.leftOut++;
  }

  aux(): void {}
  slotInfo(): void {}
  moduleAux(): void {}
  keyMeta(): void {}
  finish(): void {}
}

import { ignoredValue } from '../../protocol/rdb/ignored-value.ts';
import type { EntryView, RdbSink } from '../../protocol/rdb/sink.ts';
import type { ValueSink } from '../../protocol/rdb/value-sink.ts';

/** Walks by the entries of an RDB, and tells in which databases they are: each at its first entry. Knows afterwards in which one an entry is. */
export class DatabasesMet implements RdbSink {
  readonly #tell: (db: number) => void;
  readonly #met = new Set<number>();
  readonly #starts: { offset: number; db: number }[] = [];
  #last = -1;

  constructor(tell: (db: number) => void) {
    this.#tell = tell;
  }

  in(db: number): void {
    if (db === this.#last) return;
    this.#last = db;
    if (this.#met.has(db)) return;
    this.#met.add(db);
    this.#tell(db);
  }

  entry({ db, offset }: EntryView): void {
    if (db === this.#last) return;
    this.#starts.push({ offset, db });
    this.in(db);
  }

  bigEntry(entry: EntryView): ValueSink {
    this.entry(entry);
    return ignoredValue;
  }

  /** The database of the entry at an offset of the RDB. */
  at(offset: number): number | undefined {
    return this.#starts.findLast((start) => start.offset <= offset)?.db;
  }

  header(): void {}
  aux(): void {}
  selectDb(): void {}
  resizeDb(): void {}
  slotInfo(): void {}
  functionLibrary(): void {}
  moduleAux(): void {}
  keyMeta(): void {}
  finish(): void {}
}

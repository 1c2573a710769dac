import { SnapshotApplier, type SnapshotApplierOptions } from '../../pipeline/snapshot-applier.ts';
import type { EntryView } from '../../protocol/rdb/sink.ts';
import type { ValueSink } from '../../protocol/rdb/value-sink.ts';
import type { Target } from '../../target/target.ts';

/** Gives the entries of a file's RDB to a target, and tells it at each one that all before it was given. */
export class FileSnapshot extends SnapshotApplier {
  readonly #target: Target;
  #offset = 0;

  constructor(target: Target, options: SnapshotApplierOptions) {
    super(target, options);
    this.#target = target;
  }

  override entry(entry: EntryView): void {
    this.#reached(entry.offset);
    super.entry(entry);
  }

  override bigEntry(entry: EntryView): ValueSink {
    this.#reached(entry.offset);
    return super.bigEntry(entry);
  }

  /** Where the RDB ends is not told: behind the last entry's first byte. */
  override finish(): void {
    this.#reached(this.#offset + 1);
  }

  #reached(offset: number): void {
    this.#offset = offset;
    this.#target.reached(offset, this.db);
  }
}

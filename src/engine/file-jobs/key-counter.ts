import { ignoredValue } from '../../protocol/rdb/ignored-value.ts';
import type { RdbSink } from '../../protocol/rdb/sink.ts';
import type { ValueSink } from '../../protocol/rdb/value-sink.ts';

/** Counts the keys of an RDB that is walked for its checksum only. */
export class KeyCounter implements RdbSink {
  keys = 0;

  entry(): void {
    this.keys++;
  }

  bigEntry(): ValueSink {
    this.keys++;
    return ignoredValue;
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

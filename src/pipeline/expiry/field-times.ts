import type { EntryView, Flavour } from '../../protocol/rdb/sink.ts';
import * as t from '../../protocol/rdb/types.ts';
import { grammarType } from '../../protocol/rdb/types.ts';
import { ValueDecoder } from '../../protocol/rdb/value-decoder.ts';
import type { ValueSink } from '../../protocol/rdb/value-sink.ts';
import { NEVER } from './expiry-table.ts';

/**
 * When the first field of a hash expires, ms since 1970; NEVER: none does. `big`: the value is not at hand, and one that may have such
 * fields counts as one whose time has passed.
 */
export function earliestField(entry: EntryView, flavour: Flavour, big: boolean): number {
  if (entry.type < t.TYPE_HASH_METADATA_PRE_GA) return NEVER;
  const type = grammarType(entry.type, flavour);
  const ofRedis = type >= t.TYPE_HASH_METADATA_PRE_GA && type <= t.TYPE_HASH_LISTPACK_EX;
  if (!ofRedis && type !== t.TYPE_HASH_2) return NEVER;
  if (big) return 0;
  const times = new FieldTimes();
  new ValueDecoder(entry.type, flavour, times, entry.offset).write(
    entry.valueBuf,
    entry.valueStart,
    entry.valueEnd,
  );
  return times.earliestMs;
}

/** Looks at nothing but the times. */
class FieldTimes implements ValueSink {
  earliestMs: number = NEVER;

  fieldExpireAt(ms: number): void {
    if (ms >= 0 && ms < this.earliestMs) this.earliestMs = ms;
  }

  begin(): void {}
  element(): void {}
  elementLength(): void {}
  elementPart(): void {}
  score(): void {}
  streamEntry(): void {}
  streamMeta(): void {}
  streamGroup(): void {}
  streamConsumer(): void {}
  streamPending(): void {}
  end(): void {}
}

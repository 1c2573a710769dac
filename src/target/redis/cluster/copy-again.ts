import { openDump } from '../../../protocol/rdb/dump-payload.ts';
import type { EntryView, Flavour } from '../../../protocol/rdb/sink.ts';
import { TYPE_MODULE_2 } from '../../../protocol/rdb/types.ts';
import { ValueDecoder } from '../../../protocol/rdb/value-decoder.ts';
import { type BigEntryOptions, bigEntryWriter } from '../big-entry-writer.ts';
import type { TargetNode } from './node.ts';

/**
 * Writes a value that was read again (as DUMP gives it) over whatever a node has; one of more than `wholeBytes` in parts. These and the name that they get
 * in the end go in one transaction: what follows may be about the same key, or be a large value too, and can not wait for answers.
 */
export function copyAgain(
  { entries, lane }: TargetNode,
  entry: EntryView,
  dump: Buffer,
  wholeBytes: number,
  options: Omit<BigEntryOptions, 'onConflict' | 'recopy'>,
): Flavour {
  const { flavour, version } = openDump(dump, entry);
  entries.rdbVersion(version, flavour);
  if (dump.length <= wholeBytes || entry.type === TYPE_MODULE_2) {
    entries.replace(entry);
    return flavour;
  }
  lane.beginTransaction();
  const sink = bigEntryWriter(lane, entry, { ...options, onConflict: 'overwrite', recopy: true });
  new ValueDecoder(entry.type, flavour, sink, entry.offset).write(dump, entry.valueStart, entry.valueEnd);
  lane.commit();
  return flavour;
}

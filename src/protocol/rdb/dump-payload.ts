/** What DUMP answers and RESTORE takes. */
import { Crc64 } from '../checksum/crc64.ts';
import { FormatError } from '../format-error.ts';
import type { EntryView, Flavour } from './sink.ts';
import { VALKEY_VERSION_MIN } from './types.ts';

const VERSION_BYTES = 2;
const FOOTER_BYTES = 10;

export interface DumpVersion {
  flavour: Flavour;
  version: number;
}

/**
 * Finds type and value, and sets them in `entry`. Throws FormatError.
 *
 *     payload = type (1 byte) value version (2 bytes, little endian) crc64 (8 bytes, little endian, of all before)    (Redis cluster.c)
 */
export function openDump(dump: Buffer, entry: EntryView): DumpVersion {
  const end = dump.length - FOOTER_BYTES;
  if (end < 2) throw new FormatError('truncated', 'a DUMP payload that is too short', dump.length);
  const sum = Buffer.alloc(FOOTER_BYTES - VERSION_BYTES);
  const crc = new Crc64();
  crc.update(dump, 0, end + VERSION_BYTES);
  crc.writeTo(sum, 0);
  if (!dump.subarray(end + VERSION_BYTES).equals(sum)) {
    throw new FormatError('checksum', 'a DUMP payload whose checksum is wrong', dump.length);
  }
  entry.type = dump[0] as number;
  entry.valueBuf = dump;
  entry.valueStart = 1;
  entry.valueEnd = end;
  const version = dump.readUInt16LE(end);
  return { flavour: version >= VALKEY_VERSION_MIN ? 'valkey' : 'redis', version };
}

import { NaruError } from '../errors/errors.ts';
import { printable } from '../errors/printable.ts';
import type { FormatError } from '../protocol/format-error.ts';

/** The operator's error for damaged or unknown data: what, where, in which key. */
export function toFormatFailure(error: FormatError, node: string): NaruError {
  const code = error.fault === 'checksum' ? 'CHECKSUM_MISMATCH' : 'BAD_FORMAT';
  const type = error.type === undefined || /type/i.test(error.message) ? '' : ` (type ${error.type})`;
  const place = { side: 'source', node, offset: error.offset } as const;
  const key = error.key === undefined ? {} : { key: printable(error.key) };
  // The place says where; its offset may be counted otherwise than the decoder's.
  const message = error.message.replace(/ at offset \d+$/, '');
  return new NaruError(code, message + type, { ...place, ...key }, { cause: error });
}

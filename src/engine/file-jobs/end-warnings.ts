import { NaruError } from '../../errors/errors.ts';
import type { DecodedEnd } from '../../source/file/decode-file.ts';

/** What an operator should know of the end of a file. Throws FILE_TRUNCATED where half a command was passed on already. */
export function endWarnings(
  { part, end, timestamps }: DecodedEnd,
  until: number | undefined,
): { code: string; message: string }[] {
  const warnings: { code: string; message: string }[] = [];
  if (end.unfinished === 'command') {
    const text = `${part.path} breaks off at offset ${end.validTo} in a command too large to be held`;
    throw new NaruError('FILE_TRUNCATED', text, { side: 'source', node: part.path, offset: end.validTo });
  }
  if (end.truncated) {
    const message = `${part.path} breaks off: it is good up to offset ${end.validTo}, and what follows there was left out.`;
    warnings.push({ code: 'AOF_TRUNCATED', message });
  }
  if (until !== undefined && timestamps === 0) {
    const message = `${part.path} has no timestamps (aof-timestamp-enabled): --until could not be found in it, and all of it was read.`;
    warnings.push({ code: 'AOF_WITHOUT_TIMES', message });
  }
  return warnings;
}

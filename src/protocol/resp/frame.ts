import { FormatError } from '../format-error.ts';

export const CR = 0x0d;
export const LF = 0x0a;
/** Redis's own limit of a client's argument count is 2^20 unless authenticated; a master may send up to INT_MAX (networking.c). */
export const ARGC_MAX = 0x7fffffff;

/** What stands at `pos` is not what has to; `base` makes positions absolute. */
export function unexpected(what: string, buf: Buffer, pos: number, base: number): FormatError {
  const byte = buf[pos] as number;
  const shown = JSON.stringify(buf.toString('latin1', pos, Math.min(pos + 16, buf.length)));
  return new FormatError('malformed', `Expected ${what}, found byte ${byte} in ${shown}`, base + pos);
}

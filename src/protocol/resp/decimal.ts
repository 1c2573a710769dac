import { FormatError } from '../format-error.ts';

/** What a walker returns where the input ends too early. */
export const NEEDS_MORE: number = -1;

/** The number that `parseDecimal` read last: two numbers come back without an object. */
export let parsedDecimal = 0;

/**
 * Reads `[-]digits CRLF` at `start`: returns the position behind it, or NEEDS_MORE; the number stands in `parsedDecimal`. `base` is
 * added to positions in errors.
 */
export function parseDecimal(buf: Buffer, start: number, end: number, base: number): number {
  let pos = start;
  let value = 0;
  const negative = pos < end && buf[pos] === 0x2d;
  if (negative) pos++;
  const first = pos;
  for (; pos < end; pos++) {
    const digit = (buf[pos] as number) - 0x30;
    if (digit < 0 || digit > 9) break;
    value = value * 10 + digit;
  }
  if (pos - first > 15) throw new FormatError('malformed', 'A number of too many digits', base + first);
  if (pos >= end) return NEEDS_MORE;
  if (pos === first || buf[pos] !== 0x0d)
    throw new FormatError('malformed', 'A number that is none', base + pos);
  if (pos + 1 >= end) return NEEDS_MORE;
  if (buf[pos + 1] !== 0x0a) throw new FormatError('malformed', 'A number without CRLF', base + pos);
  parsedDecimal = negative ? -value : value;
  return pos + 2;
}

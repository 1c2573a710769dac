import { type ErrorPlace, NaruError } from '../../errors/errors.ts';
import type { ErrorCode } from '../../errors/table.ts';
import { Kind } from './in-flight.ts';

/** What the first word of an error reply means. Anything else is a write that the target refuses for good. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  OOM: 'TARGET_OUT_OF_MEMORY',
  NOPERM: 'NO_PERMISSION',
  NOAUTH: 'AUTH_FAILED',
  LOADING: 'TARGET_UNAVAILABLE',
  READONLY: 'TARGET_UNAVAILABLE',
  MASTERDOWN: 'TARGET_UNAVAILABLE',
  CLUSTERDOWN: 'TARGET_UNAVAILABLE',
  TRYAGAIN: 'TARGET_UNAVAILABLE',
  NOREPLICAS: 'TARGET_UNAVAILABLE',
  MISCONF: 'TARGET_UNAVAILABLE',
  BUSY: 'TARGET_UNAVAILABLE',
};

/** Turns an error reply into the error that ends or renews the lane. Server texts hold no values, so they may be shown. */
export function refusal(text: string, kind: Kind, place: ErrorPlace, what: string = nameOf(kind)): NaruError {
  const word = text.split(' ', 1)[0] ?? '';
  const code = CODES[word];
  if (code !== undefined) return new NaruError(code, `The target answers: ${text}`, place);
  if ((kind === Kind.ENTRY || kind === Kind.FUNCTION) && /payload version|Bad data format/i.test(text)) {
    return new NaruError(
      'TARGET_TOO_OLD',
      `The target can not read a value of this RDB version: ${text}`,
      place,
    );
  }
  const rejected = kind === Kind.COMMAND ? 'COMMAND_REFUSED' : 'TARGET_REJECTED';
  return new NaruError(rejected, `The target refused ${what}: ${text}`, place);
}

function nameOf(kind: Kind): string {
  switch (kind) {
    case Kind.ENTRY:
    case Kind.MODULE_ENTRY:
    case Kind.RENAME_NEW:
    case Kind.RENAME_EXPIRING:
      return 'an entry of the snapshot';
    case Kind.PART:
      return 'a part of a large entry';
    case Kind.FUNCTION:
      return 'a function library';
    case Kind.COMMAND:
      return 'a command of the stream';
    case Kind.RECOPY:
      return 'a key that is copied again';
    default:
      return "one of Naru's own commands";
  }
}

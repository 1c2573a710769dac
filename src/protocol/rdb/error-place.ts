import { FormatError } from '../format-error.ts';

/** The same error with the type and the key of the entry it was met in; where it does not know its offset, with the entry's. */
export function withKey(error: unknown, type: number, key: Buffer, entryOffset: number): unknown {
  if (!(error instanceof FormatError) || error.key !== undefined) return error;
  const message = error.message.slice(0, error.message.lastIndexOf(' at offset '));
  const named = new FormatError(error.fault, message, error.offset || entryOffset, { type, key });
  named.cause = error;
  return named;
}

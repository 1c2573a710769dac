/** Errors that name the entry they were met in. */
import { FormatError } from '../format-error.ts';
import { keyOf } from './entry-view.ts';
import type { EntryView } from './sink.ts';
import { TYPE_MODULE_PRE_GA } from './types.ts';

/** The same error with the type and the key of the entry it was met in; where it does not know its offset, with the entry's. */
export function withKey(error: unknown, type: number, key: Buffer, entryOffset: number): unknown {
  if (!(error instanceof FormatError) || error.key !== undefined) return error;
  const message = error.message.slice(0, error.message.lastIndexOf(' at offset '));
  const named = new FormatError(error.fault, message, error.offset || entryOffset, { type, key });
  named.cause = error;
  return named;
}

export function inEntry(error: unknown, view: EntryView, entryOffset: number): unknown {
  return withKey(error, view.type, keyOf(view), entryOffset);
}

/** For who takes a whole entry apart, and knows its beginning only: the error stands there. */
export function atEntry(error: unknown, view: EntryView): unknown {
  if (!(error instanceof FormatError)) return error;
  const message = error.message.slice(0, error.message.lastIndexOf(' at offset '));
  const placed = new FormatError(error.fault, message, view.offset, { type: view.type, key: keyOf(view) });
  placed.cause = error;
  return placed;
}

export function unknownType(view: EntryView, offset: number): FormatError {
  const { type } = view;
  const what = type === TYPE_MODULE_PRE_GA ? 'module value of a Redis 4.0 release candidate' : 'unknown type';
  return new FormatError('unknown', `${what} (${type})`, offset, { type, key: keyOf(view) });
}

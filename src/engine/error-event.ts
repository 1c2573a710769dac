/** Any failure as the event that tells of it: the same shape for an error of a run and for one before it began. */
import { isNaruError, NaruError } from '../errors/errors.ts';
import type { ErrorEvent } from './events.ts';

export function toNaruError(error: unknown): NaruError {
  if (isNaruError(error)) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new NaruError('INTERNAL', message, {}, { cause: error });
}

/** `retry`: the run goes on and tries again. */
export function errorEvent(error: NaruError, retry = false): ErrorEvent {
  return {
    event: 'error',
    code: error.code,
    message: error.message,
    advice: error.advice,
    retry,
    ...error.place,
  };
}

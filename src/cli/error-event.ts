/** Any failure as the event that tells of it: the same shape for an error of a run and for one before it began. */
import type { ErrorEvent } from '../engine/events.ts';
import { isNaruError, NaruError } from '../errors/errors.ts';

export function toNaruError(error: unknown): NaruError {
  if (isNaruError(error)) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new NaruError('INTERNAL', message, {}, { cause: error });
}

export function errorEvent(error: NaruError): ErrorEvent {
  return {
    event: 'error',
    code: error.code,
    message: error.message,
    advice: error.advice,
    retry: false,
    ...error.place,
  };
}

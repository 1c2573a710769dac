import type { NaruError } from './errors.ts';

/**
 * Whether it is worth trying again to reach a side that was there before. What a silent port is can't be told (NOT_REDIS, TLS_FAILED), so at the
 * start that ends the run; but one that has spoken Redis before is frozen or overloaded, and may speak again.
 */
export function mayComeBack(error: NaruError): boolean {
  return error.retry || isSilence(error);
}

/** Errors that come of waiting have a cause with the system's own code for it. */
function isSilence({ cause }: NaruError): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'ETIMEDOUT';
}

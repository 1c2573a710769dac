/** The beginning of an RDB: `REDIS` and four digits, or (Valkey 9 and newer) `VALKEY` and three. */
import { FormatError } from '../format-error.ts';
import type { Flavour } from './sink.ts';
import { REDIS_VERSION_MAX, VALKEY_VERSION_MAX, VALKEY_VERSION_MIN } from './types.ts';

export const MAGIC_BYTES = 9;

export interface Magic {
  version: number;
  flavour: Flavour;
}

/** Reads the magic from `text`, which holds as much of it as has come; undefined: more must come. */
export function readMagic(text: string): Magic | undefined {
  const flavour: Flavour = text.startsWith('V') ? 'valkey' : 'redis';
  const word = flavour.toUpperCase();
  const digits = text.slice(word.length);
  if (!text.startsWith(word.slice(0, text.length)) || !/^\d*$/.test(digits)) {
    throw new FormatError('malformed', 'not an RDB: it does not begin with REDIS or VALKEY', 0);
  }
  if (text.length < MAGIC_BYTES) return undefined;
  const version = Number(digits);
  const known =
    flavour === 'valkey'
      ? version >= VALKEY_VERSION_MIN && version <= VALKEY_VERSION_MAX
      : version >= 1 && version <= REDIS_VERSION_MAX;
  if (!known) throw new FormatError('unknown', `unknown RDB version ${text}`, 0);
  return { version, flavour };
}

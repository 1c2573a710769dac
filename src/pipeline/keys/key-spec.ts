/** How the keys of a command are found among its arguments, and what the command does with them. */

/** The value of the key, or whether the key is there, has a part in what the command does. */
export const READ = 1;
/** The key may be changed, made or removed. */
export const WRITE = 2;

/**
 * One group of keys, in Redis's own terms (key specifications, COMMAND's ninth element from 7.0 on; `getKeysUsingKeySpecs` of db.c).
 *
 *     group = begin_search find_keys
 *     begin_search = index | keyword            the argument at which the group begins
 *     find_keys = range | keynum                how many keys stand there
 *
 * Argument 0 is the command's name. Every spec has every field, so that the finder meets one shape of object.
 */
export interface KeySpec {
  /** READ and WRITE, or either */
  readonly access: number;
  /** in capitals; the group begins behind it. undefined: the group begins at argument `begin` */
  readonly keyword: Buffer | undefined;
  /** with a keyword: the argument from which it is sought; negative: backwards, from that far before the end */
  readonly begin: number;
  /** keynum: where the count of keys stands, counted from where the group begins; NO_COUNT: a range */
  readonly countAt: number;
  /** keynum: where the first key stands, counted in the same way */
  readonly firstAt: number;
  /** range: the last key, counted from the first; negative: from the end of the arguments, -1 being the last one */
  readonly last: number;
  /** range with a negative `last`: 2 takes half of what follows, 3 a third; 0 and 1 take all */
  readonly limit: number;
  /** from one key to the next */
  readonly step: number;
}

export const NO_COUNT = -1;

export function rangeSpec(access: number, begin: number, last: number, step: number): KeySpec {
  return { access, keyword: undefined, begin, countAt: NO_COUNT, firstAt: 0, last, limit: 0, step };
}

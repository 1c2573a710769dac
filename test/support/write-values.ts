/** What the families of write commands share: keys, values, and what a family is. */
import type { Random } from './random.ts';
import type { Arg } from './resp-client.ts';

export type Commands = Arg[][];

/** How many keys of each type there are in a database. */
export const KEYS_PER_TYPE = 60;
/** The writers use databases 0 to DATABASES - 1; the last two are those that SWAPDB and FLUSHDB strike. */
export const DATABASES = 6;

export interface Family {
  /** how often, relative to the others */
  readonly weight: number;
  /** first server version that knows all its commands: major * 100 + minor */
  readonly since?: number;
  readonly make: (random: Random) => Commands;
}

/** Without -0: a listpack stores it as 0, so a copy that is small again would rightly differ. */
export const EXTREME_SCORES: readonly string[] = [
  'inf',
  '-inf',
  '0',
  '1e-300',
  '5e-324',
  '1.7976931348623157e308',
  '0.1',
  '3.0000000000000004',
  '-9007199254740993',
  '123456789.123456789',
];

/** A key of a type; some hold line ends, zeros and bytes that are not UTF-8. */
export function keyOf(random: Random, type: string): Arg {
  const number = random.int(KEYS_PER_TYPE);
  if (number % 10 === 0) return Buffer.from(`${type}:\r\n\0\xff ${number}`, 'latin1');
  return `${type}:${number}`;
}

export function value(random: Random): Arg {
  const kind = random.int(1000);
  if (kind === 0) return random.text(100_000 + random.int(400_000));
  if (kind < 10) return Buffer.alloc(1000 + random.int(9000), random.text(20));
  if (kind < 400) return random.int(2 ** 31) - 2 ** 30;
  if (kind < 700) return random.bytes(random.int(60));
  return random.text(1 + random.int(40));
}

/** A family whose member is one command; of several makers one is taken at random. */
export function one(weight: number, ...makers: ((r: Random) => Arg[])[]): Family {
  return { weight, make: (r) => [r.pick(makers)(r)] };
}

export function since(version: number, family: Family): Family {
  return { ...family, since: version };
}

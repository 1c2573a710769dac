/** What each kind of option looks like: how it is read, and how that is told to a user. */
import { isNaruError, NaruError } from '../errors/errors.ts';
import { parseGroup } from '../net/group-url.ts';
import { Secret } from '../net/secret.ts';
import { AddressMap } from '../net/topology/address-map.ts';
import type { Endpoint } from '../net/url.ts';
import type { RuleSpec } from '../rules/rule.ts';
import type { Kind, OptionSpec } from './options.ts';
import { type RuleInput, readRules } from './rule-tables.ts';
import { scrub } from './scrub.ts';

/** What a kind is once it is read. Sizes in bytes, durations in milliseconds (`never` is Infinity). */
export interface KindValue {
  endpoint: Endpoint;
  addresses: AddressMap;
  secret: Secret;
  path: string;
  paths: readonly string[];
  size: number;
  duration: number;
  count: number;
  enum: string;
  boolean: boolean;
  /** whole seconds since 1970 */
  time: number;
  text: string;
  list: readonly string[];
  rules: readonly RuleSpec[];
}

/** What the library takes for it. */
export interface KindInput {
  endpoint: string | Endpoint;
  addresses: string | readonly string[] | AddressMap;
  secret: string | Secret;
  path: string;
  paths: string | readonly string[];
  size: number | string;
  duration: number | string;
  count: number | string;
  enum: string;
  boolean: boolean;
  time: number | string;
  text: string;
  list: string | number | readonly (string | number)[];
  rules: readonly (RuleInput | RuleSpec)[];
}

interface KindRow<K extends Kind> {
  /** The word in angle brackets in `--help`. */
  placeholder(spec: OptionSpec): string;
  /** Ends the sentence "allowed: ...". */
  allowed(spec: OptionSpec): string;
  /** Undefined: not allowed. */
  read(raw: unknown, spec: OptionSpec): KindValue[K] | undefined;
}

const SIZE_UNITS: Record<string, number> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

const DURATION_UNITS: Record<string, number> = { ms: 1, s: 1e3, m: 60e3, h: 3600e3 };

/** Node's timers hold a signed 32-bit number of milliseconds, and fire at once where it is larger. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const KINDS: { readonly [K in Kind]: KindRow<K> } = {
  endpoint: {
    placeholder: () => 'url',
    allowed: () =>
      'an address such as redis://host:6379/0, rediss://user:password@host, host:port or unix:///path.sock?db=0',
    read: (raw) => (typeof raw === 'string' ? parseGroup(raw) : (asObject(raw) as Endpoint | undefined)),
  },
  addresses: {
    placeholder: () => 'a=b',
    allowed: () => 'announced=reachable, with or without ports, several with commas between or one by one',
    read: readAddresses,
  },
  secret: {
    placeholder: () => 'secret',
    allowed: () => 'text that is not empty',
    read: (raw) => (raw instanceof Secret ? raw : nonEmpty(raw) ? Secret.of(raw as string) : undefined),
  },
  path: { placeholder: () => 'path', allowed: () => 'a path', read: nonEmpty },
  paths: { placeholder: () => 'path', allowed: () => 'a path, or several one by one', read: readPaths },
  size: {
    placeholder: () => 'size',
    allowed: (spec) => `a size such as 512KiB, 16MiB or 2GB${atLeast(spec)}`,
    read: (raw, spec) => withMin(readSize(raw), spec, readSize),
  },
  duration: {
    placeholder: () => 'duration',
    allowed: (spec) =>
      `a duration such as 500ms, 5s, 10m or 2h, at most 596h${atLeast(spec)}${spec.never ? ', or never' : ''}`,
    read: (raw, spec) =>
      withMin(readDuration(raw, spec.never === true), spec, (text) => readDuration(text, false)),
  },
  count: {
    placeholder: () => 'n',
    allowed: (spec) => `a whole number${atLeast(spec)}`,
    read: (raw, spec) => withMin(readCount(raw), spec, readCount),
  },
  enum: {
    placeholder: (spec) => words(spec).join('|'),
    allowed: (spec) => words(spec).join(', '),
    read: (raw, spec) => words(spec).find((value) => value === raw),
  },
  boolean: { placeholder: () => '', allowed: () => 'true or false', read: readBoolean },
  time: {
    placeholder: () => 'time',
    allowed: () => 'seconds since 1970, or a time with its zone such as 2026-11-22T08:30:00Z',
    read: readTime,
  },
  text: { placeholder: () => 'text', allowed: () => 'text that is not empty', read: nonEmpty },
  list: {
    placeholder: () => 'text',
    allowed: () => 'text that is not empty, once or several times (in naru.toml an array)',
    read: readList,
  },
  rules: { placeholder: () => 'rules', allowed: () => 'tables [[rules]] in naru.toml', read: readRules },
};

/**
 * Reads one value of an option. `origin` says where it came from, for the message.
 * @throws NaruError CONFIG_INVALID that names the option, the origin and what is allowed; never a secret or a URL's password
 */
export function readOption(name: string, spec: OptionSpec, raw: unknown, origin: string): KindValue[Kind] {
  const kind: KindRow<Kind> = KINDS[spec.kind];
  try {
    const value = kind.read(raw, spec);
    if (value !== undefined) return value;
  } catch (error) {
    // parseGroup says which part is at fault, and never repeats any of it.
    throw isNaruError(error) ? invalid(`${name} (${origin}): ${error.message}`) : error;
  }
  const shown = spec.kind === 'secret' || spec.kind === 'endpoint' ? '' : ` ${show(raw)}`;
  throw invalid(`${name} (${origin}): the value${shown} can not be used; allowed: ${kind.allowed(spec)}`);
}

function invalid(message: string): NaruError {
  return new NaruError('CONFIG_INVALID', message, { side: 'config' });
}

function show(raw: unknown): string {
  // Tables of TOML have no prototype, and so no text of their own.
  if (typeof raw === 'object' && raw !== null) return Array.isArray(raw) ? 'an array' : 'a table';
  const text = scrub(typeof raw === 'string' ? JSON.stringify(raw) : String(raw));
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}

function asObject(raw: unknown): object | undefined {
  return typeof raw === 'object' && raw !== null ? raw : undefined;
}

function nonEmpty(raw: unknown): string | undefined {
  return typeof raw === 'string' && raw !== '' ? raw : undefined;
}

function readList(raw: unknown): readonly string[] | undefined {
  const items = (Array.isArray(raw) ? raw : [raw]).map((item) =>
    typeof item === 'number' ? String(item) : item,
  );
  return items.every(nonEmpty) ? (items as string[]) : undefined;
}

function readPaths(raw: unknown): readonly string[] | undefined {
  const paths = Array.isArray(raw) ? raw : [raw];
  return paths.length > 0 && paths.every(nonEmpty) ? (paths as string[]) : undefined;
}

function readAddresses(raw: unknown): AddressMap | undefined {
  if (raw instanceof AddressMap) return raw;
  const rules = Array.isArray(raw) ? raw : [raw];
  return rules.every(nonEmpty) ? AddressMap.parse(rules as string[]) : undefined;
}

/** A duration in text; undefined: it is none. Days are known here too, since keys live so long. */
export function readLifetime(raw: unknown): number | undefined {
  const ms = readWithUnit(raw, { ...DURATION_UNITS, d: 86_400e3 });
  return ms !== undefined && Number.isSafeInteger(ms) ? ms : undefined;
}

function readSize(raw: unknown): number | undefined {
  const bytes = typeof raw === 'number' ? raw : readWithUnit(raw, SIZE_UNITS);
  return bytes !== undefined && Number.isSafeInteger(Math.round(bytes)) ? Math.round(bytes) : undefined;
}

function readDuration(raw: unknown, mayBeNever: boolean): number | undefined {
  if (mayBeNever && (raw === 'never' || raw === Number.POSITIVE_INFINITY)) return Number.POSITIVE_INFINITY;
  // A bare number in text would leave open whether seconds or milliseconds are meant; 0 is the same in both.
  const ms = typeof raw === 'number' ? raw : raw === '0' ? 0 : readWithUnit(raw, DURATION_UNITS);
  return ms !== undefined && ms <= LONGEST_TIMER_MS ? ms : undefined;
}

function readCount(raw: unknown): number | undefined {
  const count = typeof raw === 'string' && /^\d+$/.test(raw) ? Number(raw) : raw;
  return Number.isSafeInteger(count) ? (count as number) : undefined;
}

function readBoolean(raw: unknown): boolean | undefined {
  if (typeof raw === 'boolean') return raw;
  if (raw === 'true' || raw === 'yes' || raw === '1') return true;
  if (raw === 'false' || raw === 'no' || raw === '0') return false;
  return undefined;
}

/** Without a zone a time would mean another one on another machine. */
function readTime(raw: unknown): number | undefined {
  if (typeof raw === 'number' || /^\d+$/.test(String(raw))) return readCount(raw);
  const form = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/i;
  const ms = typeof raw === 'string' && form.test(raw) ? Date.parse(raw.replace(' ', 'T')) : Number.NaN;
  return Number.isNaN(ms) ? undefined : Math.floor(ms / 1000);
}

function readWithUnit(raw: unknown, units: Record<string, number>): number | undefined {
  const match = typeof raw === 'string' ? /^(\d+(?:\.\d+)?) ?([a-z]*)$/i.exec(raw) : null;
  if (!match) return undefined;
  const unit = units[(match[2] as string).toLowerCase()];
  return unit === undefined ? undefined : Number(match[1]) * unit;
}

function withMin(
  value: number | undefined,
  spec: OptionSpec,
  read: (text: string) => number | undefined,
): number | undefined {
  const min = read(spec.min ?? '0') ?? 0;
  return value !== undefined && value >= min ? value : undefined;
}

function words(spec: OptionSpec): readonly string[] {
  return spec.values ?? [];
}

function atLeast(spec: OptionSpec): string {
  return spec.min === undefined ? '' : `, at least ${spec.min}`;
}

/**
 * `[[rules]]` of naru.toml, and `rules` of the library:
 *
 *     [[rules]]
 *     name = "no sessions"            # needed to tell rules apart in counts; rule 1, rule 2 ... where absent
 *     prefix = ["session:", "tmp:"]   # suffix, glob, regex, db, type, slot, command
 *     action = "drop"                 # or keep; or rename = { prefix, to }, to_db, ttl = { min, max, add, drop }
 */
import { NaruError } from '../errors/errors.ts';
import { type RenameSpec, type RuleSpec, type TtlSpec, TYPE_NAMES, type TypeName } from '../rules/rule.ts';
import { readLifetime } from './kinds.ts';
import { didYouMean } from './nearest.ts';

type Texts = string | readonly string[];
type Numbers = number | string | readonly (number | string)[];

/** A rule as a user writes it. */
export interface RuleInput {
  name?: string;
  prefix?: Texts;
  suffix?: Texts;
  glob?: Texts;
  regex?: Texts;
  db?: Numbers;
  type?: Texts;
  slot?: Numbers;
  command?: Texts;
  action?: 'keep' | 'drop';
  rename?: { prefix?: string; regex?: string; to: string };
  to_db?: number;
  ttl?: { min?: string; max?: string; add?: string; drop?: boolean };
}

const KEYS: readonly string[] = [
  'name',
  'prefix',
  'suffix',
  'glob',
  'regex',
  'db',
  'type',
  'slot',
  'command',
  'action',
  'rename',
  'to_db',
  'ttl',
];

/** Keys are checked before any of them is read. */
type Table = { [Key in keyof RuleInput | 'min' | 'max' | 'add' | 'drop' | 'to']?: unknown };

/** Undefined: these are no rules. Throws NaruError CONFIG_INVALID that names the rule. */
export function readRules(raw: unknown): readonly RuleSpec[] | undefined {
  if (!Array.isArray(raw)) return undefined;
  return raw.map((each, index) => (isSpec(each) ? each : readRule(each, index)));
}

/** One that was read already. */
function isSpec(raw: unknown): raw is RuleSpec {
  return isTable(raw) && 'origin' in raw;
}

function readRule(raw: unknown, index: number): RuleSpec {
  const place = `rule ${index + 1}`;
  if (!isTable(raw)) throw invalid(`${place} is no table`);
  refuseUnknown(place, raw, KEYS);
  const { name = place, action } = raw;
  if (typeof name !== 'string' || name === '') throw invalid(`${place}: name is text that is not empty`);
  if (action !== undefined && action !== 'keep' && action !== 'drop') {
    throw invalid(`${place}: action is keep or drop`);
  }
  const texts = (key: keyof RuleInput): readonly string[] | undefined => readTexts(place, key, raw[key]);
  return {
    name,
    origin: place,
    prefix: texts('prefix'),
    suffix: texts('suffix'),
    glob: texts('glob'),
    regex: texts('regex'),
    db: raw.db === undefined ? undefined : asArray(raw.db).map((db) => readDb(place, db)),
    type: texts('type')?.map((type) => readType(place, type)),
    slot: raw.slot === undefined ? undefined : asArray(raw.slot).map((slot) => readSlots(place, slot)),
    command: texts('command'),
    action,
    rename: raw.rename === undefined ? undefined : readRename(place, raw.rename),
    toDb: raw.to_db === undefined ? undefined : readDb(place, raw.to_db),
    ttl: raw.ttl === undefined ? undefined : readTtl(place, raw.ttl),
  };
}

export function readDb(place: string, raw: unknown): number {
  const db = typeof raw === 'string' && /^\d+$/.test(raw.trim()) ? Number(raw) : raw;
  if (Number.isSafeInteger(db) && (db as number) >= 0) return db as number;
  throw invalid(`${place}: ${JSON.stringify(raw)} is no number of a database`);
}

export function readType(place: string, raw: string): TypeName {
  const type = TYPE_NAMES.find((each) => each === raw.trim().toLowerCase());
  if (type !== undefined) return type;
  throw invalid(
    `${place}: ${raw} is no type of a key${didYouMean(raw, TYPE_NAMES)}; types: ${TYPE_NAMES.join(', ')}`,
  );
}

/** `5` or `0-5460` */
export function readSlots(place: string, raw: unknown): readonly [number, number] {
  const match = /^(\d+)(?:-(\d+))?$/.exec(String(raw).trim());
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? match?.[1]);
  if (match !== null && first <= last && last <= 16383) return [first, last];
  throw invalid(`${place}: ${JSON.stringify(raw)} is no slot (0 to 16383) and no range such as 0-5460`);
}

function readRename(place: string, raw: unknown): RenameSpec {
  if (!isTable(raw)) throw invalid(`${place}: rename is a table: { prefix = "old:", to = "new:" }`);
  refuseUnknown(`${place}: rename`, raw, ['prefix', 'regex', 'to']);
  const { prefix, regex, to } = raw;
  for (const text of [prefix, regex, to]) {
    if (text !== undefined && typeof text !== 'string') throw invalid(`${place}: rename holds text`);
  }
  if (to === undefined) throw invalid(`${place}: rename has no to`);
  return { prefix, regex, to } as RenameSpec;
}

export function readTtl(place: string, raw: unknown): TtlSpec {
  if (!isTable(raw)) throw invalid(`${place}: ttl is a table: { max = "7d" }`);
  refuseUnknown(`${place}: ttl`, raw, ['min', 'max', 'add', 'drop']);
  const lifetime = (key: 'min' | 'max' | 'add'): number | undefined => {
    if (raw[key] === undefined) return undefined;
    const ms = readLifetime(raw[key]);
    if (ms === undefined) throw invalid(`${place}: ttl: ${key} is a duration such as 90s, 1h or 7d`);
    return ms;
  };
  const { drop } = raw;
  if (drop !== undefined && typeof drop !== 'boolean') throw invalid(`${place}: ttl: drop is true or false`);
  return { drop, minMs: lifetime('min'), maxMs: lifetime('max'), addMs: lifetime('add') };
}

function readTexts(place: string, key: string, raw: unknown): readonly string[] | undefined {
  if (raw === undefined) return undefined;
  const texts = asArray(raw);
  if (texts.every((text) => typeof text === 'string' && text !== '')) return texts as string[];
  throw invalid(`${place}: ${key} is text that is not empty, or an array of it`);
}

function refuseUnknown(place: string, table: object, known: readonly string[]): void {
  for (const key of Object.keys(table)) {
    if (!known.includes(key)) throw invalid(`${place}: ${key} is no key of it${didYouMean(key, known)}`);
  }
}

function asArray(raw: unknown): readonly unknown[] {
  return Array.isArray(raw) ? raw : [raw];
}

function isTable(raw: unknown): raw is Table {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw);
}

function invalid(message: string): NaruError {
  return new NaruError('CONFIG_INVALID', message, { side: 'config' });
}

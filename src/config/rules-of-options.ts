import { NaruError } from '../errors/errors.ts';
import { RuleError } from '../rules/check.ts';
import type { RuleSpec } from '../rules/rule.ts';
import { Rules } from '../rules/rules.ts';
import { loadTransform } from '../rules/transform.ts';
import type { Camel } from './names.ts';
import type { ruleOptions } from './rule-options.ts';
import { readDb, readSlots, readTtl, readType } from './rule-tables.ts';
import type { OptionValues } from './sync-options.ts';

/** The options that make rules, as they were read. */
export type RuleValues = {
  readonly [K in Camel<keyof typeof ruleOptions>]?: OptionValues[K] | undefined;
};

/** What options say is left out comes first, then the table, then what they say is copied. Undefined: there are no rules at all. */
export function ruleSpecs(values: RuleValues): readonly RuleSpec[] | undefined {
  const specs = [
    ...excludes(values),
    ...(values.rules ?? []),
    ...includes(values),
    ...renames(values),
    ...maps(values),
    ...ttls(values),
  ];
  return specs.length === 0 && values.transform === undefined ? undefined : specs;
}

/** The same with what `--transform` names. Rejects with NaruError CONFIG_INVALID. */
export async function loadRules(values: RuleValues): Promise<Rules | undefined> {
  const rules = compileRules(values);
  if (rules !== undefined && values.transform !== undefined) {
    rules.transform = await loadTransform(values.transform, values.transformErrors === 'skip');
  }
  return rules;
}

/** Throws NaruError CONFIG_INVALID where rules can not be meant. */
export function compileRules(values: RuleValues): Rules | undefined {
  const specs = ruleSpecs(values);
  if (specs === undefined) return undefined;
  try {
    return new Rules(specs);
  } catch (error) {
    if (!(error instanceof RuleError)) throw error;
    throw invalid(error.message, error);
  }
}

function rule(name: string, rest: Partial<RuleSpec>): RuleSpec {
  return { name, origin: 'option', ...rest };
}

/** Each kind by itself: what one of them names is left out. */
function excludes(values: RuleValues): RuleSpec[] {
  const key = keyPatterns('exclude', values);
  const { excludeDb: db, excludeType: type, excludeSlot: slot, excludeCommand: command } = values;
  const action = 'drop';
  return [
    ...(key === undefined ? [] : [rule(key.name, { ...key.patterns, action })]),
    ...(db === undefined ? [] : [rule('exclude-db', { db: dbsOf(db), action })]),
    ...(slot === undefined ? [] : [rule('exclude-slot', { slot: slotsOf(slot), action })]),
    ...(type === undefined ? [] : [rule('exclude-type', { type: typesOf(type), action })]),
    ...(command === undefined ? [] : [rule('exclude-command', { command: parts(command), action })]),
  ];
}

/** Kinds together: what is copied has a name, a database, a type and a slot that are named. */
function includes(values: RuleValues): RuleSpec[] {
  const key = keyPatterns('include', values);
  const { includeDb: db, includeType: type, includeSlot: slot, includeCommand: command } = values;
  const action = 'keep';
  const conditions = {
    ...key?.patterns,
    ...(db && { db: dbsOf(db) }),
    ...(type && { type: typesOf(type) }),
    ...(slot && { slot: slotsOf(slot) }),
  };
  return [
    ...(Object.keys(conditions).length === 0 ? [] : [rule('include', { ...conditions, action })]),
    ...(command === undefined ? [] : [rule('include-command', { command: parts(command), action })]),
  ];
}

function keyPatterns(
  word: 'include' | 'exclude',
  values: RuleValues,
): { name: string; patterns: Partial<RuleSpec> } | undefined {
  const { [`${word}Prefix` as const]: prefix, [`${word}Suffix` as const]: suffix } = values;
  const { [`${word}Glob` as const]: glob, [`${word}Regex` as const]: regex } = values;
  const patterns = {
    ...(prefix && { prefix }),
    ...(suffix && { suffix }),
    ...(glob && { glob }),
    ...(regex && { regex }),
  };
  const kinds = Object.keys(patterns);
  if (kinds.length === 0) return undefined;
  return { name: kinds.length === 1 ? `${word}-${kinds[0]}` : `${word} keys`, patterns };
}

function renames({ renamePrefix = [], renameRegex = [] }: RuleValues): RuleSpec[] {
  return [
    ...renamePrefix.map((text) => {
      const [, prefix = '', to = ''] = matched('rename-prefix', text, /^([^=]*)=(.*)$/s, 'old=new');
      return rule(`rename-prefix ${text}`, { rename: { prefix, to } });
    }),
    ...renameRegex.map((text) => {
      const form = /^([^\w\s\\])(.*)\1(.*)\1$/s;
      const [, , regex = '', to = ''] = matched('rename-regex', text, form, '/expression/replacement/');
      return rule(`rename-regex ${text}`, { rename: { regex, to } });
    }),
  ];
}

function maps({ dbMap = [] }: RuleValues): RuleSpec[] {
  return parts(dbMap).map((text) => {
    const [, from, to] = matched('db-map', text, /^(\d+)=(\d+)$/, '3=0');
    return rule(`db-map ${text}`, { db: [readDb('db-map', from)], toDb: readDb('db-map', to) });
  });
}

/** `min=1h,max=7d` or `drop` */
function ttls({ ttl }: RuleValues): RuleSpec[] {
  if (ttl === undefined) return [];
  const table: { drop?: boolean; [key: string]: unknown } = {};
  for (const text of parts(ttl)) {
    if (text === 'drop') table.drop = true;
    else {
      const [, key = '', value] = matched('ttl', text, /^(\w+)=(.+)$/, 'min=1h, max=7d, add=10m or drop');
      table[key] = value;
    }
  }
  return [rule('ttl', { ttl: readTtl('ttl', table) })];
}

function dbsOf(texts: readonly string[]): number[] {
  return parts(texts).map((text) => readDb('db', text));
}

function typesOf(texts: readonly string[]): RuleSpec['type'] {
  return parts(texts).map((text) => readType('type', text));
}

function slotsOf(texts: readonly string[]): RuleSpec['slot'] {
  return parts(texts).map((text) => readSlots('slot', text));
}

/** Of values that have no commas: several may stand in one. */
function parts(texts: readonly string[]): string[] {
  return texts.flatMap((text) => text.split(',').map((part) => part.trim()));
}

function matched(option: string, text: string, form: RegExp, example: string): RegExpExecArray {
  const match = form.exec(text);
  if (match !== null) return match;
  throw invalid(`${option}: ${JSON.stringify(text)} can not be used; allowed: ${example}`);
}

function invalid(message: string, cause?: unknown): NaruError {
  return new NaruError('CONFIG_INVALID', message, { side: 'config' }, { cause });
}

/** Finds rules that can not be meant, before anything is written. */
import { compileExpression, ExpressionError, parseTemplate } from './expression.ts';
import { bytesOf, hasKeyPattern, type RuleSpec } from './rule.ts';

/** Says which rule is at fault, where it stands, and why. */
export class RuleError extends Error {}

/** Throws RuleError for the first fault. */
export function checkRules(specs: readonly RuleSpec[]): void {
  const names = new Set<string>();
  for (const spec of specs) {
    if (names.has(spec.name)) fail(spec, 'another rule has this name');
    names.add(spec.name);
    checkOne(spec);
  }
  checkReach(specs);
  checkRenames(specs);
  checkDbs(specs);
}

function checkOne(spec: RuleSpec): void {
  const { action, rename, toDb, ttl, type, command, db } = spec;
  const effects = [action, rename, toDb, ttl].filter((each) => each !== undefined).length;
  if (effects !== 1) {
    fail(spec, `it needs exactly one of action, rename, to_db and ttl, and has ${effects}`);
  }
  try {
    for (const text of spec.regex ?? []) compileExpression(text);
  } catch (error) {
    fail(spec, (error as ExpressionError).message);
  }
  if (action === undefined && type !== undefined) {
    fail(spec, 'the type of a key is not known when a command names it: only action can depend on it');
  }
  if (
    command !== undefined &&
    (action === undefined || type !== undefined || hasKeyPattern(spec) || spec.slot)
  ) {
    fail(spec, 'a rule about commands has an action, may name databases, and knows nothing of keys');
  }
  if (rename !== undefined) checkRename(spec);
  if (ttl !== undefined) checkTtl(spec);
  if (toDb !== undefined && (db === undefined || hasKeyPattern(spec) || spec.slot !== undefined)) {
    fail(spec, 'to_db maps whole databases: it needs db, and nothing else');
  }
}

function checkRename(spec: RuleSpec): void {
  const { prefix, regex, to } = spec.rename as NonNullable<RuleSpec['rename']>;
  if ((prefix === undefined) === (regex === undefined)) fail(spec, 'rename needs either prefix or regex');
  if (prefix === to) fail(spec, 'it renames to the same name');
  try {
    if (regex !== undefined) parseTemplate(bytesOf(to).toString('latin1'), compileExpression(regex));
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    fail(spec, error.message);
  }
}

function checkTtl(spec: RuleSpec): void {
  const { drop, addMs, minMs, maxMs } = spec.ttl as NonNullable<RuleSpec['ttl']>;
  if (drop && (addMs !== undefined || minMs !== undefined || maxMs !== undefined)) {
    fail(spec, 'ttl can not drop expiries and change them too');
  }
  if (!drop && addMs === undefined && minMs === undefined && maxMs === undefined)
    fail(spec, 'ttl says nothing');
  if (minMs !== undefined && maxMs !== undefined && minMs > maxMs) fail(spec, 'ttl: min is more than max');
}

/** A rule behind one that decides all that it could decide says something that will never happen. */
function checkReach(specs: readonly RuleSpec[]): void {
  const filters = specs.filter(({ action, command }) => action !== undefined && command === undefined);
  for (const [i, later] of filters.entries()) {
    const earlier = filters.slice(0, i).find((one) => decidesAllOf(one, later));
    if (earlier === undefined) continue;
    fail(later, `it never applies: ${label(earlier)} comes before it and decides about all of its keys`);
  }
  const all = filters.find((spec) => spec.action === 'drop' && !hasConditions(spec));
  if (all !== undefined) fail(all, 'it drops everything: it has no condition');
  for (const list of ['prefix', 'suffix', 'glob', 'regex', 'db', 'type', 'slot', 'command'] as const) {
    const empty = specs.find((spec) => spec[list]?.length === 0);
    if (empty !== undefined) fail(empty, `${list} is an empty list, which no key is in`);
  }
}

function hasConditions(spec: RuleSpec): boolean {
  return hasKeyPattern(spec) || (spec.db ?? spec.type ?? spec.slot) !== undefined;
}

function decidesAllOf(earlier: RuleSpec, later: RuleSpec): boolean {
  if (earlier.type !== undefined && !within(later.type, earlier.type)) return false;
  if (earlier.db !== undefined && !within(later.db, earlier.db)) return false;
  if (earlier.slot !== undefined && JSON.stringify(earlier.slot) !== JSON.stringify(later.slot)) return false;
  if (!hasKeyPattern(earlier)) return true;
  if (!hasKeyPattern(later)) return false;
  const covered = (list: readonly string[] = [], by: (text: string) => boolean): boolean => list.every(by);
  return (
    covered(later.prefix, (text) => (earlier.prefix ?? []).some((each) => text.startsWith(each))) &&
    covered(later.suffix, (text) => (earlier.suffix ?? []).some((each) => text.endsWith(each))) &&
    covered(later.glob, (text) => (earlier.glob ?? []).includes(text)) &&
    covered(later.regex, (text) => (earlier.regex ?? []).includes(text))
  );
}

function within<T>(inner: readonly T[] | undefined, outer: readonly T[]): boolean {
  return inner?.every((each) => outer.includes(each)) ?? false;
}

function checkRenames(specs: readonly RuleSpec[]): void {
  const renames = specs.filter(({ rename }) => rename?.prefix !== undefined);
  for (const [i, later] of renames.entries()) {
    const text = later.rename?.prefix as string;
    const earlier = renames
      .slice(0, i)
      .find((one) => !hasConditions(one) && text.startsWith(one.rename?.prefix as string));
    if (earlier !== undefined) {
      fail(later, `it never applies: ${label(earlier)} comes before it and renames all of its keys`);
    }
  }
}

function checkDbs(specs: readonly RuleSpec[]): void {
  const mapped = new Map<number, RuleSpec>();
  for (const spec of specs) {
    if (spec.toDb === undefined) continue;
    for (const db of spec.db ?? []) {
      const other = mapped.get(db);
      if (other !== undefined) fail(spec, `database ${db} is mapped by ${label(other)} already`);
      mapped.set(db, spec);
      const dropped = specs.find(
        (one) =>
          one.action === 'drop' &&
          one.db?.includes(db) &&
          !hasKeyPattern(one) &&
          !one.type &&
          !one.slot &&
          !one.command,
      );
      if (dropped !== undefined) fail(spec, `database ${db} is mapped, and ${label(dropped)} drops it`);
    }
  }
}

function label({ name }: RuleSpec): string {
  return JSON.stringify(name);
}

function fail(spec: RuleSpec, why: string): never {
  throw new RuleError(`rule ${label(spec)} (${spec.origin}): ${why}`);
}

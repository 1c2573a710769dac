/**
 * Rules drawn at random, and beside them what they are to make of a key, said a second time with none of the code that is judged: as expressions of
 * JavaScript and ends of strings. No two keys of the same database get one name, so that what is right does not depend on the order of things.
 */
import { keySlot } from '../../src/net/topology/slot.ts';
import type { Random } from '../support/random.ts';
import type { Model, SourceKey } from './model.ts';

export interface RandomRules {
  /** for naru.toml */
  readonly toml: string;
  readonly model: Model;
  /** databases are not all treated alike */
  readonly knowsDbs: boolean;
}

export interface RulesAbout {
  /** what keys look like, in latin1 */
  readonly keys: readonly string[];
  /** databases of the source that are used; with one of them rules know none */
  readonly databases: number;
  /** databases are mapped too */
  readonly maps?: boolean;
  /** renames are by beginnings only */
  readonly onlyPrefixes?: boolean;
}

type Test = (key: SourceKey) => boolean;

/** One condition: how it is written, and whether a key meets it. */
interface Condition {
  readonly text: string;
  readonly test: Test;
  readonly knowsDbs?: boolean;
}

const TYPES = ['string', 'list', 'set', 'zset', 'hash', 'stream'];

export function randomRules(random: Random, about: RulesAbout): RandomRules {
  const filters = random.times(random.int(4), (i) => filterOf(random, about, `filter ${i}`));
  const renames = random.times(random.int(4), (i) => renameOf(random, about, i));
  const ttls = random.times(random.int(3), (i) => ttlOf(random, about, i));
  const maps = about.maps && random.chance(0.6) ? mapsOf(random, about.databases) : new Map<number, number>();
  const otherwise = filters.at(-1)?.keeps === true;
  const model: Model = (key) => {
    const filter = filters.find(({ test }) => test(key));
    if (filter === undefined ? otherwise : !filter.keeps) return undefined;
    const rename = renames.find(({ test, renamed }) => test(key) && renamed(key.key) !== undefined);
    const ttl = key.expireAtMs === 0 ? undefined : ttls.find(({ test }) => test(key));
    return {
      db: maps.get(key.db) ?? key.db,
      key: rename?.renamed(key.key) ?? key.key,
      expireAtMs: ttl === undefined ? key.expireAtMs : ttl.at(key.expireAtMs),
    };
  };
  const tables = [...filters, ...renames, ...ttls].map(({ text }) => text);
  const mapped = [...maps].map(
    ([from, to]) => `[[rules]]\nname = "map ${from}"\ndb = ${from}\nto_db = ${to}`,
  );
  const knowsDbs = maps.size > 0 || [...filters, ...renames, ...ttls].some((rule) => rule.knowsDbs);
  return { toml: [...tables, ...mapped].join('\n'), model, knowsDbs };
}

// ---- effects

function filterOf(random: Random, about: RulesAbout, name: string): Condition & { keeps: boolean } {
  const keeps = random.chance(0.4);
  const { text, test, knowsDbs } = allOf(random, about, true);
  return {
    text: table(name, text, `action = "${keeps ? 'keep' : 'drop'}"`),
    test,
    knowsDbs: knowsDbs === true,
    keeps,
  };
}

interface Rename extends Condition {
  renamed(key: string): string | undefined;
}

/** What is put in place says which rule it is, and holds all that it takes away. */
function renameOf(random: Random, about: RulesAbout, i: number): Rename {
  const { text, test, knowsDbs } = random.chance(0.5)
    ? allOf(random, about, false)
    : { text: '', test: () => true, knowsDbs: false };
  const make = (effect: string, renamed: Rename['renamed']): Rename => ({
    text: table(`rename ${i}`, text, `rename = { ${effect} }`),
    test,
    knowsDbs: knowsDbs === true,
    renamed,
  });
  if (about.onlyPrefixes || random.chance(0.5)) {
    const prefix = random.chance(0.2) ? '' : start(random, about);
    const to = `new${i}/${prefix === '' ? '' : `${[...prefix].reverse().join('')}/`}`;
    return make(`prefix = ${quoted(prefix)}, to = ${quoted(to)}`, (key) =>
      key.startsWith(prefix) ? to + key.slice(prefix.length) : undefined,
    );
  }
  const [regex, to] = random.pick([
    ['^(\\w+):(\\d)', `re${i}~\${2}~\${1}~`],
    ['(\\d)(\\d)$', `~${i}~$2~$1`],
    ['^\\{(\\w+)\\}', `re${i}~{x$1}`],
    ['^\\{t(?P<n>\\d+)\\}([a-n])$', `re${i}~$2~\${n}`],
    ['([aeiou])([a-z])', `~${i}~$2$1~`],
  ] as [string, string][]);
  const own = new RegExp(regex.replace('?P<', '?<'));
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a group of RE2's form
  const replacement = to.replace(/\$\{(\d)\}/g, (_, n) => `$${n}`).replace('${n}', '$<n>');
  return make(`regex = ${quoted(regex)}, to = ${quoted(to)}`, (key) =>
    own.test(key) ? key.replace(own, replacement) : undefined,
  );
}

function ttlOf(random: Random, about: RulesAbout, i: number): Condition & { at(ms: number): number } {
  const { text, test, knowsDbs } = allOf(random, about, false);
  const hours = 1 + random.int(100);
  const [effect, at] = random.pick<[string, (ms: number) => number]>([
    [`add = "${hours}h"`, (ms) => ms + hours * 3_600_000],
    ['drop = true', () => 0],
    // Bounds that no expiry of the writers touches.
    ['min = "1s", max = "5000d"', (ms) => ms],
  ]);
  return { text: table(`ttl ${i}`, text, `ttl = { ${effect} }`), test, knowsDbs: knowsDbs === true, at };
}

/** Each database gets one for itself. */
function mapsOf(random: Random, databases: number): Map<number, number> {
  const maps = new Map<number, number>();
  for (let db = 0; db < databases; db++) if (random.chance(0.5)) maps.set(db, 15 - db);
  return maps;
}

// ---- conditions

function allOf(random: Random, about: RulesAbout, isFilter: boolean): Condition {
  const kinds = [nameCondition, slotCondition];
  if (about.databases > 1) kinds.push(dbCondition);
  if (isFilter) kinds.push(typeCondition);
  const first = random.chance(0.7) ? nameCondition : random.pick(kinds);
  const conditions = [first(random, about)];
  if (random.chance(0.25)) {
    const second = random.pick(kinds);
    if (second !== first) conditions.push(second(random, about));
  }
  return {
    text: conditions.map(({ text }) => text).join('\n'),
    test: (key) => conditions.every(({ test }) => test(key)),
    knowsDbs: conditions.some(({ knowsDbs }) => knowsDbs),
  };
}

/** Of prefixes, suffixes, globs and expressions one has to match. */
function nameCondition(random: Random, about: RulesAbout): Condition {
  const makers = [prefixes, suffixes, globs, expressions];
  const first = random.pick(makers);
  const second = random.pick(makers);
  const conditions = [first, ...(second === first || random.chance(0.6) ? [] : [second])].map((make) =>
    make(random, about),
  );
  return {
    text: conditions.map(({ text }) => text).join('\n'),
    test: (key) => conditions.some(({ test }) => test(key)),
  };
}

function prefixes(random: Random, about: RulesAbout): Condition {
  const list = random.times(1 + random.int(3), () => start(random, about));
  return {
    text: `prefix = [${list.map(quoted).join(', ')}]`,
    test: ({ key }) => list.some((each) => key.startsWith(each)),
  };
}

function suffixes(random: Random, about: RulesAbout): Condition {
  const list = random.times(1 + random.int(3), () => random.pick(about.keys).slice(-1 - random.int(2)));
  return {
    text: `suffix = [${list.map(quoted).join(', ')}]`,
    test: ({ key }) => list.some((each) => key.endsWith(each)),
  };
}

function globs(random: Random, about: RulesAbout): Condition {
  const key = random.pick(about.keys).replace(/[*?[\]\\^]/g, '_');
  const [glob, own] = random.pick<[string, RegExp]>([
    [`${key.slice(0, 2)}*`, new RegExp(`^${escaped(key.slice(0, 2))}`)],
    ['*[2-5]', /[2-5]$/],
    ['*:?', /:[\s\S]$/],
    ['[a-m]*[^0-4]', /^[a-m][\s\S]*[^0-4]$/],
    [`?*${key.slice(-1)}`, new RegExp(`^[\\s\\S]+${escaped(key.slice(-1))}$`)],
    ['*t*s*', /t[\s\S]*s/],
  ]);
  return { text: `glob = ${quoted(glob)}`, test: ({ key: name }) => own.test(name) };
}

function expressions(random: Random): Condition {
  const regex = random.pick([
    '^(list|zset|str):[0-4]',
    '[13579]$',
    '\\d\\d',
    '^[a-k]',
    '[sn]$',
    '1[0-5]?\\}',
    '^\\W*t',
  ]);
  return { text: `regex = ${quoted(regex)}`, test: ({ key }) => new RegExp(regex).test(key) };
}

function dbCondition(random: Random, { databases }: RulesAbout): Condition {
  const dbs = random.times(1 + random.int(3), () => random.int(databases));
  return { text: `db = [${dbs.join(', ')}]`, test: ({ db }) => dbs.includes(db), knowsDbs: true };
}

function typeCondition(random: Random): Condition {
  const types = random.times(1 + random.int(2), () => random.pick(TYPES));
  return { text: `type = [${types.map(quoted).join(', ')}]`, test: ({ type }) => types.includes(type) };
}

function slotCondition(random: Random): Condition {
  const first = random.int(16384);
  const last = Math.min(16383, first + random.int(12000));
  return {
    text: `slot = "${first}-${last}"`,
    test: ({ key }) => {
      const slot = keySlot(Buffer.from(key, 'latin1'), 0, key.length);
      return slot >= first && slot <= last;
    },
  };
}

// ---- texts

function start(random: Random, { keys }: RulesAbout): string {
  return random.pick(keys).slice(0, 1 + random.int(6));
}

function table(name: string, ...lines: string[]): string {
  return ['[[rules]]', `name = "${name}"`, ...lines.filter((line) => line !== '')].join('\n');
}

/** Text of TOML; bytes that are not printable go as `\xHH`. */
function quoted(text: string): string {
  const bytes = text.replace(
    /[^\x20-\x7e]/g,
    (one) => `\\x${one.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
  return JSON.stringify(bytes);
}

function escaped(text: string): string {
  return text.replace(/[^\w]/g, (one) => `\\x${one.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

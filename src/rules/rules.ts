import { keySlot } from '../net/topology/slot.ts';
import { checkRules } from './check.ts';
import { KeyMatcher } from './key-matcher.ts';
import { type Renamer, renamerOf } from './renamer.ts';
import type { RuleSpec, TtlSpec, TypeName } from './rule.ts';
import { RuleCounters } from './rule-counters.ts';
import type { Transform } from './transform.ts';

/** What `decide` says beside the index of the rule that drops. */
export const KEEP = -1;
/** It depends on the key's type, which was not given. */
export const DEPENDS = -2;

interface Filter {
  readonly index: number;
  readonly drops: boolean;
  readonly key: KeyMatcher | undefined;
  readonly dbs: readonly number[] | undefined;
  readonly types: readonly TypeName[] | undefined;
  readonly slots: RuleSpec['slot'];
  readonly commands: ReadonlySet<string> | undefined;
}

interface Change<T> extends Omit<Filter, 'drops' | 'commands'> {
  readonly what: T;
}

/**
 * A table of rules, compiled. Of the rules that keep or drop the first one that matches decides; where none does, a key gets the opposite of what the
 * last of them does. Of those that rename, and of those about expiries: one at most applies.
 *
 * Keys are those of the source throughout. The object keeps counts, so that each link has its own.
 */
export class Rules {
  readonly specs: readonly RuleSpec[];
  readonly counters: RuleCounters;
  /** functions of the user's own, asked about what the rules keep; undefined: there are none */
  transform: Transform | undefined;
  readonly #filters: readonly Filter[];
  readonly #commandFilters: readonly Filter[];
  readonly #renames: readonly Change<Renamer>[];
  readonly #ttls: readonly Change<TtlSpec>[];
  readonly #dbs: ReadonlyMap<number, { to: number; index: number }>;
  readonly #otherwise: number;
  readonly #otherCommands: number;
  /** The target has one database, and all of the source's are written to it. */
  oneDatabase = false;

  /** Throws RuleError. */
  constructor(specs: readonly RuleSpec[]) {
    checkRules(specs);
    this.specs = specs;
    this.counters = new RuleCounters(specs);
    const filters = specs.flatMap((spec, index) =>
      spec.action === undefined ? [] : [filterOf(spec, index)],
    );
    this.#filters = filters.filter(({ commands }) => commands === undefined);
    this.#commandFilters = filters.filter(({ commands }) => commands !== undefined);
    this.#otherwise = otherwise(this.#filters, specs.length);
    this.#otherCommands = otherwise(this.#commandFilters, specs.length);
    this.#renames = specs.flatMap((spec, index) =>
      spec.rename === undefined ? [] : [{ ...filterOf(spec, index), what: renamerOf(spec.rename) }],
    );
    this.#ttls = specs.flatMap((spec, index) =>
      spec.ttl === undefined ? [] : [{ ...filterOf(spec, index), what: spec.ttl }],
    );
    this.#dbs = new Map(
      specs.flatMap(({ db = [], toDb }, index) =>
        toDb === undefined ? [] : db.map((each) => [each, { to: toDb, index }] as const),
      ),
    );
  }

  get filters(): boolean {
    return this.#filters.length > 0;
  }

  get renames(): boolean {
    return this.#renames.length > 0 || this.transform?.renames === true;
  }

  get mapsDbs(): boolean {
    return this.#dbs.size > 0;
  }

  /** Keys are written elsewhere than to their own names and databases. */
  get moves(): boolean {
    return this.renames || this.mapsDbs || this.oneDatabase;
  }

  /** From a name in the target can be told which keys become it. */
  get invertible(): boolean {
    return !this.transform?.renames && this.#renames.every(({ what }) => what.origin !== undefined);
  }

  /** Several databases of the source are written to one. */
  get mergesDbs(): boolean {
    const { mappedDbs } = this;
    const targets = new Set(mappedDbs.values());
    return this.oneDatabase || targets.size < mappedDbs.size || [...targets].some((to) => !mappedDbs.has(to));
  }

  get changesTtls(): boolean {
    return this.#ttls.length > 0;
  }

  /** Databases are not all treated alike. */
  get knowsDbs(): boolean {
    return this.specs.some(({ db }) => db !== undefined);
  }

  get knowsTypes(): boolean {
    return this.specs.some(({ type }) => type !== undefined);
  }

  /** Each database that another one is written into: several of the source then share one, if it has keys itself or two are mapped to it. */
  get mappedDbs(): ReadonlyMap<number, number> {
    return new Map([...this.#dbs].map(([from, { to }]) => [from, to]));
  }

  /** KEEP, DEPENDS, or the index of the rule that drops the key `buf[start, end)`. `type` undefined: it is not known. */
  decide(db: number, buf: Buffer, start: number, end: number, type: TypeName | undefined): number {
    for (let i = 0; i < this.#filters.length; i++) {
      const filter = this.#filters[i] as Filter;
      if (!matchesKey(filter, db, buf, start, end)) continue;
      if (filter.types !== undefined) {
        if (type === undefined) return DEPENDS;
        if (!filter.types.includes(type)) continue;
      }
      return filter.drops ? filter.index : KEEP;
    }
    return this.#otherwise;
  }

  /** KEEP, or the index of the rule that drops all commands of this name. */
  decideCommand(db: number, buf: Buffer, start: number, end: number): number {
    if (this.#commandFilters.length === 0) return KEEP;
    const name = buf.toString('latin1', start, end).toUpperCase();
    for (const { commands, dbs, drops, index } of this.#commandFilters) {
      if (commands?.has(name) && (dbs === undefined || dbs.includes(db))) return drops ? index : KEEP;
    }
    return this.#otherCommands;
  }

  /** The name in the target, where it is another one. The buffer is new. */
  rename(db: number, buf: Buffer, start: number, end: number): Buffer | undefined {
    for (let i = 0; i < this.#renames.length; i++) {
      const change = this.#renames[i] as Change<Renamer>;
      if (!matchesKey(change, db, buf, start, end)) continue;
      const name = change.what.rename(buf, start, end);
      if (name === undefined) continue;
      this.counters.renamed(change.index);
      return name;
    }
    if (!this.transform?.renames) return undefined;
    const name = this.transform.rename(buf.subarray(start, end), db);
    if (name !== undefined) this.counters.renamed(this.counters.transform);
    return name;
  }

  /** The transform has left out what it was asked about last. What it failed at is counted as `rejected`. */
  transformDropped(): void {
    if (this.transform?.failed === false) this.counters.dropped(this.counters.transform);
  }

  mapDb(db: number): number {
    return this.oneDatabase ? 0 : (this.#dbs.get(db)?.to ?? db);
  }

  /** Whether keys of this database may be kept, as far as that can be told without one. */
  mayKeep(db: number): boolean {
    for (const { dbs, drops, key, types, slots } of this.#filters) {
      if (dbs !== undefined && !dbs.includes(db)) continue;
      if (!drops) return true;
      if (key === undefined && types === undefined && slots === undefined) return false;
    }
    return this.#otherwise === KEEP;
  }

  /** ms since 1970; -1: the key does not expire. `expireAtMs` is what it is at the source. */
  expiry(db: number, buf: Buffer, start: number, end: number, expireAtMs: number, nowMs: number): number {
    if (expireAtMs < 0) return expireAtMs;
    const change = this.#ttlOf(db, buf, start, end);
    if (change === undefined) return expireAtMs;
    const at = changed(change.what, expireAtMs, nowMs);
    if (at !== expireAtMs) this.counters.ttlChanged(change.index);
    return at;
  }

  /** Whether a rule is about the key's expiry. */
  hasTtl(db: number, buf: Buffer, start: number, end: number): boolean {
    return this.#ttlOf(db, buf, start, end) !== undefined;
  }

  #ttlOf(db: number, buf: Buffer, start: number, end: number): Change<TtlSpec> | undefined {
    return this.#ttls.find((ttl) => matchesKey(ttl, db, buf, start, end));
  }

  /**
   * Whether a key of this name in the target's database `db` is one that the rules would have put there: a type that is not given is left open. Undefined: it
   * can not be told, since a rule renames by an expression.
   */
  covers(db: number, name: Buffer, ofDb: number | undefined, type?: TypeName): boolean | undefined {
    if (!this.invertible) return undefined;
    const dbs = ofDb === undefined ? [db, ...this.#dbs.keys()] : [ofDb];
    return dbs.some((from) => this.mapDb(from) === db && this.origins(from, name, type).length > 0);
  }

  /** The keys of the source's database `db` that become this name, whether they are there or not. Only where `invertible`. */
  origins(db: number, name: Buffer, type?: TypeName): Buffer[] {
    const candidates = [name];
    for (const { what } of this.#renames) {
      const origin = what.origin?.(name);
      if (origin !== undefined && !candidates.some((one) => one.equals(origin))) candidates.push(origin);
    }
    return candidates.filter((key) => this.#becomes(db, key, name, type));
  }

  #becomes(db: number, key: Buffer, name: Buffer, type: TypeName | undefined): boolean {
    const decision = this.decide(db, key, 0, key.length, type);
    if (decision >= 0) return false;
    return this.nameOf(db, key).equals(name);
  }

  /** The key's name in the target; nothing is counted. */
  nameOf(db: number, key: Buffer): Buffer {
    const counted = this.counters.pause();
    const name = this.rename(db, key, 0, key.length) ?? key;
    counted();
    return name;
  }
}

function filterOf(spec: RuleSpec, index: number): Filter {
  return {
    index,
    drops: spec.action === 'drop',
    key: KeyMatcher.of(spec),
    dbs: spec.db,
    types: spec.type,
    slots: spec.slot,
    commands: spec.command && new Set(spec.command.map((name) => name.toUpperCase())),
  };
}

/** What becomes of what no rule matches: the opposite of what the last rule does. */
function otherwise(filters: readonly Filter[], implicit: number): number {
  return filters.at(-1)?.drops === false ? implicit : KEEP;
}

function matchesKey(
  { key, dbs, slots }: Pick<Filter, 'key' | 'dbs' | 'slots'>,
  db: number,
  buf: Buffer,
  start: number,
  end: number,
): boolean {
  if (dbs !== undefined && !dbs.includes(db)) return false;
  if (slots !== undefined) {
    const slot = keySlot(buf, start, end);
    if (!slots.some(([first, last]) => slot >= first && slot <= last)) return false;
  }
  return key === undefined || key.matches(buf, start, end);
}

function changed({ drop, addMs = 0, minMs, maxMs }: TtlSpec, expireAtMs: number, nowMs: number): number {
  if (drop) return -1;
  let at = expireAtMs + addMs;
  if (minMs !== undefined && at < nowMs + minMs) at = nowMs + minMs;
  if (maxMs !== undefined && at > nowMs + maxMs) at = nowMs + maxMs;
  return at;
}

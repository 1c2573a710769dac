/** What rules make of a source, seen on some of its keys; nothing is written anywhere. */
import { loadRules } from '../config/rules-of-options.ts';
import type { ResolvedSyncOptions } from '../config/sync-options.ts';
import { NaruError } from '../errors/errors.ts';
import { printable } from '../errors/printable.ts';
import { openClient, type RespClient } from '../net/client.ts';
import { discover } from '../net/topology/discover.ts';
import { nodeEndpoint, type TopologyNode } from '../net/topology/topology.ts';
import type { Reply } from '../protocol/resp/reply.ts';
import { TYPE_NAMES, type TypeName } from '../rules/rule.ts';
import type { Rules } from '../rules/rules.ts';
import { ask, readFacts } from './facts.ts';
import { questionOf } from './source-nodes.ts';

export interface Sampled {
  count: number;
  /** the first few: keys as people see them, and what they become */
  examples: string[];
}

export interface RuleSample {
  rule: string;
  drops: Sampled;
  renames: Sampled;
  expires: Sampled;
}

export interface RulesSample {
  /** keys that were looked at */
  keys: number;
  kept: Sampled;
  /** each rule, in order; those about commands have nothing to show */
  rules: RuleSample[];
  /** kept keys that get the name of another one among those that were looked at */
  merged: Sampled;
}

const EXAMPLES = 5;
const SCAN_COUNT = 200;

/** `size`: keys to look at, shared among the source's servers and databases. Rejects with NaruError. */
export async function sampleRules(
  options: ResolvedSyncOptions,
  size: number,
  signal: AbortSignal,
): Promise<RulesSample> {
  const rules = await loadRules(options);
  if (rules === undefined) {
    throw new NaruError(
      'USAGE',
      'There are no rules: give [[rules]] in naru.toml, or options such as --include-prefix',
    );
  }
  const { kind, nodes } = await discover(questionOf(options, signal));
  const servers =
    kind === 'cluster'
      ? nodes.filter(({ role, slots }) => role === 'master' && slots.length > 0)
      : nodes.slice(0, 1);
  const sampler = new Sampler(rules);
  for (const [i, node] of servers.entries()) {
    await sampler.server(await open(options, node, signal), Math.ceil((size * (i + 1)) / servers.length));
  }
  return sampler.result;
}

function open(options: ResolvedSyncOptions, node: TopologyNode, signal: AbortSignal): Promise<RespClient> {
  const { from, fromTls: tls = {}, connectTimeout: timeoutMs } = options;
  return openClient({ ...nodeEndpoint(from, node), db: 0 }, { tls, timeoutMs, side: 'source', signal });
}

class Sampler {
  readonly #rules: Rules;
  readonly #names = new Map<string, string>();
  readonly result: RulesSample;

  constructor(rules: Rules) {
    this.#rules = rules;
    const { names, transform } = rules.counters;
    this.result = {
      keys: 0,
      kept: none(),
      rules: names
        .slice(0, rules.transform === undefined ? transform : names.length)
        .map((rule) => ({ rule, drops: none(), renames: none(), expires: none() })),
      merged: none(),
    };
  }

  /** Until `upTo` keys were looked at in all. */
  async server(client: RespClient, upTo: number): Promise<void> {
    try {
      const { keyspace } = await readFacts(client);
      // The small ones first: what they leave of their share goes to the others.
      const dbs = [...keyspace].filter(([, count]) => count > 0).sort(([, a], [, b]) => a - b);
      const before = this.result.keys;
      for (const [i, [db]] of dbs.entries()) {
        if (db !== 0 || i > 0) await ask(client, 'SELECT', db);
        await this.#database(client, db, before + Math.ceil(((upTo - before) * (i + 1)) / dbs.length));
      }
    } finally {
      client.connection.destroy();
    }
  }

  async #database(client: RespClient, db: number, upTo: number): Promise<void> {
    for (let cursor = '0'; this.result.keys < upTo; ) {
      const [next, keys] = (await ask(client, 'SCAN', cursor, 'COUNT', SCAN_COUNT)) as [Buffer, Buffer[]];
      const some = keys.slice(0, upTo - this.result.keys);
      const types = await Promise.all(some.map((key) => ask(client, 'TYPE', key)));
      const ttls = await Promise.all(some.map((key) => ask(client, 'PTTL', key)));
      for (const [i, key] of some.entries()) this.#look(db, key, types[i] as Reply, Number(ttls[i]));
      cursor = next.toString();
      if (cursor === '0') return;
    }
  }

  #look(db: number, key: Buffer, typeReply: Reply, ttlMs: number): void {
    const type = String(typeReply);
    if (type === 'none') return;
    const { result } = this;
    result.keys++;
    const place = placeOf(db, key);
    const typeName: TypeName = TYPE_NAMES.find((each) => each === type) ?? 'module';
    const rule = this.#rules.decide(db, key, 0, key.length, typeName);
    const dropped = rule >= 0 ? rule : this.#transformed(db, key, typeName, ttlMs, place);
    if (dropped >= 0) {
      add(result.rules[dropped]?.drops, place);
      return;
    }
    const renamed = this.#ruleOf('renamed', () => this.#rules.rename(db, key, 0, key.length));
    const there = placeOf(this.#rules.mapDb(db), renamed.value ?? key);
    const name = there === place ? place : `${place} -> ${there}`;
    add(result.kept, name);
    if (renamed.rule >= 0) add(result.rules[renamed.rule]?.renames, name);
    this.#expiry(db, key, ttlMs, place);
    const other = this.#names.get(there);
    if (other !== undefined) add(result.merged, `${other} and ${place} -> ${there}`);
    this.#names.set(there, place);
  }

  /** The place of the transform among the rules where it leaves the key out, else -1. */
  #transformed(db: number, key: Buffer, type: TypeName, ttlMs: number, place: string): number {
    const { transform, counters } = this.#rules;
    if (!transform?.ofEntries) return -1;
    const at = ttlMs < 0 ? -1 : Date.now() + ttlMs;
    const wanted = transform.entry(db, key, type, at);
    if (Number.isNaN(wanted)) return counters.transform;
    if (wanted !== at) {
      const text = wanted < 0 ? 'does not expire' : new Date(wanted).toISOString();
      add(this.result.rules[counters.transform]?.expires, `${place}: ${text}`);
    }
    return -1;
  }

  #expiry(db: number, key: Buffer, ttlMs: number, place: string): void {
    const at = ttlMs < 0 ? -1 : ttlMs;
    const { rule, value } = this.#ruleOf('ttl', () => this.#rules.expiry(db, key, 0, key.length, at, 0));
    if (rule < 0) return;
    const text = value < 0 ? 'does not expire' : `${Math.round(value / 1000)} s`;
    add(this.result.rules[rule]?.expires, `${place}: ${Math.round(ttlMs / 1000)} s -> ${text}`);
  }

  /** What a question to the rules answers, and which rule has counted it. */
  #ruleOf<T>(what: 'renamed' | 'ttl', question: () => T): { rule: number; value: T } {
    const counts = (): number[] => {
      const list = new Map(this.#rules.counters.list.map((each) => [each.rule, each[what]]));
      return this.#rules.counters.names.map((name) => list.get(name) ?? 0);
    };
    const before = counts();
    const value = question();
    const after = counts();
    return { rule: after.findIndex((count, i) => count > (before[i] as number)), value };
  }
}

function none(): Sampled {
  return { count: 0, examples: [] };
}

function add(sampled: Sampled | undefined, example: string): void {
  if (sampled === undefined) return;
  sampled.count++;
  if (sampled.examples.length < EXAMPLES) sampled.examples.push(example);
}

function placeOf(db: number, key: Buffer): string {
  return db === 0 ? printable(key) : `db ${db} ${printable(key)}`;
}

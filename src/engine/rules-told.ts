/** What the engine asks of rules before a run, and tells of them. */
import { compileRules } from '../config/rules-of-options.ts';
import type { TargetOptions } from '../config/sync-options.ts';
import { NaruError } from '../errors/errors.ts';
import { openClient, type RespClient, ServerError } from '../net/client.ts';
import { nodeEndpoint, type Topology, type TopologyNode } from '../net/topology/topology.ts';
import type { RuleCount } from '../rules/rule-counters.ts';
import type { Rules } from '../rules/rules.ts';
import type { RulesEvent } from './events.ts';

/** What the rules of all links have done. */
export function rulesEvent(all: readonly Rules[]): RulesEvent {
  const sums = new Map<string, RuleCount>();
  for (const { rule, dropped, renamed, ttl } of all.flatMap(({ counters }) => counters.list)) {
    const sum = sums.get(rule) ?? { rule, dropped: 0, renamed: 0, ttl: 0 };
    sums.set(rule, {
      rule,
      dropped: sum.dropped + dropped,
      renamed: sum.renamed + renamed,
      ttl: sum.ttl + ttl,
    });
  }
  const total = (count: (rules: Rules) => number): number =>
    all.reduce((sum, rules) => sum + count(rules), 0);
  return {
    event: 'rules',
    rules: [...sums.values()],
    cut: total(({ counters }) => counters.cut),
    merged: total(({ counters }) => counters.merged),
    rejected: total(({ transform }) => transform?.rejected ?? 0),
  };
}

/** The databases that others are mapped to have to be there. Rejects with NaruError. */
export async function checkDatabases(
  options: TargetOptions,
  target: Topology,
  signal: AbortSignal,
): Promise<void> {
  const rules = compileRules(options);
  if (rules === undefined || !rules.mapsDbs) return;
  const { kind, databases = 1, nodes } = target;
  if ((kind === 'cluster' || kind === 'proxy') && databases === 1) {
    // A proxy may hang up at a SELECT, which nobody could tell from an outage.
    const wrong = [...rules.mappedDbs].find(([, db]) => db !== 0);
    if (wrong !== undefined) throw missing(...wrong, `a ${kind} has one`);
    return;
  }
  const { to, toTls: tls = {}, connectTimeout: timeoutMs } = options;
  const client = await openClient(
    { ...nodeEndpoint(to, nodes[0] as TopologyNode), db: 0 },
    { tls, timeoutMs, side: 'target', signal, ...(kind === 'proxy' && { clientName: '' }) },
  );
  try {
    await refuseMissing(client, rules);
  } finally {
    client.connection.destroy();
  }
}

/** The same where somebody is connected already. */
async function refuseMissing(client: RespClient, rules: Rules): Promise<void> {
  for (const [from, db] of rules.mappedDbs) {
    // It is always there.
    if (db === 0) continue;
    try {
      await client.call('SELECT', db);
    } catch (error) {
      if (!(error instanceof ServerError)) throw error;
      throw missing(from, db, error.text);
    }
  }
}

function missing(from: number, db: number, why: string): NaruError {
  const text = `Database ${from} is mapped to ${db}, which the target does not have: ${why}`;
  return new NaruError('CONFIG_INVALID', text, { side: 'target' });
}

import { NaruError } from '../errors/errors.ts';
import type { Dialect } from '../target/redis/dialect.ts';
import type { NodeFacts } from './facts.ts';

/** A node that was asked. */
export interface CheckedNode {
  readonly facts: NodeFacts;
  /** its address, for words to people */
  readonly node: string;
}

export interface PrecheckOptions {
  readonly onConflict: string | undefined;
  readonly functions: 'copy' | 'skip';
  /** what the target can't hold may be left out */
  readonly lossy: boolean;
}

/** Takes what should be looked at but hinders nothing. */
export type Warn = (code: string, message: string) => void;

const CLOCK_SKEW_MS = 1000;

type Target = CheckedNode & { readonly dialect: Dialect };

/** What must be so before anything is written. Throws the first NaruError. */
export function precheck(source: CheckedNode, target: Target, options: PrecheckOptions, warn: Warn): void {
  checkDifferent(source, target);
  checkRole(target);
  checkReplica(source, target);
  checkLosses(source, target, options);
  checkEmpty(target, options);
  warnOfClocks(source.facts, target.facts, warn);
  warnOfEviction(target.facts, warn);
}

/** The same where the source is a file. */
export function precheckTarget(target: CheckedNode, options: PrecheckOptions, warn: Warn): void {
  checkRole(target);
  checkEmpty(target, options);
  warnOfEviction(target.facts, warn);
}

function checkDifferent(source: CheckedNode, target: CheckedNode): void {
  const { runId } = source.facts;
  if (runId === '' || runId !== target.facts.runId) return;
  throw new NaruError('SAME_SERVER', `Source and target are the same server (run id ${runId})`, {
    side: 'target',
    node: target.node,
  });
}

function checkRole({ facts, node }: CheckedNode): void {
  if (facts.role === 'master') return;
  throw new NaruError('TARGET_IS_REPLICA', `The target's role is ${facts.role}: it takes no writes of ours`, {
    side: 'target',
    node,
  });
}

function checkReplica({ facts, node }: CheckedNode, target: CheckedNode): void {
  if (facts.role === 'master') return;
  const atSource = { side: 'source', node } as const;
  if (facts.replid !== '' && facts.replid === target.facts.replid) {
    throw new NaruError(
      'SAME_SERVER',
      'The source is a replica of the target: what is written there would come back, for ever',
      atSource,
    );
  }
  if (facts.masterLinkUp) return;
  throw new NaruError(
    'SOURCE_NO_MASTER',
    'The source is a replica whose link to its master is down',
    atSource,
  );
}

/** What the source itself says it holds and the target can't: better told before anything is written than hours later. */
function checkLosses(
  { facts }: CheckedNode,
  { dialect, node }: Target,
  { functions, lossy }: PrecheckOptions,
): void {
  if (lossy) return;
  const refuse = (what: string, needs: string): never => {
    const text = `The source holds ${what}, which the target (${dialect.name}) can not hold: that needs ${needs}`;
    throw new NaruError('TARGET_TOO_OLD', text, { side: 'target', node });
  };
  if (facts.expiringFields && !dialect.fieldExpiry)
    refuse('hashes whose fields expire', 'Redis 7.4 or Valkey 9');
  if (functions === 'copy' && facts.functionLibraries > 0 && !dialect.functions)
    refuse('function libraries', 'Redis 7');
}

function checkEmpty({ facts, node }: CheckedNode, { onConflict }: PrecheckOptions): void {
  const keys = countKeys(facts);
  if (keys === 0 || onConflict !== undefined) return;
  throw new NaruError('TARGET_NOT_EMPTY', `The target holds ${keys} key(s)`, { side: 'target', node });
}

export function countKeys(facts: NodeFacts): number {
  let keys = 0;
  for (const count of facts.keyspace.values()) keys += count;
  return keys;
}

function warnOfClocks(source: NodeFacts, target: NodeFacts, warn: Warn): void {
  const skewMs = target.clockMs - source.clockMs;
  if (Math.abs(skewMs) <= CLOCK_SKEW_MS) return;
  const message = `The target's clock is ${skewMs} ms off the source's: keys expire by the target's clock, so that much earlier or later.`;
  warn('CLOCK_SKEW', message);
}

function warnOfEviction(target: NodeFacts, warn: Warn): void {
  if (target.maxmemory === 0 || target.maxmemoryPolicy === 'noeviction') return;
  const message = `The target evicts keys (maxmemory-policy ${target.maxmemoryPolicy}) when it reaches maxmemory: what was copied may vanish there.`;
  warn('TARGET_EVICTS', message);
}

import { NaruError } from '../errors/errors.ts';
import { canRestore, type NodeFacts, VALKEY_OWN } from './facts.ts';

export interface TargetInput {
  target: NodeFacts;
  targetNode: string;
  onConflict: string | undefined;
}

export interface PrecheckInput extends TargetInput {
  source: NodeFacts;
  sourceNode: string;
}

const CLOCK_SKEW_MS = 1000;

/** What must be so before anything is written. Throws the first NaruError; returns what should be looked at but hinders nothing. */
export function precheck(input: PrecheckInput): { code: string; message: string }[] {
  const { source, target, sourceNode, targetNode } = input;
  const atSource = { side: 'source', node: sourceNode } as const;
  const atTarget = { side: 'target', node: targetNode } as const;
  if (source.runId !== '' && source.runId === target.runId) {
    throw new NaruError(
      'SAME_SERVER',
      `Source and target are the same server (run id ${source.runId})`,
      atTarget,
    );
  }
  checkRole(input);
  if (source.role !== 'master' && source.replid !== '' && source.replid === target.replid) {
    throw new NaruError(
      'SAME_SERVER',
      'The source is a replica of the target: what is written there would come back, for ever',
      atSource,
    );
  }
  if (source.role !== 'master' && !source.masterLinkUp) {
    throw new NaruError(
      'SOURCE_NO_MASTER',
      'The source is a replica whose link to its master is down',
      atSource,
    );
  }
  checkFields(input);
  checkEmpty(input);
  return [...clocks(source, target), ...eviction(target)];
}

/** The same where the source is a file. */
export function precheckTarget(input: TargetInput): { code: string; message: string }[] {
  checkRole(input);
  checkEmpty(input);
  return eviction(input.target);
}

/** A Valkey writes hashes whose fields expire in its own RDB version only, and breaks the snapshot off where it may not. */
function checkFields({ source, target, targetNode }: PrecheckInput): void {
  if (source.flavour !== 'valkey' || !source.expiringFields || canRestore(target, VALKEY_OWN)) return;
  throw new NaruError(
    'TARGET_TOO_OLD',
    `The source holds hashes whose fields expire, which ${target.flavour} ${target.version} can not read from Valkey`,
    { side: 'target', node: targetNode },
  );
}

function checkRole({ target, targetNode }: TargetInput): void {
  if (target.role === 'master') return;
  throw new NaruError(
    'TARGET_IS_REPLICA',
    `The target's role is ${target.role}: it takes no writes of ours`,
    {
      side: 'target',
      node: targetNode,
    },
  );
}

function checkEmpty({ target, targetNode, onConflict }: TargetInput): void {
  const keys = countKeys(target);
  if (keys === 0 || onConflict !== undefined) return;
  throw new NaruError('TARGET_NOT_EMPTY', `The target holds ${keys} key(s)`, {
    side: 'target',
    node: targetNode,
  });
}

export function countKeys(facts: NodeFacts): number {
  let keys = 0;
  for (const count of facts.keyspace.values()) keys += count;
  return keys;
}

function clocks(source: NodeFacts, target: NodeFacts): { code: string; message: string }[] {
  const skewMs = target.clockMs - source.clockMs;
  if (Math.abs(skewMs) <= CLOCK_SKEW_MS) return [];
  const message = `The target's clock is ${skewMs} ms off the source's: keys expire by the target's clock, so that much earlier or later.`;
  return [{ code: 'CLOCK_SKEW', message }];
}

function eviction(target: NodeFacts): { code: string; message: string }[] {
  if (target.maxmemory === 0 || target.maxmemoryPolicy === 'noeviction') return [];
  const message = `The target evicts keys (maxmemory-policy ${target.maxmemoryPolicy}) when it reaches maxmemory: what was copied may vanish there.`;
  return [{ code: 'TARGET_EVICTS', message }];
}

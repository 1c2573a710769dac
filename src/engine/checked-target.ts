import type { RespClient } from '../net/client.ts';
import { askKeyTable } from '../pipeline/keys/by-server.ts';
import type { KeyTable } from '../pipeline/keys/key-table.ts';
import { Losses } from '../target/losses.ts';
import { askDialect, type Dialect } from '../target/redis/dialect.ts';
import type { NodeFacts } from './facts.ts';
import { type PrecheckOptions, precheck, precheckTarget, type Warn } from './precheck.ts';
import type { TargetSession } from './target-session.ts';

/** A target that may be written to, and what it can hold. */
export interface CheckedTarget {
  readonly facts: NodeFacts;
  readonly dialect: Dialect;
  readonly losses: Losses;
  readonly commands: KeyTable;
}

/**
 * Asks and checks the target on its first connection, for a source (undefined: a file), and makes the connection the one that writes.
 * Rejects with NaruError; nothing was written then.
 */
export async function checkTarget(
  session: TargetSession,
  client: RespClient,
  source: { facts: NodeFacts; node: string } | undefined,
  options: PrecheckOptions,
  warn: Warn,
): Promise<CheckedTarget> {
  const facts = await session.facts(client, source?.facts.runId ?? '');
  const dialect = await askDialect(client, facts.flavour, facts.version);
  const target = { facts, node: session.node, dialect };
  if (source === undefined) precheckTarget(target, options, warn);
  else precheck(source, target, options, warn);
  const commands = await askKeyTable(client);
  await session.adopt(client, facts.runId);
  const losses = new Losses({
    lossy: options.lossy,
    target: dialect.name,
    node: session.node,
    onFirst: (message) => warn('LEFT_OUT', message),
  });
  return { facts, dialect, losses, commands };
}

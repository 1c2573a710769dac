import { isNaruError } from '../../../errors/errors.ts';
import type { Way } from './follower.ts';
import { openKeyspace } from './keyspace.ts';
import { openMonitor } from './monitor.ts';
import type { OpenClient, OpenSession, Session, Told } from './session.ts';
import { openTracking } from './tracking.ts';

export interface Asking {
  open: OpenClient;
  /** the source is a proxy: these tell of all shards behind it (see `openMonitor`) */
  proxyMonitors?: readonly (readonly (string | number)[])[] | undefined;
}

export interface Choice {
  readonly way: Way;
  /** for the operator: of each way that was looked at why it is not offered, or what it can't be sure of: `tracking: The source refuses ...` */
  readonly why: readonly string[];
}

const PROXY =
  'the source is a proxy: it can not be seen whether what each shard tells comes through, and before the answer to a later question';

/**
 * The best way that the source offers, found by beginning to follow in each: tracking, keyspace, monitor, passes. One of which it can't be seen whether it
 * tells anything comes behind those that show it: MONITOR costs the source more, but Naru sees its own commands in it. Nothing is written to the source.
 * Rejects with NaruError where it can't be reached.
 */
export async function chooseWay({ open, proxyMonitors }: Asking): Promise<Choice> {
  const why: string[] = [];
  let unproven: Way | undefined;
  for (const [way, openSession] of [
    ['tracking', openTracking],
    ['keyspace', openKeyspace],
    ['monitor', openMonitor(NO_KEYS, proxyMonitors)],
  ] as const) {
    const session = await attempt(way, openSession, open, why);
    if (session === undefined) continue;
    why.push(...session.doubts.map((doubt) => `${way}: ${doubt}`));
    const throughProxy = proxyMonitors !== undefined && way !== 'monitor';
    if (throughProxy) why.push(`${way}: ${PROXY}`);
    if (session.proven && !throughProxy) return { way, why };
    unproven ??= way;
  }
  return { way: unproven ?? 'passes', why };
}

/** A session of the way, which has ended; undefined: the source does not offer it, and `why` says why. */
async function attempt(
  way: Way,
  openSession: OpenSession,
  open: OpenClient,
  why: string[],
): Promise<Session | undefined> {
  let session: Session;
  try {
    session = await openSession(open, NOBODY);
  } catch (error) {
    if (!isNaruError(error) || error.code !== 'CHANGES_NOT_TOLD') throw error;
    why.push(`${way}: ${error.message}`);
    return undefined;
  }
  session.destroy();
  await session.closed;
  return session;
}

const NOBODY: Told = { onDirty: () => {}, onUnsure: () => {} };
const NO_KEYS = {
  wants: (): boolean => false,
  find: (): number => 0,
  positions: new Uint32Array(0),
  anyDatabase: false,
  changesUnnamed: (): boolean => false,
};

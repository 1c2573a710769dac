import { isNaruError } from '../../../errors/errors.ts';
import type { Way } from './follower.ts';
import { openKeyspace } from './keyspace.ts';
import { openMonitor } from './monitor.ts';
import type { OpenClient, OpenSession, Session, Told } from './session.ts';
import { openTracking } from './tracking.ts';

export interface Asking {
  open: OpenClient;
  /** as of `openMonitor`; without it MONITOR */
  monitorCommands?: readonly (readonly (string | number)[])[];
}

export interface Choice {
  readonly way: Way;
  /** why not one that would be better, and what the way that was chosen can't be sure of; for the operator: `tracking: The source refuses ...` */
  readonly why: readonly string[];
}

/**
 * The best way that the source offers, found by beginning to follow in each: tracking, keyspace, monitor, passes. Keyspace notifications of which it can't be
 * seen whether they come come after MONITOR, which costs the source more but shows what it shows. Nothing is written to the source. Rejects with NaruError
 * where it can't be reached.
 */
export async function chooseWay({ open, monitorCommands }: Asking): Promise<Choice> {
  const why: string[] = [];
  const monitor = openMonitor(NO_KEYS, monitorCommands);
  let doubtful: readonly string[] | undefined;
  for (const [way, openSession] of [
    ['tracking', openTracking],
    ['keyspace', openKeyspace],
    ['monitor', monitor],
  ] as const) {
    const doubts = await attempt(way, openSession, open, why);
    if (doubts === undefined) continue;
    why.push(...doubts.map((doubt) => `${way}: ${doubt}`));
    if (way !== 'keyspace' || doubts.length === 0) return { way, why };
    doubtful = doubts;
  }
  return { way: doubtful === undefined ? 'passes' : 'keyspace', why };
}

/** The doubts of the way; undefined: the source does not offer it, and `why` says why. */
async function attempt(
  way: Way,
  openSession: OpenSession,
  open: OpenClient,
  why: string[],
): Promise<readonly string[] | undefined> {
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
  return session.doubts;
}

const NOBODY: Told = { onDirty: () => {}, onUnsure: () => {} };
const NO_KEYS = {
  wants: (): boolean => false,
  find: (): number => 0,
  positions: new Uint32Array(0),
  anyDatabase: false,
  changesUnnamed: (): boolean => false,
};

/** Where a cluster node says that a key is to be looked for (redis/src/cluster.c, clusterRedirectClient). */
import type { HostPort } from '../url.ts';

export interface Redirect extends HostPort {
  /** `MOVED`: the slot's owner is another for good. `ASK`: this key has gone ahead of its slot; ask there once, with ASKING. */
  kind: 'MOVED' | 'ASK';
  slot: number;
}

/**
 *     redirect = ("MOVED" | "ASK") " " slot " " [ host ] ":" port
 *
 * IPv6 stands without brackets, so the last colon is the one before the port. No host means the host of the node that said so: `askedHost`.
 * Undefined where the text is no redirect.
 */
export function parseRedirect(text: string, askedHost: string): Redirect | undefined {
  const match = /^(MOVED|ASK) (\d{1,5}) (\S*):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const host = match[3] === '' || match[3] === '?' ? askedHost : (match[3] as string);
  return { kind: match[1] as 'MOVED' | 'ASK', slot: Number(match[2]), host, port: Number(match[4]) };
}

import { Kind } from './in-flight.ts';

/**
 * What an error reply to a write means:
 *
 * - `exists`: the key, or the function library, is there already
 * - `gone`: an entry's time was up before it had its name
 * - `module`: the value's module is not there
 * - `moved`: the node does not take it now; another one does, or this one will later
 * - `refused`: anything else
 */
export type Meaning = 'exists' | 'gone' | 'module' | 'moved' | 'refused';

/** First words of what passes, or is for another node (Redis cluster.c, clusterRedirectClient; server.c, processCommand). */
const MOVED = /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN|READONLY|LOADING|MASTERDOWN) /;

export function meaningOf(text: string, kind: Kind): Meaning {
  if (MOVED.test(text)) return 'moved';
  switch (kind) {
    case Kind.ENTRY:
      return text.startsWith('BUSYKEY') ? 'exists' : 'refused';
    case Kind.MODULE_ENTRY:
      if (text.startsWith('BUSYKEY')) return 'exists';
      return /Bad data format/i.test(text) ? 'module' : 'refused';
    case Kind.RECOPY:
      return /Bad data format/i.test(text) ? 'module' : 'refused';
    case Kind.RENAME_EXPIRING:
      return text.startsWith('ERR no such key') ? 'gone' : 'refused';
    case Kind.FUNCTION:
      return /^ERR Library \S+ already exists/i.test(text) ? 'exists' : 'refused';
    default:
      return 'refused';
  }
}

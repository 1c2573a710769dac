import { Kind } from './in-flight.ts';

/**
 * What an error reply to a write means:
 *
 * - `exists`: the key, or the function library, is there already
 * - `gone`: an entry's time was up before it had its name
 * - `module`: the value's module is not there
 * - `moved`: the node does not take it now; another one does, or this one will later. It may have done it all the same, where a proxy has lost it
 * - `refused`: anything else
 */
export type Meaning = 'exists' | 'gone' | 'module' | 'moved' | 'refused';

/** First words of what passes, or is for another node (Redis cluster.c, clusterRedirectClient; server.c, processCommand). */
const MOVED = /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN|READONLY|LOADING|MASTERDOWN) /;
/** What twemproxy answers when it loses the server behind it, or does not reach it: the words of the system's error (nc_message.c, msg_get_error). */
const LOST =
  /^ERR (Connection (refused|reset by peer|timed out)|Broken pipe|No route to host|Network is unreachable|Host is down|Invalid argument|Transport endpoint is not connected)$/;

/** Whether a refusal is about the state of the servers and not about the command. */
export function passes(text: string): boolean {
  return MOVED.test(text) || text.startsWith('EXECABORT ') || LOST.test(text);
}

export function meaningOf(text: string, kind: Kind): Meaning {
  if (MOVED.test(text) || LOST.test(text)) return 'moved';
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

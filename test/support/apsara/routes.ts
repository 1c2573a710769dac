/** Which of a command's arguments are keys, by the shards' own table, and what the proxy does by itself. */
import type { Reply } from '../reply-parser.ts';

/** Which arguments are keys: the first, the last (from behind where negative), each so many. */
export interface KeyPlaces {
  first: number;
  last: number;
  step: number;
}

/** Have keys, and are not offered. */
const REFUSED: ReadonlySet<string> = new Set(['MIGRATE', 'MOVE', 'RESTORE-ASKING']);

/** From the reply of COMMAND (redis/src/server.c, addReplyCommandInfo): name, arity, flags, first, last, step, ... */
export function keyTable(reply: Reply): Map<string, KeyPlaces> {
  const table = new Map<string, KeyPlaces>();
  for (const [name, , , first, last, step] of reply as Reply[][]) {
    if (first === 0 || REFUSED.has(String(name).toUpperCase())) continue;
    table.set(String(name).toUpperCase(), { first, last, step } as KeyPlaces);
  }
  // One key, which stands behind the word that says what is wanted of it.
  for (const name of ['OBJECT', 'MEMORY', 'XINFO', 'XGROUP']) table.set(name, { first: 2, last: 2, step: 1 });
  return table;
}

/** How many arguments stand before the number of keys. */
const COUNTED: Readonly<Record<string, number>> = {
  EVAL: 2,
  EVALSHA: 2,
  EVAL_RO: 2,
  EVALSHA_RO: 2,
  FCALL: 2,
  FCALL_RO: 2,
  ZUNION: 1,
  ZINTER: 1,
  ZDIFF: 1,
  ZUNIONSTORE: 2,
  ZINTERSTORE: 2,
  ZDIFFSTORE: 2,
  SINTERCARD: 1,
  ZINTERCARD: 1,
  LMPOP: 1,
  ZMPOP: 1,
};

export const SCRIPTS: ReadonlySet<string> = new Set(['EVAL', 'EVALSHA', 'EVAL_RO', 'EVALSHA_RO']);

/** The numbers of the arguments that are keys; undefined: the shards know no such command, or it has none. */
export function keysOf(
  table: ReadonlyMap<string, KeyPlaces>,
  name: string,
  args: readonly Buffer[],
): number[] | undefined {
  const counted = COUNTED[name];
  if (counted !== undefined) {
    const keys = range(counted + 1, counted + Number(args[counted]), 1);
    return name.endsWith('STORE') ? [1, ...keys] : keys;
  }
  if (name === 'XREAD' || name === 'XREADGROUP') {
    const streams = args.findIndex((arg) => arg.toString('latin1').toUpperCase() === 'STREAMS');
    return range(streams + 1, streams + (args.length - streams - 1) / 2, 1);
  }
  const places = table.get(name);
  if (places === undefined) return undefined;
  return range(places.first, places.last < 0 ? args.length + places.last : places.last, places.step);
}

function range(first: number, last: number, step: number): number[] {
  const numbers: number[] = [];
  for (let at = first; at <= last; at += step) numbers.push(at);
  return numbers;
}

/** Commands of several keys that the proxy takes apart where these are not in one slot. */
export const SPLIT: ReadonlySet<string> = new Set(['DEL', 'UNLINK', 'EXISTS', 'TOUCH', 'MGET', 'MSET']);

export const NOT_IN_MULTI: ReadonlySet<string> = new Set(
  (
    'WATCH RANDOMKEY KEYS SUBSCRIBE PSUBSCRIBE PUBLISH SCRIPT EVAL EVALSHA SCAN ISCAN DBSIZE AUTH PING ECHO FLUSHDB FLUSHALL ' +
    'MONITOR IMONITOR INFO IINFO CONFIG SLOWLOG TIME CLIENT'
  ).split(' '),
);

import { NameIndex } from './keys/name-index.ts';

/**
 * What a command of the stream means to the copy. Anything that is not in this table goes to the target as it stands, and so do those from
 * DEL on: these are named for what they change about expiries.
 *
 * Sources: Redis's t_string.c, expire.c, t_hash.c and replication.c for what each version propagates. Redis before 7.0 sends relative
 * expiries as the client wrote them; later ones send absolute ones.
 */
export const Action = {
  /** as it stands */
  FORWARD: 0,
  /** `SET key value`: may be joined; with options: see the relative ones */
  SET: 1,
  SELECT: 2,
  MULTI: 3,
  EXEC: 4,
  /** nothing to do for the target: PING, REPLCONF */
  IGNORE: 5,
  REPLCONF: 6,
  PUBLISH: 7,
  FUNCTION: 8,
  /** FLUSHALL, FLUSHDB */
  FLUSH: 9,
  SWAPDB: 10,
  /** `EXPIRE key seconds [NX|XX|GT|LT]` and its like */
  EXPIRE: 11,
  PEXPIRE: 12,
  /** `SETEX key seconds value` */
  SETEX: 13,
  PSETEX: 14,
  /** `RESTORE key ttl payload [REPLACE] [ABSTTL] ...` */
  RESTORE: 15,
  /** `HEXPIRE key seconds [condition] FIELDS n field ...` */
  HEXPIRE: 16,
  HPEXPIRE: 17,
  /** `GETEX key [EX seconds | PX ms | ...]`, `HSETEX`, `HGETEX`: an option says that the time is relative */
  WITH_EX_OPTION: 18,
  XADD: 19,
  /** DEL, UNLINK */
  DEL: 20,
  PEXPIREAT: 21,
  EXPIREAT: 22,
  PERSIST: 23,
  /** RENAME, RENAMENX */
  RENAME: 24,
  COPY: 25,
  MOVE: 26,
  MSET: 27,
  HDEL: 28,
  HPEXPIREAT: 29,
  HEXPIREAT: 30,
  MSETEX: 31,
} as const;

export type Action = (typeof Action)[keyof typeof Action];

/** By action: 1 where the command is about keys, so that it may have to be copied instead. */
export const OF_KEYS: Uint8Array = new Uint8Array(32).fill(1);
for (const action of [
  Action.SELECT,
  Action.MULTI,
  Action.EXEC,
  Action.IGNORE,
  Action.REPLCONF,
  Action.PUBLISH,
  Action.FLUSH,
  Action.SWAPDB,
]) {
  OF_KEYS[action] = 0;
}

const ACTIONS: Readonly<Record<string, Action>> = {
  SET: Action.SET,
  SELECT: Action.SELECT,
  MULTI: Action.MULTI,
  EXEC: Action.EXEC,
  PING: Action.IGNORE,
  REPLCONF: Action.REPLCONF,
  PUBLISH: Action.PUBLISH,
  SPUBLISH: Action.PUBLISH,
  FUNCTION: Action.FUNCTION,
  FLUSHALL: Action.FLUSH,
  FLUSHDB: Action.FLUSH,
  SWAPDB: Action.SWAPDB,
  EXPIRE: Action.EXPIRE,
  PEXPIRE: Action.PEXPIRE,
  SETEX: Action.SETEX,
  PSETEX: Action.PSETEX,
  RESTORE: Action.RESTORE,
  'RESTORE-ASKING': Action.RESTORE,
  HEXPIRE: Action.HEXPIRE,
  HPEXPIRE: Action.HPEXPIRE,
  GETEX: Action.WITH_EX_OPTION,
  HSETEX: Action.WITH_EX_OPTION,
  HGETEX: Action.WITH_EX_OPTION,
  XADD: Action.XADD,
  DEL: Action.DEL,
  UNLINK: Action.DEL,
  PEXPIREAT: Action.PEXPIREAT,
  EXPIREAT: Action.EXPIREAT,
  PERSIST: Action.PERSIST,
  RENAME: Action.RENAME,
  RENAMENX: Action.RENAME,
  COPY: Action.COPY,
  MOVE: Action.MOVE,
  MSET: Action.MSET,
  HDEL: Action.HDEL,
  HPEXPIREAT: Action.HPEXPIREAT,
  HEXPIREAT: Action.HEXPIREAT,
  MSETEX: Action.MSETEX,
};

const names = new NameIndex<Action>();
for (const [name, action] of Object.entries(ACTIONS)) names.add(name, action);

/** The action for the name `buf[start, end)`, in any case. */
export function actionOf(buf: Buffer, start: number, end: number): Action {
  return names.get(buf, start, end) ?? Action.FORWARD;
}

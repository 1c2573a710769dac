import type { TypeName } from '../../rules/rule.ts';
import { NameIndex } from '../keys/name-index.ts';

/**
 * What type the keys have that a command has written, where its name tells that. A command of one type fails at a key of another, so one that comes
 * out of a source tells what its keys are.
 *
 * `REPLACES`: whatever stood there is gone. `REMOVES`: nothing comes into being by it, so it can go to a target that does not have the key.
 */
export interface ResultType {
  readonly type: TypeName | undefined;
  readonly replaces: boolean;
}

const REMOVES: ResultType = { type: undefined, replaces: false };

const TABLE: Readonly<Record<string, string>> = {
  string:
    'APPEND BITFIELD DECR DECRBY GETSET INCR INCRBY INCRBYFLOAT SETBIT SETNX SETRANGE PFADD MSETNX GETDEL DELEX DELIFEQ',
  list: 'LPUSH LPUSHX RPUSH RPUSHX LINSERT LSET LREM LTRIM LPOP RPOP LMOVE RPOPLPUSH LMPOP BLPOP BRPOP BLMOVE BLMPOP BRPOPLPUSH',
  set: 'SADD SREM SPOP SMOVE',
  zset: 'ZADD ZINCRBY ZREM ZPOPMIN ZPOPMAX ZMPOP BZPOPMIN BZPOPMAX ZREMRANGEBYLEX ZREMRANGEBYRANK ZREMRANGEBYSCORE GEOADD',
  hash: 'HSET HSETNX HMSET HDEL HINCRBY HINCRBYFLOAT HEXPIRE HEXPIREAT HPEXPIRE HPEXPIREAT HPERSIST HGETDEL HGETEX HSETEX',
  stream:
    'XADD XACK XACKDEL XDEL XDELEX XTRIM XCLAIM XAUTOCLAIM XGROUP XREADGROUP XSETID XCFGSET XIDMPRECORD',
};

const REPLACING: Readonly<Record<string, string>> = { string: 'SET SETEX PSETEX MSET' };

const REMOVING = 'DEL UNLINK EXPIRE PEXPIRE EXPIREAT PEXPIREAT PERSIST GETEX TOUCH';

const results = new NameIndex<ResultType>();
for (const [type, names] of Object.entries(TABLE)) add(names, { type: type as TypeName, replaces: false });
for (const [type, names] of Object.entries(REPLACING)) add(names, { type: type as TypeName, replaces: true });
add(REMOVING, REMOVES);

/** Undefined: the name does not tell, as with RENAME, RESTORE and SORT. */
export function resultType(buf: Buffer, start: number, end: number): ResultType | undefined {
  return results.get(buf, start, end);
}

function add(names: string, result: ResultType): void {
  for (const name of names.split(' ')) results.add(name, result);
}

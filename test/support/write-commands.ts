/**
 * What the writers write: for each family of commands a function that makes one command or a group that belongs together. Keys are
 * named for their type and few in number, so that most commands meet an existing key of the right type.
 */
import type { Random } from './random.ts';
import type { Arg } from './resp-client.ts';
import { streamFamilies } from './write-stream-commands.ts';
import { DATABASES, EXTREME_SCORES, type Family, keyOf, one, since, value } from './write-values.ts';

const member = (r: Random): Arg =>
  r.chance(0.1) ? Buffer.from([0, 10, 13, 255, r.int(256)]) : `m${r.int(80)}`;
const number = (r: Random): number => r.int(2000) - 1000;
const count = (r: Random): number => 1 + r.int(8);
const score = (r: Random): string => (r.chance(0.2) ? r.pick(EXTREME_SCORES) : String(r.next() * 1000));
const scored = (r: Random): Arg[] => r.times(count(r), () => [score(r), member(r)]).flat();
const members = (r: Random): Arg[] => r.times(count(r), () => member(r));
/** Seconds, far enough away that nothing expires while a test runs. */
const ttl = (r: Random): number => 100_000 + r.int(1_000_000);
const unixTime = (r: Random): number => Math.floor(Date.now() / 1000) + ttl(r);

const str = (r: Random): Arg => keyOf(r, 'str');
const num = (r: Random): Arg => keyOf(r, 'num');
const list = (r: Random): Arg => keyOf(r, 'list');
const set = (r: Random): Arg => keyOf(r, 'set');
const hash = (r: Random): Arg => keyOf(r, 'hash');
const zset = (r: Random): Arg => keyOf(r, 'zset');
const hll = (r: Random): Arg => keyOf(r, 'hll');
const geo = (r: Random): Arg => keyOf(r, 'geo');
const TYPES = ['str', 'num', 'list', 'set', 'hash', 'zset', 'hll', 'geo', 'stream', 'story'];

const strings: Family[] = [
  one(
    30,
    (r) => ['SET', str(r), value(r)],
    (r) => ['SET', str(r), value(r), 'EX', ttl(r)],
    (r) => ['SET', str(r), value(r), 'PX', ttl(r) * 1000],
    (r) => ['SET', str(r), value(r), r.pick(['NX', 'XX'])],
    (r) => ['SETEX', str(r), ttl(r), value(r)],
    (r) => ['PSETEX', str(r), ttl(r) * 1000, value(r)],
    (r) => ['SETNX', str(r), value(r)],
    (r) => ['GETSET', str(r), value(r)],
    (r) => ['MSET', ...r.times(count(r), () => [str(r), value(r)]).flat()],
    (r) => ['MSETNX', ...r.times(2, () => [str(r), value(r)]).flat()],
    (r) => ['APPEND', str(r), r.bytes(r.int(20))],
    (r) => ['SETRANGE', str(r), r.int(50), r.bytes(r.int(20))],
    (r) => ['SETBIT', str(r), r.int(500), r.int(2)],
    (r) => ['BITOP', r.pick(['AND', 'OR', 'XOR']), str(r), str(r), str(r)],
    (r) => ['BITFIELD', str(r), 'SET', 'u8', r.int(64), r.int(256), 'INCRBY', 'i5', r.int(64), 1],
  ),
  since(
    602,
    one(
      10,
      (r) => ['SET', str(r), value(r), 'EXAT', unixTime(r)],
      (r) => ['SET', str(r), value(r), 'PXAT', unixTime(r) * 1000],
      (r) => ['SET', str(r), value(r), 'KEEPTTL'],
      (r) => ['SET', str(r), value(r), 'GET'],
      (r) => ['GETEX', str(r), 'EX', ttl(r)],
      (r) => ['GETEX', str(r), 'PERSIST'],
      (r) => ['GETDEL', str(r)],
    ),
  ),
  one(
    15,
    (r) => ['INCR', num(r)],
    (r) => ['DECR', num(r)],
    (r) => ['INCRBY', num(r), number(r)],
    (r) => ['DECRBY', num(r), number(r)],
    (r) => ['INCRBYFLOAT', keyOf(r, 'float'), r.next().toFixed(5)],
  ),
];

const lists: Family[] = [
  one(
    15,
    (r) => [r.pick(['RPUSH', 'LPUSH']), list(r), ...r.times(count(r), () => value(r))],
    (r) => [r.pick(['RPUSHX', 'LPUSHX']), list(r), value(r)],
    (r) => [r.pick(['RPOP', 'LPOP']), list(r)],
    (r) => ['LINSERT', list(r), r.pick(['BEFORE', 'AFTER']), `m${r.int(20)}`, value(r)],
    (r) => ['RPUSH', list(r), `m${r.int(20)}`],
    (r) => ['LREM', list(r), number(r) % 3, `m${r.int(20)}`],
    (r) => ['LSET', list(r), 0, value(r)],
    (r) => ['LTRIM', list(r), r.int(3), 40],
    (r) => ['RPOPLPUSH', list(r), list(r)],
  ),
  since(
    602,
    one(4, (r) => ['LMOVE', list(r), list(r), r.pick(['LEFT', 'RIGHT']), r.pick(['LEFT', 'RIGHT'])]),
  ),
  // An element goes before it, so that it never blocks.
  since(602, {
    weight: 2,
    make: (r) => {
      const from = list(r);
      return [
        ['RPUSH', from, value(r)],
        ['BLMOVE', from, list(r), 'LEFT', 'RIGHT', 1],
      ];
    },
  }),
  since(
    700,
    one(2, (r) => ['LMPOP', 2, list(r), list(r), 'LEFT', 'COUNT', 2]),
  ),
];

const sets: Family[] = [
  one(
    15,
    (r) => ['SADD', set(r), ...members(r)],
    (r) => ['SADD', set(r), ...r.times(count(r), () => r.int(1000))],
    (r) => ['SREM', set(r), ...members(r)],
    (r) => ['SPOP', set(r)],
    (r) => ['SPOP', set(r), count(r)],
    (r) => ['SMOVE', set(r), set(r), member(r)],
    (r) => [r.pick(['SINTERSTORE', 'SUNIONSTORE', 'SDIFFSTORE']), set(r), set(r), set(r)],
  ),
];

const hashes: Family[] = [
  one(
    15,
    (r) => ['HSET', hash(r), ...r.times(count(r), () => [member(r), value(r)]).flat()],
    (r) => ['HMSET', hash(r), member(r), value(r)],
    (r) => ['HSETNX', hash(r), member(r), value(r)],
    (r) => ['HDEL', hash(r), ...members(r)],
    (r) => ['HINCRBY', hash(r), `n${r.int(20)}`, number(r)],
    (r) => ['HINCRBYFLOAT', hash(r), `f${r.int(20)}`, r.next().toFixed(4)],
  ),
];

const zsets: Family[] = [
  one(
    20,
    (r) => ['ZADD', zset(r), ...scored(r)],
    (r) => ['ZADD', zset(r), r.pick(['NX', 'XX']), ...scored(r)],
    (r) => ['ZADD', zset(r), 'INCR', r.next().toFixed(6), `i${r.int(10)}`],
    (r) => ['ZINCRBY', zset(r), r.next(), `i${r.int(10)}`],
    (r) => ['ZREM', zset(r), ...members(r)],
    (r) => [r.pick(['ZPOPMIN', 'ZPOPMAX']), zset(r)],
    (r) => ['ZREMRANGEBYRANK', zset(r), 0, 1],
    (r) => ['ZREMRANGEBYSCORE', zset(r), '(1', '5'],
    (r) => ['ZREMRANGEBYLEX', zset(r), '[m1', '[m12'],
    (r) => ['ZUNIONSTORE', zset(r), 2, zset(r), zset(r), 'WEIGHTS', 2, 0.5, 'AGGREGATE', 'MAX'],
    (r) => ['ZINTERSTORE', zset(r), 2, zset(r), zset(r), 'AGGREGATE', 'MIN'],
  ),
  since(
    602,
    one(
      4,
      (r) => ['ZADD', zset(r), r.pick(['GT', 'LT']), ...scored(r)],
      (r) => ['ZDIFFSTORE', zset(r), 2, zset(r), zset(r)],
      (r) => ['ZRANGESTORE', zset(r), zset(r), 0, 9],
    ),
  ),
  since(
    700,
    one(2, (r) => ['ZMPOP', 1, zset(r), 'MIN', 'COUNT', 2]),
  ),
];

const others: Family[] = [
  one(
    5,
    (r) => ['PFADD', hll(r), ...members(r)],
    (r) => ['PFMERGE', hll(r), hll(r), hll(r)],
  ),
  one(4, (r) => ['GEOADD', geo(r), r.next() * 360 - 180, r.next() * 170 - 85, member(r)]),
  since(
    602,
    one(1, (r) => ['GEOSEARCHSTORE', geo(r), geo(r), 'FROMLONLAT', 15, 37, 'BYRADIUS', 9000, 'km']),
  ),
  one(
    2,
    (r) => ['SORT', list(r), 'ALPHA', 'STORE', list(r)],
    (r) => ['SORT', set(r), 'ALPHA', 'LIMIT', 0, 9, 'STORE', list(r)],
  ),
];

/** A key of any type, and another of the same type. */
function pair(r: Random): [Arg, Arg] {
  const type = r.pick(TYPES);
  return [keyOf(r, type), keyOf(r, type)];
}

const any = (r: Random): Arg => pair(r)[0];

const keyspace: Family[] = [
  one(
    8,
    (r) => ['RENAME', ...pair(r)],
    (r) => ['RENAMENX', ...pair(r)],
    (r) => ['MOVE', any(r), r.int(DATABASES)],
  ),
  since(
    602,
    one(
      5,
      (r) => ['COPY', ...pair(r), 'REPLACE'],
      (r) => ['COPY', ...pair(r), 'DB', r.int(DATABASES), 'REPLACE'],
    ),
  ),
  one(
    10,
    (r) => ['DEL', any(r), any(r)],
    (r) => ['UNLINK', any(r)],
    (r) => ['EXPIRE', any(r), ttl(r)],
    (r) => ['PEXPIRE', any(r), ttl(r) * 1000],
    (r) => ['EXPIREAT', any(r), unixTime(r)],
    (r) => ['PEXPIREAT', any(r), unixTime(r) * 1000],
    (r) => ['EXPIRE', any(r), -1],
    (r) => ['PERSIST', any(r)],
  ),
  since(
    700,
    one(2, (r) => ['EXPIRE', any(r), ttl(r), r.pick(['NX', 'XX', 'GT', 'LT'])]),
  ),
  { weight: 0.2, make: () => [['SWAPDB', DATABASES - 1, DATABASES - 2]] },
  { weight: 0.05, make: () => [['SELECT', DATABASES - 1], ['FLUSHDB'], ['SELECT', 0]] },
];

const SCRIPT = `redis.call('HINCRBY', KEYS[1], 'n1', ARGV[1])
redis.call('RPUSH', KEYS[2], ARGV[1])
if tonumber(ARGV[1]) > 500 then redis.call('DEL', KEYS[1]) end
return redis.call('LLEN', KEYS[2])`;

const library = (version: number): string => `#!lua name=writers
redis.register_function('writers_add', function(keys, args)
  redis.call('SADD', keys[1], args[1], ${version})
  return redis.call('INCRBY', keys[2], ${version})
end)`;

const scripts: Family[] = [
  one(4, (r) => ['EVAL', SCRIPT, 2, hash(r), list(r), number(r)]),
  since(700, { weight: 0.3, make: (r) => [['FUNCTION', 'LOAD', 'REPLACE', library(r.int(100))]] }),
  // The library goes along: the call must not meet a server that does not have it.
  since(700, {
    weight: 2,
    make: (r) => [
      ['FUNCTION', 'LOAD', 'REPLACE', library(r.int(100))],
      ['FCALL', 'writers_add', 2, set(r), num(r), member(r)],
    ],
  }),
];

const plain: readonly Family[] = [
  ...strings,
  ...lists,
  ...sets,
  ...hashes,
  ...zsets,
  ...others,
  ...streamFamilies,
];

/** A transaction of commands of any family; a SELECT within it now and then. */
const transaction: Family = {
  weight: 8,
  make: (r) => {
    const families = plain.filter((family) => (family.since ?? 0) <= 600);
    const body = r.times(1 + r.int(5), () => r.pick(families).make(r)).flat();
    if (r.chance(0.2)) body.splice(1, 0, ['SELECT', r.int(DATABASES)]);
    return [['MULTI'], ...body, ['EXEC']];
  },
};

export const FAMILIES: readonly Family[] = [...plain, ...keyspace, ...scripts, transaction];

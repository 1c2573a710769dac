/** The type bytes and opcodes of an RDB (Redis and Valkey src/rdb.h). */
import type { Flavour } from './sink.ts';

export const TYPE_STRING = 0;
export const TYPE_LIST = 1;
export const TYPE_SET = 2;
export const TYPE_ZSET = 3;
export const TYPE_HASH = 4;
export const TYPE_ZSET_2 = 5;
/** Redis 4.0 release candidates; can not be read without the module. */
export const TYPE_MODULE_PRE_GA = 6;
export const TYPE_MODULE_2 = 7;
export const TYPE_HASH_ZIPMAP = 9;
export const TYPE_LIST_ZIPLIST = 10;
export const TYPE_SET_INTSET = 11;
export const TYPE_ZSET_ZIPLIST = 12;
export const TYPE_HASH_ZIPLIST = 13;
export const TYPE_LIST_QUICKLIST = 14;
export const TYPE_STREAM_LISTPACKS = 15;
export const TYPE_HASH_LISTPACK = 16;
export const TYPE_ZSET_LISTPACK = 17;
export const TYPE_LIST_QUICKLIST_2 = 18;
export const TYPE_STREAM_LISTPACKS_2 = 19;
export const TYPE_SET_LISTPACK = 20;
export const TYPE_STREAM_LISTPACKS_3 = 21;
/** Redis 7.4 release candidates. The same number is Valkey's hash with expiring fields. */
export const TYPE_HASH_METADATA_PRE_GA = 22;
export const TYPE_HASH_LISTPACK_EX_PRE_GA = 23;
export const TYPE_HASH_METADATA = 24;
export const TYPE_HASH_LISTPACK_EX = 25;
/** Redis 8.6: with what it remembers of idempotent producers. */
export const TYPE_STREAM_LISTPACKS_4 = 26;
/** Valkey 9, where the byte in the file is 22: a number of our own, so that both can stand in one table. */
export const TYPE_HASH_2 = 132;

export const OP_SLOT_IMPORT_OR_KEY_META = 243;
export const OP_SLOT_INFO = 244;
export const OP_FUNCTION_2 = 245;
export const OP_FUNCTION_PRE_GA = 246;
export const OP_MODULE_AUX = 247;
export const OP_IDLE = 248;
export const OP_FREQ = 249;
export const OP_AUX = 250;
export const OP_RESIZE_DB = 251;
export const OP_EXPIRE_MS = 252;
export const OP_EXPIRE = 253;
export const OP_SELECT_DB = 254;
export const OP_EOF = 255;

/** The newest versions whose grammar is known here. */
export const REDIS_VERSION_MAX = 13;
export const VALKEY_VERSION_MIN = 80;
export const VALKEY_VERSION_MAX = 80;

/** No type of any version. */
const TYPE_NONE = 8;

/**
 * The key of the tables in grammar.ts for a type byte. From 22 on the numbers of Redis and Valkey mean different things (Valkey src/rdb.h,
 * RDB_FOREIGN_TYPE_MIN): Valkey 9 knows 22 alone.
 */
export function grammarType(type: number, flavour: Flavour): number {
  if (flavour === 'redis' || type < TYPE_HASH_METADATA_PRE_GA) return type;
  return type === TYPE_HASH_METADATA_PRE_GA ? TYPE_HASH_2 : TYPE_NONE;
}

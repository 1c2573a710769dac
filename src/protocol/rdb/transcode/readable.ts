import type { Flavour } from '../sink.ts';
import * as t from '../types.ts';

/** What a server takes by RESTORE. */
export interface Readable {
  /** the newest of Redis's RDB versions that it takes: 6 to 13; a Valkey 11 */
  redis: number;
  /** Valkey's own version 80 too */
  valkey: boolean;
}

/** RESTORE came with Redis 2.6, whose RDB version is 6. */
const VERSION_MIN = 6;
/** Up to Redis 3.2.0 the payload's version had to be the server's own (verifyDumpPayload in src/migrate.c, later src/cluster.c). */
const VERSION_EXACT_MAX = 7;
/** The last version that Redis and Valkey share. */
const VALKEY_SHARED = 11;

/** The types by the first of Redis's RDB versions with them (rdbIsObjectType in src/rdb.h of each release). */
const TYPES: Readonly<Record<number, readonly number[]>> = {
  // biome-ignore format: one line per release
  6: [
    t.TYPE_STRING, t.TYPE_LIST, t.TYPE_SET, t.TYPE_ZSET, t.TYPE_HASH,
    t.TYPE_HASH_ZIPMAP, t.TYPE_LIST_ZIPLIST, t.TYPE_SET_INTSET, t.TYPE_ZSET_ZIPLIST, t.TYPE_HASH_ZIPLIST,
  ],
  7: [t.TYPE_LIST_QUICKLIST],
  8: [t.TYPE_ZSET_2, t.TYPE_MODULE_2],
  9: [t.TYPE_STREAM_LISTPACKS],
  10: [t.TYPE_HASH_LISTPACK, t.TYPE_ZSET_LISTPACK, t.TYPE_LIST_QUICKLIST_2, t.TYPE_STREAM_LISTPACKS_2],
  11: [t.TYPE_SET_LISTPACK, t.TYPE_STREAM_LISTPACKS_3],
  12: [
    t.TYPE_HASH_METADATA_PRE_GA,
    t.TYPE_HASH_LISTPACK_EX_PRE_GA,
    t.TYPE_HASH_METADATA,
    t.TYPE_HASH_LISTPACK_EX,
  ],
  13: [t.TYPE_STREAM_LISTPACKS_4],
};

/** What a server reads that writes this RDB version. */
export function readableOf(version: number): Readable {
  const valkey = version >= t.VALKEY_VERSION_MIN;
  return { redis: valkey ? VALKEY_SHARED : version, valkey };
}

/** Whether the server reads this type of the grammar. */
export function readsType({ redis, valkey }: Readable, layout: number): boolean {
  if (layout === t.TYPE_HASH_2) return valkey;
  return Object.entries(TYPES).some(([version, types]) => Number(version) <= redis && types.includes(layout));
}

/**
 * The version that a payload for this server carries, made from an RDB of this version: the RDB's own where the server takes it, else the
 * newest that it takes.
 */
export function payloadVersion(readable: Readable, flavour: Flavour, version: number): number {
  const newest = readable.valkey ? t.VALKEY_VERSION_MAX : readable.redis;
  if (flavour === 'valkey') return newest;
  if (version > readable.redis || readable.redis <= VERSION_EXACT_MAX) return newest;
  return Math.max(version, VERSION_MIN);
}

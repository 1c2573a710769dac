/**
 * How every value is laid out, as one small program per type. `skip.ts` runs these to find a value's end, `value-decoder.ts` runs the same
 * ones to take it apart: the grammar is written down once.
 *
 *     op(kind, role)   read one primitive; the kind says how it is read, the role what it means
 *     loop(role) ... END   read a length n, then run what is between n times
 *
 * Sources: rdbSaveObject and rdbLoadObject in Redis (7.4, 8) and Valkey (9) src/rdb.c.
 */
import * as t from './types.ts';

/** Kinds of primitives, the low bits of an instruction. */
export const KIND_END_VALUE = 0;
/** a string: raw, integer or LZF */
export const KIND_STRING = 1;
/** a length of 1, 2, 5 or 9 bytes */
export const KIND_LENGTH = 2;
export const KIND_BYTES_8 = 3;
export const KIND_BYTES_16 = 4;
/** a double as text: one length byte (253 nan, 254 inf, 255 -inf), then so many characters */
export const KIND_DOUBLE_TEXT = 5;
/** a length n; then the body n times */
export const KIND_LOOP = 6;
export const KIND_END_LOOP = 7;
/** a module's values, each behind an opcode, until opcode 0 */
export const KIND_MODULE = 8;
export const KIND_MASK = 15;
export const ROLE_SHIFT = 4;

/** What a primitive means to the decoder. Roles of strings that hold a whole structure come first. */
export const ROLE_NONE = 0;
export const ROLE_ZIPMAP = 1;
export const ROLE_ZIPLIST = 2;
export const ROLE_INTSET = 3;
export const ROLE_LISTPACK = 4;
export const ROLE_STREAM_LISTPACK = 5;
export const ROLE_ELEMENT = 6;
/** the last element of a hash's pair, where no expiry follows */
export const ROLE_LAST_VALUE = 7;
/** a quicklist node: a plain element or a listpack, as the container length before it said */
export const ROLE_NODE = 8;
export const ROLE_CONTAINER = 9;
export const ROLE_SCORE = 10;
export const ROLE_EXPIRY_BASE = 11;
/** 0: none, otherwise 1 more than the distance from the base */
export const ROLE_EXPIRY_DISTANCE = 12;
/** 0: none, otherwise absolute */
export const ROLE_EXPIRY_BEFORE = 13;
/** the value that ends a pair whose expiry came first */
export const ROLE_VALUE_AFTER_EXPIRY = 14;
/** absolute, -1: none; ends the pair */
export const ROLE_EXPIRY_AFTER = 15;
export const ROLE_NODE_ID = 16;
export const ROLE_META = 17;
export const ROLE_GROUP = 18;
export const ROLE_GROUP_META = 19;
export const ROLE_PEL = 20;
export const ROLE_PEL_ID = 21;
export const ROLE_PEL_TIME = 22;
export const ROLE_PEL_COUNT = 23;
export const ROLE_CONSUMERS = 24;
export const ROLE_CONSUMER = 25;
export const ROLE_SEEN = 26;
export const ROLE_ACTIVE = 27;
export const ROLE_OWNED = 28;
export const ROLE_OWNED_ID = 29;
/** the end of a stream's metadata, of a group's, of a consumer's: nothing is read */
export const ROLE_GROUPS = 30;

/** Names and ids, which are no elements: they are never handed out in parts. */
export function mustBeWhole(role: number): boolean {
  return role === ROLE_NODE_ID || role === ROLE_GROUP || role === ROLE_CONSUMER;
}

const op = (kind: number, role: number = ROLE_NONE): number => kind | (role << ROLE_SHIFT);
const str = (role: number): number => op(KIND_STRING, role);
const len = (role: number): number => op(KIND_LENGTH, role);
const loop = (role: number = ROLE_NONE): number => op(KIND_LOOP, role);
const END = op(KIND_END_LOOP);
const ELEMENT = str(ROLE_ELEMENT);

/** What Redis 5 wrote, with what later versions put in. */
function stream(version: 1 | 2 | 3 | 4): number[] {
  const meta = Array<number>(version === 1 ? 3 : 8).fill(len(ROLE_META));
  const groupMeta = Array<number>(version === 1 ? 2 : 3).fill(len(ROLE_GROUP_META));
  const active = version >= 3 ? [op(KIND_BYTES_8, ROLE_ACTIVE)] : [];
  // biome-ignore format: one line per level of nesting
  return [
    loop(), str(ROLE_NODE_ID), str(ROLE_STREAM_LISTPACK), END,
    ...meta,
    loop(ROLE_GROUPS),
      str(ROLE_GROUP), ...groupMeta,
      loop(ROLE_PEL), op(KIND_BYTES_16, ROLE_PEL_ID), op(KIND_BYTES_8, ROLE_PEL_TIME), len(ROLE_PEL_COUNT), END,
      loop(ROLE_CONSUMERS),
        str(ROLE_CONSUMER), op(KIND_BYTES_8, ROLE_SEEN), ...active,
        loop(ROLE_OWNED), op(KIND_BYTES_16, ROLE_OWNED_ID), END,
      END,
    END,
    ...(version === 4 ? idempotence() : []),
  ];
}

/** Redis 8.6: what it remembers of idempotent producers (duration, limit, producers with their ids, two counters). No command sets it. */
function idempotence(): number[] {
  const n = len(ROLE_NONE);
  const s = str(ROLE_NONE);
  return [n, n, loop(), s, loop(), s, n, n, END, END, n, n];
}

const LAYOUTS: Readonly<Record<number, readonly number[]>> = {
  [t.TYPE_STRING]: [ELEMENT],
  [t.TYPE_LIST]: [loop(), ELEMENT, END],
  [t.TYPE_SET]: [loop(), ELEMENT, END],
  [t.TYPE_ZSET]: [loop(), ELEMENT, op(KIND_DOUBLE_TEXT, ROLE_SCORE), END],
  [t.TYPE_ZSET_2]: [loop(), ELEMENT, op(KIND_BYTES_8, ROLE_SCORE), END],
  [t.TYPE_HASH]: [loop(), ELEMENT, str(ROLE_LAST_VALUE), END],
  [t.TYPE_MODULE_2]: [len(ROLE_NONE), op(KIND_MODULE)],
  [t.TYPE_HASH_ZIPMAP]: [str(ROLE_ZIPMAP)],
  [t.TYPE_LIST_ZIPLIST]: [str(ROLE_ZIPLIST)],
  [t.TYPE_SET_INTSET]: [str(ROLE_INTSET)],
  [t.TYPE_ZSET_ZIPLIST]: [str(ROLE_ZIPLIST)],
  [t.TYPE_HASH_ZIPLIST]: [str(ROLE_ZIPLIST)],
  [t.TYPE_LIST_QUICKLIST]: [loop(), str(ROLE_ZIPLIST), END],
  [t.TYPE_STREAM_LISTPACKS]: stream(1),
  [t.TYPE_HASH_LISTPACK]: [str(ROLE_LISTPACK)],
  [t.TYPE_ZSET_LISTPACK]: [str(ROLE_LISTPACK)],
  [t.TYPE_LIST_QUICKLIST_2]: [loop(), len(ROLE_CONTAINER), str(ROLE_NODE), END],
  [t.TYPE_STREAM_LISTPACKS_2]: stream(2),
  [t.TYPE_SET_LISTPACK]: [str(ROLE_LISTPACK)],
  [t.TYPE_STREAM_LISTPACKS_3]: stream(3),
  [t.TYPE_HASH_METADATA_PRE_GA]: [
    loop(),
    len(ROLE_EXPIRY_BEFORE),
    ELEMENT,
    str(ROLE_VALUE_AFTER_EXPIRY),
    END,
  ],
  [t.TYPE_HASH_LISTPACK_EX_PRE_GA]: [str(ROLE_LISTPACK)],
  // biome-ignore format: two lines of the same kind
  [t.TYPE_HASH_METADATA]: [op(KIND_BYTES_8, ROLE_EXPIRY_BASE), loop(), len(ROLE_EXPIRY_DISTANCE), ELEMENT, str(ROLE_VALUE_AFTER_EXPIRY), END],
  [t.TYPE_HASH_LISTPACK_EX]: [op(KIND_BYTES_8), str(ROLE_LISTPACK)],
  [t.TYPE_STREAM_LISTPACKS_4]: stream(4),
  [t.TYPE_HASH_2]: [loop(), ELEMENT, ELEMENT, op(KIND_BYTES_8, ROLE_EXPIRY_AFTER), END],
};

/** Passed over, and not in the tables of types. */
export const LAYOUT_MODULE_AUX = 140;
export const LAYOUT_SLOT_IMPORT = 141;
export const LAYOUT_KEY_META = 142;

const OTHERS: Readonly<Record<number, readonly number[]>> = {
  // behind the module's id: 'when', itself as opcode and value, then the data
  [LAYOUT_MODULE_AUX]: [op(KIND_MODULE)],
  // Valkey: the job's name, ranges of slots
  [LAYOUT_SLOT_IMPORT]: [str(ROLE_NONE), loop(), len(ROLE_NONE), len(ROLE_NONE), END],
  // behind the class
  [LAYOUT_KEY_META]: [op(KIND_MODULE)],
};

/** All programs, one behind the other, each ended by KIND_END_VALUE. */
export const PROGRAM: Uint16Array = new Uint16Array(512);
/** Where the program of a type begins in it; 0: no such type. */
export const PROGRAM_START: Uint16Array = new Uint16Array(256);

let at = 1;
for (const [type, layout] of [...Object.entries(LAYOUTS), ...Object.entries(OTHERS)]) {
  PROGRAM_START[Number(type)] = at;
  PROGRAM.set(layout, at);
  at += layout.length + 1;
}
if (at > PROGRAM.length) throw new Error('the grammar has outgrown its table');

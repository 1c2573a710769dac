/** Which kind of value a type holds, and what the items of its packed structures mean. */
import { FormatError } from '../format-error.ts';
import * as t from './types.ts';
import { ElementItems, TupleItems } from './value-items.ts';
import type { ValueKind, ValueSink } from './value-sink.ts';

const KINDS: Readonly<Record<ValueKind, readonly number[]>> = {
  string: [t.TYPE_STRING],
  list: [t.TYPE_LIST, t.TYPE_LIST_ZIPLIST, t.TYPE_LIST_QUICKLIST, t.TYPE_LIST_QUICKLIST_2],
  set: [t.TYPE_SET, t.TYPE_SET_INTSET, t.TYPE_SET_LISTPACK],
  zset: [t.TYPE_ZSET, t.TYPE_ZSET_2, t.TYPE_ZSET_ZIPLIST, t.TYPE_ZSET_LISTPACK],
  // biome-ignore format: the three families of hashes
  hash: [
    t.TYPE_HASH, t.TYPE_HASH_ZIPMAP, t.TYPE_HASH_ZIPLIST, t.TYPE_HASH_LISTPACK,
    t.TYPE_HASH_METADATA_PRE_GA, t.TYPE_HASH_LISTPACK_EX_PRE_GA, t.TYPE_HASH_METADATA, t.TYPE_HASH_LISTPACK_EX,
    t.TYPE_HASH_2,
  ],
  // biome-ignore format: in the order of versions
  stream: [
    t.TYPE_STREAM_LISTPACKS, t.TYPE_STREAM_LISTPACKS_2, t.TYPE_STREAM_LISTPACKS_3, t.TYPE_STREAM_LISTPACKS_4,
  ],
  module: [t.TYPE_MODULE_2],
};

/** The kind of a grammar's type. */
export function valueKind(layout: number): ValueKind {
  for (const kind of Object.keys(KINDS) as ValueKind[]) if (KINDS[kind].includes(layout)) return kind;
  throw new FormatError('unknown', `unknown type ${layout}`, 0, { type: layout });
}

/** Whether fields of such a hash may expire; byte 22 is such a type of both Redis and Valkey. */
export function mayHoldFieldExpiries(type: number): boolean {
  return type >= t.TYPE_HASH_METADATA_PRE_GA && type <= t.TYPE_HASH_LISTPACK_EX;
}

export function itemsOf(layout: number, kind: ValueKind, sink: ValueSink, offset: number): ElementItems {
  if (layout === t.TYPE_HASH_LISTPACK_EX || layout === t.TYPE_HASH_LISTPACK_EX_PRE_GA) {
    return new TupleItems(sink, 'hash-expiry', offset);
  }
  return kind === 'zset' || kind === 'hash' ? new TupleItems(sink, kind, offset) : new ElementItems(sink);
}

/**
 * Takes one value apart into elements, whatever its encoding was. Calls are synchronous, buffers are valid only during the call.
 *
 *     begin('string')  one element                               end
 *     begin('list')    element*                                  end
 *     begin('set')     element*                                  end
 *     begin('zset')    (element score)*                          end
 *     begin('hash')    (element element fieldExpireAt)*          end      field, value, its expiry
 *     begin('stream')  (streamEntry element* | streamDeleted)* streamMeta
 *                      (streamGroup (streamConsumer streamPending*)*)* end
 *     begin('module')  one element: the raw bytes                end
 *
 * where an element comes whole (`element`) or, if it is larger than the decoder's bound, as `elementLength` followed by `elementPart`s
 * that add up to it. What has no known length (the raw bytes of a module's value, a string that is read in pieces) comes as `elementPart`s alone. Integers come as decimal text.
 */
export type ValueKind = 'string' | 'list' | 'set' | 'zset' | 'hash' | 'stream' | 'module';

/** A stream's metadata behind its entries. Sources before Redis 7 do not tell all: what they leave out is set as Redis 7 sets it on loading. */
export interface StreamMeta {
  length: number;
  lastMs: bigint;
  lastSeq: bigint;
  firstMs: bigint;
  firstSeq: bigint;
  maxDeletedMs: bigint;
  maxDeletedSeq: bigint;
  entriesAdded: bigint;
}

export interface ValueSink {
  begin(kind: ValueKind): void;
  element(buf: Buffer, start: number, end: number): void;
  elementLength(bytes: number): void;
  elementPart(buf: Buffer, start: number, end: number): void;
  /** The score of the member before it, bit-exact. */
  score(score: number): void;
  /** The expiry of the field before it, in ms since 1970; -1: none. */
  fieldExpireAt(ms: number): void;
  /** An entry that is not deleted; `pairs` fields follow, each with its value. */
  streamEntry(ms: bigint, seq: bigint, pairs: number): void;
  /** An entry that was deleted, and whose node still tells its id. Deleted entries that no node tells of are many more. */
  streamDeleted?(ms: bigint, seq: bigint): void;
  streamMeta(meta: StreamMeta): void;
  /** `entriesRead` is -1n where it is not known. `name` is a copy. */
  streamGroup(name: Buffer, lastMs: bigint, lastSeq: bigint, entriesRead: bigint): void;
  /** A consumer of the group before it; `activeAtMs` is -1 where it was never active. `name` is a copy. */
  streamConsumer(name: Buffer, seenAtMs: number, activeAtMs: number): void;
  /** A pending entry of the consumer before it. The message itself may have been deleted. */
  streamPending(ms: bigint, seq: bigint, deliveredAtMs: number, deliveries: number): void;
  end(): void;
  /** There will be no end: what was made of the value so far is removed. Between two elements only. */
  abandon?(): void;
}

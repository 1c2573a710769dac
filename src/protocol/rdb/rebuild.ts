import type { CommandSink } from '../command-sink.ts';
import type { StreamMeta, ValueKind, ValueSink } from './value-sink.ts';

export interface RebuildOptions {
  /** elements are collected into commands of about this many bytes; default 256 KiB */
  chunkBytes?: number;
  /** and at most this many elements; default 512 */
  chunkElements?: number;
}

export declare class Rebuild implements ValueSink {
  constructor(sink: CommandSink, key: Buffer, options?: RebuildOptions);
  begin(kind: ValueKind): void;
  element(buf: Buffer, start: number, end: number): void;
  elementLength(bytes: number): void;
  elementPart(buf: Buffer, start: number, end: number): void;
  score(score: number): void;
  fieldExpireAt(ms: number): void;
  streamEntry(ms: bigint, seq: bigint, pairs: number): void;
  streamMeta(meta: StreamMeta): void;
  streamGroup(name: Buffer, lastMs: bigint, lastSeq: bigint, entriesRead: bigint): void;
  streamConsumer(name: Buffer, seenAtMs: number, activeAtMs: number): void;
  streamPending(ms: bigint, seq: bigint, deliveredAtMs: number, deliveries: number): void;
  end(): void;
}

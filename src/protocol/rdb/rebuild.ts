/** Turns one value into the commands that make it anew. */
import type { CommandSink } from '../command-sink.ts';
import { FormatError } from '../format-error.ts';
import { Carry } from './carry.ts';
import { RebuildCollection } from './rebuild-collection.ts';
import { RebuildStream } from './rebuild-stream.ts';
import type { StreamMeta, ValueKind, ValueSink } from './value-sink.ts';

export interface RebuildOptions {
  /** elements are collected into commands of about this many bytes; default 256 KiB */
  chunkBytes?: number;
  /** and at most this many elements (pairs, members); default 512 */
  chunkElements?: number;
  /** XSETID and XGROUP CREATE know counters there (Redis 7); default true */
  streamCounters?: boolean;
  /** XGROUP CREATECONSUMER is known there (Redis 6.2); where not, consumers without pending entries are left out; default true */
  createConsumer?: boolean;
  /** HSET takes several fields there (Redis 4); default true */
  variadicHset?: boolean;
  /** fields of a hash can expire there (Redis 7.4, Valkey 9); where not, their expiries are left out; default true */
  fieldExpiry?: boolean;
}

const CHUNK_BYTES = 256 * 1024;
const CHUNK_ELEMENTS = 512;

/**
 * Collections become RPUSH, SADD, ZADD, HSET (and HPEXPIREAT) over some hundred elements each; strings SET and APPEND; streams see
 * `RebuildStream`. How many arguments a command has must be known when it begins, so small elements are copied into one reused buffer until
 * a command is full. An element that comes in parts is passed on as it comes, in a command of its own, except where the command names
 * something first that comes later: a zset's member and a hash's field are held.
 *
 * Nothing here deletes the key or sets its expiry: the caller does. A module's value cannot be rebuilt: FormatError 'unknown'.
 */
export class Rebuild implements ValueSink {
  readonly #sink: CommandSink;
  #key: Buffer;
  readonly #chunkBytes: number;
  readonly #collection: RebuildCollection;
  readonly #stream: RebuildStream;
  #kind: ValueKind = 'string';
  /** a string's bytes that were not written yet; whether the key has its first ones */
  readonly #text = new Carry();
  #begun = false;

  constructor(sink: CommandSink, key: Buffer, options: RebuildOptions = {}) {
    this.#sink = sink;
    this.#key = key;
    this.#chunkBytes = options.chunkBytes ?? CHUNK_BYTES;
    const chunkElements = options.chunkElements ?? CHUNK_ELEMENTS;
    this.#collection = new RebuildCollection(sink, key, this.#chunkBytes, chunkElements, options);
    this.#stream = new RebuildStream(sink, key, chunkElements, options);
  }

  /** Another key's value begins. */
  restart(key: Buffer): void {
    this.#key = key;
    this.#collection.restart(key);
    this.#stream.restart(key);
  }

  begin(kind: ValueKind): void {
    if (kind === 'module') {
      throw new FormatError(
        'unknown',
        'a module value is too large to be sent whole, and only its module could take it apart',
        0,
      );
    }
    this.#kind = kind;
    this.#begun = false;
    this.#text.clear();
    if (kind === 'stream') this.#stream.begin();
    else if (kind !== 'string') this.#collection.begin(kind);
  }

  element(buf: Buffer, start: number, end: number): void {
    if (this.#kind === 'stream') this.#stream.element(buf, start, end);
    else if (this.#kind === 'string') this.#write(buf, start, end);
    else this.#collection.element(buf, start, end);
  }

  elementLength(bytes: number): void {
    if (this.#kind === 'stream') this.#stream.elementLength(bytes);
    else if (this.#kind !== 'string') this.#collection.elementLength(bytes);
  }

  elementPart(buf: Buffer, start: number, end: number): void {
    if (this.#kind === 'stream') this.#stream.elementPart(buf, start, end);
    else if (this.#kind === 'string') this.#gather(buf, start, end);
    else this.#collection.elementPart(buf, start, end);
  }

  score(score: number): void {
    this.#collection.score(score);
  }

  fieldExpireAt(ms: number): void {
    this.#collection.fieldExpireAt(ms);
  }

  streamEntry(ms: bigint, seq: bigint, pairs: number): void {
    this.#stream.entry(ms, seq, pairs);
  }

  streamDeleted(ms: bigint, seq: bigint): void {
    this.#stream.deleted(ms, seq);
  }

  streamMeta(meta: StreamMeta): void {
    this.#stream.meta(meta);
  }

  streamGroup(name: Buffer, lastMs: bigint, lastSeq: bigint, entriesRead: bigint): void {
    this.#stream.group(name, lastMs, lastSeq, entriesRead);
  }

  streamConsumer(name: Buffer, _seenAtMs: number, _activeAtMs: number): void {
    this.#stream.consumer(name);
  }

  streamPending(ms: bigint, seq: bigint, deliveredAtMs: number, deliveries: number): void {
    this.#stream.pending(ms, seq, deliveredAtMs, deliveries);
  }

  end(): void {
    if (this.#kind === 'stream') this.#stream.end();
    else if (this.#kind !== 'string') this.#collection.flush();
    else if (this.#text.length > 0) this.#write(this.#text.buf, 0, this.#text.length);
  }

  #gather(buf: Buffer, start: number, end: number): void {
    for (let pos = start; pos < end; ) {
      const stop = Math.min(end, pos + this.#chunkBytes - this.#text.length);
      this.#text.append(buf, pos, stop, this.#text.length + stop - pos);
      pos = stop;
      if (this.#text.length < this.#chunkBytes) continue;
      this.#write(this.#text.buf, 0, this.#text.length);
      this.#text.clear();
    }
  }

  #write(buf: Buffer, start: number, end: number): void {
    this.#sink.begin(3);
    this.#sink.argText(this.#begun ? 'APPEND' : 'SET');
    this.#sink.arg(this.#key, 0, this.#key.length);
    this.#sink.arg(buf, start, end);
    this.#sink.end();
    this.#begun = true;
  }
}

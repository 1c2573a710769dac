/** Streams as commands. */
import type { CommandSink } from '../command-sink.ts';
import { FormatError } from '../format-error.ts';
import type { StreamMeta } from './value-sink.ts';

/** Deleted entries are remembered up to this many, in some 10 MB. */
const DELETED_MAX = 100_000;

/**
 *     XADD per entry, XSETID with the counters, and for each group XGROUP CREATE, for each consumer XGROUP CREATECONSUMER and XCLAIM.
 *
 * XCLAIM makes no entry pending whose message is gone, not even with FORCE (t_stream.c, xclaimCommand, since Redis 5). So a deleted entry that its
 * node still tells of is added again (with an empty field), claimed like the others where it is pending, and deleted at the end. What is
 * lost: pending entries of messages whose whole node is gone, beyond `DELETED_MAX`, or trimmed; the consumers' times (they become the time
 * of the copy); and which producers were idempotent (Redis 8.6). No command sets these.
 */
export class RebuildStream {
  readonly #sink: CommandSink;
  #key: Buffer;
  readonly #chunkElements: number;
  readonly #counters: boolean;
  readonly #createConsumer: boolean;
  #entries = 0;
  #elementsLeft = 0;
  #partLeft = 0;
  #deleted: string[] = [];
  #meta: StreamMeta | undefined;
  #group: Buffer = Buffer.alloc(0);
  #groupLast = '';
  #consumer: Buffer = Buffer.alloc(0);
  /** pending entries of one consumer that were delivered at the same time, the same number of times */
  #pending: string[] = [];
  #deliveredAtMs = 0;
  #deliveries = 0;

  constructor(
    sink: CommandSink,
    key: Buffer,
    chunkElements: number,
    knows: { streamCounters?: boolean; createConsumer?: boolean } = {},
  ) {
    this.#sink = sink;
    this.#key = key;
    this.#chunkElements = chunkElements;
    this.#counters = knows.streamCounters !== false;
    this.#createConsumer = knows.createConsumer !== false;
  }

  restart(key: Buffer): void {
    this.#key = key;
  }

  begin(): void {
    this.#entries = 0;
    this.#deleted = [];
    this.#pending = [];
    this.#meta = undefined;
  }

  entry(ms: bigint, seq: bigint, pairs: number): void {
    if (pairs === 0) throw new FormatError('malformed', 'a stream entry without fields', 0);
    this.#command('XADD', undefined, [`${ms}-${seq}`], 2 * pairs);
    this.#elementsLeft = 2 * pairs;
    this.#entries++;
  }

  element(buf: Buffer, start: number, end: number): void {
    this.#sink.arg(buf, start, end);
    this.#elementEnd();
  }

  elementLength(bytes: number): void {
    this.#partLeft = bytes;
    this.#sink.argLength(bytes);
  }

  elementPart(buf: Buffer, start: number, end: number): void {
    this.#sink.argPart(buf, start, end);
    this.#partLeft -= end - start;
    if (this.#partLeft === 0) this.#elementEnd();
  }

  #elementEnd(): void {
    if (--this.#elementsLeft === 0) this.#sink.end();
  }

  deleted(ms: bigint, seq: bigint): void {
    if (this.#deleted.length >= DELETED_MAX) return;
    const id = `${ms}-${seq}`;
    this.#deleted.push(id);
    this.#send('XADD', undefined, [id, '', '']);
    this.#entries++;
  }

  meta(meta: StreamMeta): void {
    this.#meta = meta;
    if (this.#entries === 0) this.#createEmpty();
    this.#setId(BigInt(meta.length + this.#deleted.length));
  }

  #createEmpty(): void {
    if (!this.#counters) {
      // Not by way of a group: UNLINK of a stream whose last group was destroyed ends a Redis 5 (lazyfree.c, lazyfreeGetFreeEffort).
      this.#send('XADD', undefined, ['MAXLEN', '0', '0-1', '', '']);
      return;
    }
    // The only way that leaves no trace in the counters.
    this.#send('XGROUP', 'CREATE', ['naru', '0', 'MKSTREAM']);
    this.#send('XGROUP', 'DESTROY', ['naru']);
  }

  /** `entries`: XSETID takes no counter of added entries that is smaller than what the stream holds. */
  #setId(entries: bigint): void {
    const meta = this.#meta as StreamMeta;
    const args = [`${meta.lastMs}-${meta.lastSeq}`];
    if (this.#counters) {
      const added = meta.entriesAdded > entries ? meta.entriesAdded : entries;
      args.push('ENTRIESADDED', String(added), 'MAXDELETEDID', `${meta.maxDeletedMs}-${meta.maxDeletedSeq}`);
    }
    this.#send('XSETID', undefined, args);
  }

  group(name: Buffer, lastMs: bigint, lastSeq: bigint, entriesRead: bigint): void {
    this.#flushPending();
    this.#group = name;
    this.#groupLast = `${lastMs}-${lastSeq}`;
    const read = !this.#counters || entriesRead < 0n ? [] : ['ENTRIESREAD', String(entriesRead)];
    this.#command('XGROUP', 'CREATE', [], 2 + read.length);
    this.#arg(name);
    this.#sink.argText(this.#groupLast);
    this.#texts(read);
  }

  consumer(name: Buffer): void {
    this.#flushPending();
    this.#consumer = name;
    if (!this.#createConsumer) return;
    this.#command('XGROUP', 'CREATECONSUMER', [], 2);
    this.#arg(this.#group);
    this.#arg(name);
    this.#sink.end();
  }

  pending(ms: bigint, seq: bigint, deliveredAtMs: number, deliveries: number): void {
    const same = deliveredAtMs === this.#deliveredAtMs && deliveries === this.#deliveries;
    if (!same || this.#pending.length >= this.#chunkElements) this.#flushPending();
    this.#deliveredAtMs = deliveredAtMs;
    this.#deliveries = deliveries;
    this.#pending.push(`${ms}-${seq}`);
  }

  end(): void {
    this.#flushPending();
    if (this.#deleted.length === 0) return;
    for (let i = 0; i < this.#deleted.length; i += this.#chunkElements) {
      this.#send('XDEL', undefined, this.#deleted.slice(i, i + this.#chunkElements));
    }
    this.#deleted = [];
    this.#setId(0n);
  }

  /** XCLAIM key group consumer 0 id... TIME ms RETRYCOUNT n FORCE JUSTID LASTID id */
  #flushPending(): void {
    if (this.#pending.length === 0) return;
    const options = ['TIME', String(this.#deliveredAtMs), 'RETRYCOUNT', String(this.#deliveries)];
    options.push('FORCE', 'JUSTID', 'LASTID', this.#groupLast);
    this.#command('XCLAIM', undefined, [], 3 + this.#pending.length + options.length);
    this.#arg(this.#group);
    this.#arg(this.#consumer);
    this.#sink.argText('0');
    for (const id of this.#pending) this.#sink.argText(id);
    this.#texts(options);
    this.#pending = [];
  }

  #send(name: string, subcommand: string | undefined, args: readonly string[]): void {
    this.#command(name, subcommand, [], args.length);
    this.#texts(args);
  }

  #texts(args: readonly string[]): void {
    for (const arg of args) this.#sink.argText(arg);
    this.#sink.end();
  }

  #arg(arg: Buffer): void {
    this.#sink.arg(arg, 0, arg.length);
  }

  /** name [subcommand] key args..., and `more` arguments to come */
  #command(name: string, subcommand: string | undefined, args: readonly string[], more: number): void {
    this.#sink.begin(2 + (subcommand === undefined ? 0 : 1) + args.length + more);
    this.#sink.argText(name);
    if (subcommand !== undefined) this.#sink.argText(subcommand);
    this.#arg(this.#key);
    for (const arg of args) this.#sink.argText(arg);
  }
}

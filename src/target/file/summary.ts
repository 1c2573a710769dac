import type { EntryView } from '../../protocol/rdb/sink.ts';
import type { ValueKind, ValueSink } from '../../protocol/rdb/value-sink.ts';
import type { BigCommand } from '../../protocol/resp/big-frame.ts';
import type { CommandView } from '../../protocol/resp/command-walker.ts';
import { DecodedSink } from './decoded-sink.ts';
import { ElementCounter } from './element-counter.ts';
import { type Tally, TopCounts } from './top-counts.ts';

const TOP = 20;
const SECOND_MS = 1000;
const DAY_MS = 86_400 * SECOND_MS;
const COLON = 0x3a;
/** Longer ones are cut, so that they do not fill the memory. */
const PREFIX_BYTES_MAX = 64;

/** Keys by the time they still have to live. `[name, up to so many ms from now]` */
const EXPIRIES: readonly (readonly [string, number])[] = [
  ['expired', 0],
  ['within an hour', 3600 * SECOND_MS],
  ['within a day', DAY_MS],
  ['within a week', 7 * DAY_MS],
  ['within 30 days', 30 * DAY_MS],
  ['later', Number.POSITIVE_INFINITY],
];
const NEVER = 'no expiry';

export interface LargeKey {
  db: number;
  key: Buffer;
  type: ValueKind;
  bytes: number;
  elements: number;
}

/** Bytes are those of the serialized values (in the RDB, so maybe compressed), without keys. */
export interface Summary {
  keys: Tally;
  types: (Tally & { name: string })[];
  /** by the part of the key before the first colon; keys without one are under '' */
  prefixes: (Tally & { name: string })[];
  otherPrefixes: Tally;
  expiries: { name: string; count: number }[];
  /** the largest first */
  largest: LargeKey[];
  functions: number;
  /** of an AOF, by name */
  commands: (Tally & { name: string })[];
}

/**
 * Counts what a file holds; its memory does not grow with the file. A value too large to be held counts with the bytes of its elements, since
 * the length of what it was serialized to is not known.
 */
export class SummarySink extends DecodedSink {
  readonly #nowMs: number;
  readonly #types = new TopCounts();
  readonly #prefixes = new TopCounts();
  readonly #commands = new TopCounts();
  readonly #never = { name: NEVER, count: 0 };
  readonly #expiries = EXPIRIES.map(([name]) => ({ name, count: 0 }));
  readonly #keys: Tally = { count: 0, bytes: 0, elements: 0 };
  readonly #counter = new ElementCounter((kind, elements, bytes) => this.#counted(kind, elements, bytes));
  #largest: LargeKey[] = [];
  #functions = 0;
  /** of the entry under way; its key is `key[0, keyBytes)` */
  #db = 0;
  #key: Buffer = Buffer.allocUnsafe(1024);
  #keyBytes = 0;
  #expireAtMs = -1;
  #serializedBytes: number | undefined;

  constructor(nowMs: number) {
    super();
    this.#nowMs = nowMs;
  }

  get summary(): Summary {
    const prefixes = this.#prefixes.top(TOP);
    return {
      keys: this.#keys,
      types: this.#types.top(TOP).names,
      prefixes: prefixes.names,
      otherPrefixes: prefixes.rest,
      expiries: [this.#never, ...this.#expiries].filter(({ count }) => count > 0),
      largest: this.#largest,
      functions: this.#functions,
      commands: this.#commands.top(TOP).names,
    };
  }

  protected value(entry: EntryView, serializedBytes: number | undefined): ValueSink {
    const bytes = entry.keyEnd - entry.keyStart;
    if (bytes > this.#key.length) this.#key = Buffer.allocUnsafe(2 * bytes);
    entry.keyBuf.copy(this.#key, 0, entry.keyStart, entry.keyEnd);
    this.#keyBytes = bytes;
    this.#db = entry.db;
    this.#expireAtMs = entry.expireAtMs;
    this.#serializedBytes = serializedBytes;
    return this.#counter;
  }

  #counted(type: ValueKind, elements: number, elementBytes: number): void {
    const bytes = this.#serializedBytes ?? elementBytes;
    this.#keys.count++;
    this.#keys.bytes += bytes;
    this.#keys.elements += elements;
    this.#types.add(type, bytes, elements);
    this.#prefixes.add(this.#prefix(), bytes, elements);
    this.#expiry().count++;
    const smallest = this.#largest.at(-1);
    if (this.#largest.length < TOP || smallest === undefined || bytes > smallest.bytes)
      this.#offer(type, elements, bytes);
  }

  #expiry(): { count: number } {
    if (this.#expireAtMs < 0) return this.#never;
    const left = this.#expireAtMs - this.#nowMs;
    let bucket = 0;
    while (left > (EXPIRIES[bucket] as [string, number])[1]) bucket++;
    return this.#expiries[bucket] as { count: number };
  }

  /** The part of the key before the first colon, cut where it is longer than what is kept. */
  #prefix(): string {
    const key = this.#key;
    const end = Math.min(this.#keyBytes, PREFIX_BYTES_MAX);
    for (let at = 0; at < end; at++) if (key[at] === COLON) return key.toString('latin1', 0, at);
    const colon = this.#keyBytes > end ? key.subarray(end, this.#keyBytes).indexOf(COLON) : -1;
    return colon < 0 ? '' : key.toString('latin1', 0, end);
  }

  #offer(type: ValueKind, elements: number, bytes: number): void {
    const key = Buffer.from(this.#key.subarray(0, this.#keyBytes));
    const large = { db: this.#db, key, type, bytes, elements };
    this.#largest = [...this.#largest, large].sort((a, b) => b.bytes - a.bytes).slice(0, TOP);
  }

  protected library(): void {
    this.#functions++;
  }

  command(command: CommandView): void {
    const name = command.text(0).slice(0, 32).toUpperCase();
    this.#commands.add(name, command.frameEnd - command.frameStart, command.argc - 1);
  }

  bigCommand(): void {}
  bigCommandPart(): void {}

  bigCommandEnd(command: BigCommand): void {
    const name = (command.kept.get(0)?.toString('latin1') ?? '?').slice(0, 32).toUpperCase();
    this.#commands.add(name, command.endOffset - command.offset, command.argc - 1);
  }
}

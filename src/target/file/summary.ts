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
  readonly #expiries = new Map<string, number>();
  readonly #keys: Tally = { count: 0, bytes: 0, elements: 0 };
  #largest: LargeKey[] = [];
  #functions = 0;

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
      expiries: [NEVER, ...EXPIRIES.map(([name]) => name)]
        .map((name) => ({ name, count: this.#expiries.get(name) ?? 0 }))
        .filter(({ count }) => count > 0),
      largest: this.#largest,
      functions: this.#functions,
      commands: this.#commands.top(TOP).names,
    };
  }

  protected value(entry: EntryView, serializedBytes: number | undefined): ValueSink {
    const { db, expireAtMs } = entry;
    const key = Buffer.from(entry.keyBuf.subarray(entry.keyStart, entry.keyEnd));
    return new ElementCounter((type, elements, elementBytes) => {
      const bytes = serializedBytes ?? elementBytes;
      this.#keys.count++;
      this.#keys.bytes += bytes;
      this.#keys.elements += elements;
      this.#types.add(type, bytes, elements);
      this.#prefixes.add(prefixOf(key), bytes, elements);
      const bucket = this.#expiryOf(expireAtMs);
      this.#expiries.set(bucket, (this.#expiries.get(bucket) ?? 0) + 1);
      this.#offer({ db, key, type, bytes, elements });
    });
  }

  #expiryOf(expireAtMs: number): string {
    if (expireAtMs < 0) return NEVER;
    const left = expireAtMs - this.#nowMs;
    return EXPIRIES.find(([, upTo]) => left <= upTo)?.[0] as string;
  }

  #offer(key: LargeKey): void {
    const smallest = this.#largest.at(-1);
    if (this.#largest.length >= TOP && smallest !== undefined && key.bytes <= smallest.bytes) return;
    this.#largest = [...this.#largest, key].sort((a, b) => b.bytes - a.bytes).slice(0, TOP);
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

/** Longer ones are cut, so that they do not fill the memory. */
const PREFIX_BYTES_MAX = 64;

function prefixOf(key: Buffer): string {
  const colon = key.indexOf(COLON);
  return colon < 0 ? '' : key.toString('latin1', 0, Math.min(colon, PREFIX_BYTES_MAX));
}

/** What a reply is for. */
export const Kind = {
  /** SELECT, MULTI: Naru's own, counted nowhere */
  CONTROL: 0,
  /** the checkpoint outside of a transaction */
  CHECKPOINT: 1,
  EXEC: 2,
  /** one or more entries of the snapshot */
  ENTRY: 3,
  /** a part of a big entry */
  PART: 4,
  /** a big entry's RENAMENX: the reply 0 says that the key exists */
  RENAME_NEW: 5,
  /** a big entry's RENAME or RENAMENX where the key has an expiry: it may have passed already */
  RENAME_EXPIRING: 6,
  /** an entry with a module's value: the target may not have the module */
  MODULE_ENTRY: 7,
  FUNCTION: 8,
  COMMAND: 9,
  /** a key that is copied again while the stream is applied */
  RECOPY: 10,
} as const;

export type Kind = (typeof Kind)[keyof typeof Kind];

const CAPACITY = 131_072;
const MASK = CAPACITY - 1;

/**
 * The commands that are under way, oldest first: for each its kind, how many entries or commands it stands for, where in the source it
 * came from, and where its bytes end in the output. A ring of numbers: nothing is allocated for a command.
 *
 * `tail` is the index of the next reply; entries stay readable behind it until the ring comes round, which the results inside an EXEC need.
 */
export class InFlight {
  /**
   * How many may be under way at most. A slice can add 13,000 (of five bytes each), and a transaction as large may be waiting for its results
   * while the next one fills: the ring has to know both.
   */
  static readonly limit: number = CAPACITY / 4;

  head = 0;
  tail = 0;
  readonly #kinds = new Uint8Array(CAPACITY);
  readonly #counts = new Uint32Array(CAPACITY);
  readonly #offsets = new Float64Array(CAPACITY);
  readonly #outEnds = new Float64Array(CAPACITY);

  push(kind: Kind, count: number, offset: number, outEnd: number): void {
    const slot = this.head & MASK;
    this.#kinds[slot] = kind;
    this.#counts[slot] = count;
    this.#offsets[slot] = offset;
    this.#outEnds[slot] = outEnd;
    this.head++;
  }

  /** Whether the ring still knows the command with this index. */
  knows(index: number): boolean {
    return index >= 0 && index < this.head && index >= this.head - CAPACITY;
  }

  kind(index: number): Kind {
    return this.#kinds[index & MASK] as Kind;
  }

  count(index: number): number {
    return this.#counts[index & MASK] as number;
  }

  offset(index: number): number {
    return this.#offsets[index & MASK] as number;
  }

  outEnd(index: number): number {
    return this.#outEnds[index & MASK] as number;
  }

  clear(): void {
    this.tail = this.head;
  }
}

import type { Output } from '../../../protocol/resp/output.ts';
import type { Abilities } from './abilities.ts';
import type { Batch } from './batch.ts';
import type { Kinds } from './kinds.ts';

export const SIZE = 2;
export const TYPE = 3;
export const LENGTH = 4;

/** How a length becomes bytes where the source does not tell them: roughly what an element takes. */
const ELEMENT_BYTES = 64;
const LENGTH_OF: Readonly<Record<string, string>> = {
  string: 'STRLEN',
  list: 'LLEN',
  set: 'SCARD',
  zset: 'ZCARD',
  hash: 'HLEN',
  stream: 'XLEN',
};

/**
 * Asks how large keys are. MEMORY USAGE looks at a few elements, so what it says is an estimate; where it is not to be had, type and length
 * are. What can't be told (it has vanished, it is a module's) counts as small: its value will show.
 */
export class Sizer {
  readonly #batches: readonly Batch[];
  readonly #output: Output;
  readonly #asked: Kinds;

  constructor(batches: readonly Batch[], output: Output, asked: Kinds) {
    this.#batches = batches;
    this.#output = output;
    this.#asked = asked;
  }

  ask(batch: Batch, { memoryUsage, type }: Abilities): void {
    for (; batch.asked < batch.count; batch.asked++) {
      if (memoryUsage) this.#askMemory(batch, batch.asked);
      else if (type) this.#askOf('TYPE', TYPE, batch, batch.asked);
      else batch.sizes.push(0);
    }
  }

  #askMemory(batch: Batch, index: number): void {
    const output = this.#output;
    output.begin(3);
    output.argText('MEMORY');
    output.argText('USAGE');
    output.arg(batch.arena, batch.start(index), batch.end(index));
    this.#asked.push(SIZE);
  }

  #askOf(command: string, kind: number, batch: Batch, index: number): void {
    this.#output.begin(2);
    this.#output.argText(command);
    this.#output.arg(batch.arena, batch.start(index), batch.end(index));
    this.#asked.push(kind);
  }

  size(bytes: number): void {
    for (const { sizes, count } of this.#batches) {
      if (sizes.length === count) continue;
      sizes.push(bytes);
      return;
    }
  }

  type(name: string): void {
    for (const batch of this.#batches) {
      const index = batch.units.length;
      if (index === batch.count) continue;
      batch.units.push(name === 'string' ? 1 : ELEMENT_BYTES);
      // Something is asked for each key, so that the answers can be counted.
      this.#askOf(LENGTH_OF[name] ?? 'TYPE', LENGTH, batch, index);
      return;
    }
  }

  /** The source does not tell. */
  unknown(kind: number): void {
    if (kind === SIZE) this.size(0);
    else this.length(0);
  }

  length(elements: number): void {
    for (const { sizes, units, count } of this.#batches) {
      if (sizes.length === count) continue;
      sizes.push(elements * (units[sizes.length] as number));
      return;
    }
  }
}

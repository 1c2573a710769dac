import { NaruError } from '../../../errors/errors.ts';
import { Kind } from '../in-flight.ts';
import { passes } from '../meaning.ts';

/** What a target of several nodes did not do, or may not have done. Offsets are the source's. */
export class Undone {
  /** with the slots that were answered about; empty: which one is not known */
  readonly #offsets = new Map<number, Set<number>>();
  readonly #lost: { slots: ReadonlySet<number>; from: number }[] = [];
  /** something may have been done, and nobody can tell */
  isUnsure = false;
  /** what was answered to commands of the stream that were refused for good, by offset */
  readonly refused: Map<number, string> = new Map();

  /** The node did not do what stands at this offset. */
  add(offset: number, text: string, kind: Kind): void {
    const slots = this.#offsets.get(offset);
    const slot = /^(?:MOVED|ASK) (\d+) /.exec(text)?.[1];
    if (slot === undefined) this.#offsets.set(offset, new Set());
    else if (slots === undefined) this.#offsets.set(offset, new Set([Number(slot)]));
    else if (slots.size > 0) slots.add(Number(slot));
    if (kind === Kind.COMMAND && !passes(text)) this.refused.set(offset, text);
  }

  /**
   * Nobody can tell what a node did of what stands at `from` and behind it, as far as it is for these slots. `sure`: it has done nothing of that.
   */
  lose(slots: ReadonlySet<number>, from: number, sure = false): void {
    this.#lost.push({ slots, from });
    this.isUnsure ||= !sure;
  }

  /** The same, where a command's part for a slot may have been done, and the part for another one not. */
  hasAt(offset: number, slot: number): boolean {
    const slots = this.#offsets.get(offset);
    if (slots !== undefined && (slots.size === 0 || slots.has(slot))) return true;
    return this.#lost.some(({ slots: lost, from }) => offset >= from && lost.has(slot));
  }

  /** Whether what stands at this offset, for this slot, may not have been done. */
  has(offset: number, slot: number): boolean {
    if (this.#offsets.has(offset)) return true;
    return this.#lost.some(({ slots, from }) => offset >= from && slots.has(slot));
  }

  /** The same for what concerns all slots of a node. */
  hasKeyless(offset: number): boolean {
    return this.#offsets.has(offset) || this.#lost.some(({ from }) => offset >= from);
  }
}

/** Slots that go to the node with this index. */
export function slotsOf(routes: Int16Array, index: number): Set<number> {
  const slots = new Set<number>();
  routes.forEach((owner, slot) => {
    if (owner === index) slots.add(slot);
  });
  return slots;
}

export function refused(text: string, offset: number): NaruError {
  return new NaruError('COMMAND_REFUSED', text, { side: 'target', offset });
}

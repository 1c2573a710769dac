import { SLOTS } from '../net/topology/slot.ts';
import type { SlotMove } from '../net/topology/topology.ts';

interface Move {
  /** counts what was seen of it: what is settled is only what was seen before */
  version: number;
  /** looks at which it stood still */
  calm: number;
}

/** A move that stood still at so many looks is over, at the nodes that were slow to hear of it too. */
const CALM_LOOKS = 2;

/**
 * Which slots of a source were moved between its nodes since they were copied from one of them. What the one node's stream does to such keys (it
 * removes them) and what the other's does (it restores them) may come in any order, so what the target holds of them is not known.
 *
 * Plain state: it is told how the cluster looks, and what was settled.
 */
export class SlotMoves<Owner> {
  readonly #owners: (Owner | undefined)[] = new Array(SLOTS);
  readonly #moved = new Map<number, Move>();
  readonly #ever = new Set<number>();

  /** `ownerOf` tells whose stream a slot's keys come by. */
  constructor(ownerOf: (slot: number) => Owner | undefined, moves: readonly SlotMove[]) {
    for (let slot = 0; slot < SLOTS; slot++) this.#owners[slot] = ownerOf(slot);
    for (const { slot } of moves) this.mark(slot);
  }

  get size(): number {
    return this.#moved.size;
  }

  /** Something was seen of a move of this slot. */
  mark(slot: number): void {
    this.#ever.add(slot);
    const version = (this.#moved.get(slot)?.version ?? 0) + 1;
    this.#moved.set(slot, { version, calm: 0 });
  }

  /** What was settled may not be so any more. */
  markAllAgain(): void {
    for (const slot of [...this.#ever]) this.mark(slot);
  }

  /** The cluster as it is now. */
  look(ownerOf: (slot: number) => Owner | undefined, moves: readonly SlotMove[]): void {
    for (const move of this.#moved.values()) move.calm++;
    for (let slot = 0; slot < SLOTS; slot++) {
      const owner = ownerOf(slot);
      if (owner === this.#owners[slot]) continue;
      this.#owners[slot] = owner;
      this.mark(slot);
    }
    for (const { slot } of moves) this.mark(slot);
  }

  /** The slots whose move is over, with their versions. */
  over(): Map<number, number> {
    const found = new Map<number, number>();
    for (const [slot, { version, calm }] of this.#moved) {
      if (calm >= CALM_LOOKS && this.#owners[slot] !== undefined) found.set(slot, version);
    }
    return found;
  }

  /** The target holds what the present owner has of them; those that were seen moving since are not settled. */
  settled(slots: ReadonlyMap<number, number>): void {
    for (const [slot, version] of slots) {
      if (this.#moved.get(slot)?.version === version) this.#moved.delete(slot);
    }
  }
}

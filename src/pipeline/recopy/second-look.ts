import { keySlot } from '../../net/topology/slot.ts';
import type { CommandView } from '../../protocol/resp/command-walker.ts';

/** Tells of commands that were given to the target and may not have been done there: by offset and slot of a key. */
export interface UndoneCommands {
  has(offset: number, slot: number): boolean;
  /** The same for what concerns all slots of a node. */
  hasKeyless(offset: number): boolean;
}

/** What was given to the target before the spool offset `to`, and may not have been done: the stream is looked at again up to there. */
export class SecondLook {
  readonly to: number;
  readonly #undone: UndoneCommands;
  /** was not over when this one began */
  readonly #before: SecondLook | undefined;

  constructor(to: number, undone: UndoneCommands, before: SecondLook | undefined) {
    this.to = Math.max(to, before?.to ?? 0);
    this.#undone = undone;
    this.#before = before;
  }

  hasKeyless(offset: number): boolean {
    if (offset >= this.to) return false;
    return this.#undone.hasKeyless(offset) || this.#before?.hasKeyless(offset) === true;
  }

  /** Whether it may not have been done for one of `count` keys. */
  has(command: CommandView, positions: Uint32Array, count: number): boolean {
    const { buf, argStart, argEnd, offset } = command;
    for (let i = 0; i < count; i++) {
      const index = positions[i] as number;
      if (this.hasSlot(offset, keySlot(buf, argStart[index] as number, argEnd[index] as number))) return true;
    }
    return false;
  }

  /** The same for one slot. */
  hasSlot(offset: number, slot: number): boolean {
    if (offset >= this.to) return false;
    return this.#undone.has(offset, slot) || this.#before?.hasSlot(offset, slot) === true;
  }
}

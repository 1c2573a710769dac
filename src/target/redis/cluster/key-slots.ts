import { keySlot, SLOTS } from '../../../net/topology/slot.ts';
import type { CommandView } from '../../../protocol/resp/command-walker.ts';

/** Finds the keys of a command (see pipeline/keys): argument indexes, as many as `find` returns; not more than 0: it has none, or they can't be told. */
export interface FindsKeys {
  find(command: CommandView): number;
  readonly positions: Uint32Array;
}

/** A command's keys are in several slots. */
export const SEVERAL: number = SLOTS;
/** It has no keys. */
export const NO_SLOT = -1;

/** Commands that are the same as one for each of their keys, and how many arguments a key has with it. Nobody sees their replies. */
const BY_KEY: ReadonlyMap<string, number> = new Map([
  ['MSET', 2],
  ['DEL', 1],
  ['UNLINK', 1],
  ['TOUCH', 1],
]);

/** Arguments of each key, its own included, where the command can be split; 0: it can not. */
export function argumentsOfKey(command: CommandView): number {
  const length = (command.argEnd[0] as number) - (command.argStart[0] as number);
  if (length > 6) return 0;
  return BY_KEY.get(command.text(0).toUpperCase()) ?? 0;
}

/**
 * Whether a proxy that knows the command passes it: one key, or key by key. twemproxy takes no options of the commands that set an expiry time
 * (`PEXPIREAT key ms [NX|XX|GT|LT]`), and hangs up.
 */
export function passesProxy(command: CommandView, count: number): boolean {
  if (count > 1) return argumentsOfKey(command) > 0;
  return command.argc <= 3 || !/^p?expire(at)?$/i.test(command.text(0));
}

/** The slot of one key. */
export function slotOfKey(command: CommandView, index: number): number {
  return keySlot(command.buf, command.argStart[index] as number, command.argEnd[index] as number);
}

/** The one slot of the `count` keys that `found` has; SEVERAL, NO_SLOT. */
export function slotOf(command: CommandView, found: FindsKeys, count: number): number {
  if (count <= 0) return NO_SLOT;
  const slot = slotOfKey(command, found.positions[0] as number);
  for (let i = 1; i < count; i++) {
    if (slotOfKey(command, found.positions[i] as number) !== slot) return SEVERAL;
  }
  return slot;
}

/** Whether a cluster with slots that are `moving` takes the command: as it stands, or key by key. */
export function passesCluster(
  command: CommandView,
  found: FindsKeys,
  count: number,
  moving: ReadonlySet<number>,
): boolean {
  const slot = slotOf(command, found, count);
  if (slot === SEVERAL) return argumentsOfKey(command) > 0 && moving.size === 0;
  return slot === NO_SLOT || !moving.has(slot);
}

import type { CommandView } from '../../protocol/resp/command-walker.ts';
import { fits, Options } from './command-spec.ts';
import { type KeySpec, NO_COUNT, READ, WRITE } from './key-spec.ts';
import type { KeyTable } from './key-table.ts';
import { isWord } from './name-index.ts';
import { bitfieldReadsOnly, dependsOnValue, MIGRATE_KEYS_NONE, migrateKeys, sortStore } from './options.ts';

/** The keys cannot be told: of a command that the server does not know, that is malformed, or whose module finds them by its own function. */
export const NOT_FOUND = -1;

/**
 * Finds the keys of commands, one at a time and without making anything new for each.
 *
 * What is found are arguments. Keys that a command reaches without naming them (the BY and GET patterns of SORT, a script's own) are not
 * among them; no server tells of these either.
 */
export class KeyFinder {
  /** Argument indexes of the keys that `find` found last, and READ and WRITE bits for each. Both grow: take them anew after each `find`. */
  positions: Uint32Array = new Uint32Array(64);
  access: Uint8Array = new Uint8Array(64);
  readonly #table: KeyTable;
  #count = 0;

  constructor(table: KeyTable) {
    this.#table = table;
  }

  /**
   * The count of keys; 0 for a command that has none (FLUSHALL, SELECT, PUBLISH); NOT_FOUND where it cannot be told: ask the server
   * (`keysByServer`). A key that is named twice counts twice. The order is that of the specs: mostly that of the arguments.
   */
  find(command: CommandView): number {
    const spec = this.#table.lookup(command);
    if (spec === undefined || !fits(spec, command.argc)) return NOT_FOUND;
    this.#count = 0;
    if (spec.options === Options.SORT) return this.#findSort(command);
    if (spec.options === Options.MIGRATE) return this.#findMigrate(command);
    const keys = spec.keys;
    if (keys === undefined) return NOT_FOUND;
    for (let i = 0; i < keys.length; i++) {
      if (!this.#collect(keys[i] as KeySpec, command, spec.keysOptional)) return NOT_FOUND;
    }
    if (this.#count === 0 && keys.length > 0 && !spec.keysOptional) return NOT_FOUND;
    if (spec.options !== Options.NONE) this.access[0] = accessByOptions(spec.options, command);
    return this.#count;
  }

  /** false: the arguments do not fit the spec, so the server would refuse them. */
  #collect(spec: KeySpec, command: CommandView, optional: boolean): boolean {
    const argc = command.argc;
    let first = spec.begin;
    if (spec.keyword !== undefined) {
      first = behindKeyword(command, spec.keyword, spec.begin);
      if (first === 0) return true;
    }
    let last: number;
    if (spec.countAt === NO_COUNT) {
      // A list that may be empty: PFMERGE with nothing but the key that it writes to.
      if (spec.last < 0 && first === argc) return true;
      last = lastOfRange(spec, first, argc);
    } else {
      const count = countAt(command, first + spec.countAt);
      if (count === 0) return optional;
      if (count < 0) return false;
      first += spec.firstAt;
      last = first + (count - 1) * spec.step;
    }
    if (last < first || last >= argc) return false;
    this.#addAll(first, last, spec.step, spec.access);
    return true;
  }

  /** The key that is sorted, and the last STORE's. */
  #findSort(command: CommandView): number {
    this.#addAll(1, 1, 1, READ);
    const store = sortStore(command);
    if (store !== 0) this.#addAll(store, store, 1, WRITE);
    return this.#count;
  }

  /** The one key, or those behind KEYS. */
  #findMigrate(command: CommandView): number {
    const from = migrateKeys(command);
    if (from === MIGRATE_KEYS_NONE) {
      this.#addAll(3, 3, 1, READ | WRITE);
      return this.#count;
    }
    const oneKeyToo = (command.argEnd[3] as number) > (command.argStart[3] as number);
    if (oneKeyToo || from === command.argc) return NOT_FOUND;
    this.#addAll(from, command.argc - 1, 1, READ | WRITE);
    return this.#count;
  }

  /** The arguments from `first` to `last`, which is not before it. */
  #addAll(first: number, last: number, step: number, access: number): void {
    let count = this.#count;
    const needed = count + Math.trunc((last - first) / step) + 1;
    if (needed > this.positions.length) this.#grow(needed);
    const positions = this.positions;
    const accesses = this.access;
    for (let index = first; index <= last; index += step) {
      positions[count] = index;
      accesses[count] = access;
      count++;
    }
    this.#count = count;
  }

  #grow(needed: number): void {
    const size = Math.max(needed, this.positions.length * 2);
    const positions = new Uint32Array(size);
    const access = new Uint8Array(size);
    positions.set(this.positions);
    access.set(this.access);
    this.positions = positions;
    this.access = access;
  }
}

function accessByOptions(options: Options, command: CommandView): number {
  if (options === Options.SET) return dependsOnValue(command, 3) ? READ | WRITE : WRITE;
  if (options === Options.DELEX) return dependsOnValue(command, 2) ? READ | WRITE : WRITE;
  return bitfieldReadsOnly(command) ? READ : READ | WRITE;
}

/** The argument behind the first one that is the keyword; 0: there is none, or nothing follows it. */
function behindKeyword(command: CommandView, keyword: Buffer, from: number): number {
  const { argc, argStart, argEnd, buf } = command;
  const forward = from > 0;
  const step = forward ? 1 : -1;
  for (let i = forward ? from : argc + from; forward ? i < argc - 1 : i > 1; i += step) {
    if (isWord(buf, argStart[i] as number, argEnd[i] as number, keyword)) return i + 1;
  }
  return 0;
}

function lastOfRange({ last, limit }: KeySpec, first: number, argc: number): number {
  if (last >= 0) return first + last;
  if (limit < 2) return argc + last;
  return first + Math.trunc((argc - first) / limit) + last;
}

/** More digits than any count of arguments has. */
const DIGITS_MAX = 10;

/** The count that argument `index` says, as Redis reads one (`string2ll` of util.c): digits without a zero in front; -1: none. */
function countAt(command: CommandView, index: number): number {
  if (index >= command.argc) return -1;
  const start = command.argStart[index] as number;
  const end = command.argEnd[index] as number;
  if (end === start || end - start > DIGITS_MAX) return -1;
  let count = 0;
  for (let pos = start; pos < end; pos++) {
    const digit = (command.buf[pos] as number) - 0x30;
    if (digit < 0 || digit > 9 || (digit === 0 && pos === start && end - start > 1)) return -1;
    count = count * 10 + digit;
  }
  return count;
}

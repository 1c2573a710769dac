import { keySlot } from '../../../net/topology/slot.ts';
import type { CommandView } from '../../../protocol/resp/command-walker.ts';
import type { Losses } from '../../losses.ts';
import { Kind } from '../in-flight.ts';
import { argumentsOfKey, type FindsKeys, NO_SLOT, passesProxy, SEVERAL, slotOf } from './key-slots.ts';
import type { PlainLane } from './plain-lane.ts';
import type { Redo } from './redo.ts';
import { refused } from './undone.ts';

export interface CommandRouterOptions {
  keys: FindsKeys;
  losses: Losses;
  /** keys have slots, and transactions are possible in each */
  slots: boolean;
  /** of a proxy: whether it knows the command, by its name in capitals */
  passes(name: string): boolean;
  /** the lane of a slot */
  laneOf(slot: number): PlainLane;
  /** those that have a connection */
  lanes(): Iterable<PlainLane>;
}

/** Gives each command of the stream to the lane of its slot, and keeps a transaction of the source one as far as it is about one slot. */
export class CommandRouter {
  readonly #options: CommandRouterOptions;
  #holding = false;
  #slot = NO_SLOT;
  /** in which a transaction is open */
  #lane: PlainLane | undefined;

  constructor(options: CommandRouterOptions) {
    this.#options = options;
  }

  /** undefined: all is written that is given */
  redo: Redo | undefined;

  /** Nothing is begun. */
  clear(): void {
    this.#holding = false;
    this.#lane = undefined;
    this.#slot = NO_SLOT;
  }

  /** A transaction of the source begins, or ends. */
  hold(on: boolean): void {
    this.#holding = on;
    if (!on) this.#commit();
  }

  command(command: CommandView, db: number): void {
    const { keys } = this.#options;
    const count = keys.find(command);
    const slot = slotOf(command, keys, count);
    this.#check(command, count, slot);
    if (slot === SEVERAL) this.#split(command, count, db);
    else if (slot === NO_SLOT) this.#keyless(command, db);
    else if (this.#wants(command, count, slot)) this.#forward(command, slot, db);
  }

  /** Of a command whose keys are all in one slot. */
  #wants({ offset, buf, argStart, argEnd }: CommandView, count: number, slot: number): boolean {
    const { redo } = this;
    if (redo?.covers(offset) !== true) return true;
    let wanted = false;
    for (let i = 0; i < count; i++) {
      const at = this.#options.keys.positions[i] as number;
      wanted = redo.wants(offset, slot, buf, argStart[at] as number, argEnd[at] as number);
    }
    return wanted;
  }

  /** The lane for what is written at an offset to the key `buf[start, end)`; undefined: it is there already. */
  laneFor(offset: number, buf: Buffer, start: number, end: number): PlainLane | undefined {
    const { redo } = this;
    const slot = keySlot(buf, start, end);
    if (redo?.covers(offset) === true && !redo.wants(offset, slot, buf, start, end)) return undefined;
    return this.laneOf(slot);
  }

  /** Whoever can copy keys again does not give such commands. */
  #check(command: CommandView, count: number, slot: number): void {
    const { slots, passes } = this.#options;
    if (slots && (slot !== SEVERAL || argumentsOfKey(command) > 0)) return;
    const name = command.text(0).toUpperCase();
    if (slots) throw refused(`The keys of ${name} are in several slots`, command.offset);
    if (count > 0 && !(passes(name) && passesProxy(command, count)))
      throw refused(`A proxy does not pass this ${name}`, command.offset);
  }

  /** The lane for what is written next: in a transaction, one of as many commands in a row as are for one slot. */
  laneOf(slot: number): PlainLane {
    const lane = this.#options.laneOf(slot);
    if (!this.#holding || !this.#options.slots) return lane;
    if (this.#lane === lane && this.#slot === slot) return lane;
    this.#commit();
    lane.beginTransaction();
    this.#lane = lane;
    this.#slot = slot;
    return lane;
  }

  #commit(): void {
    this.#lane?.commit();
    this.#lane = undefined;
    this.#slot = NO_SLOT;
  }

  #forward(command: CommandView, slot: number, db: number): void {
    asItStands(this.laneOf(slot), command, db, 1);
  }

  /** Key by key. */
  #split(command: CommandView, count: number, db: number): void {
    const each = argumentsOfKey(command);
    const name = command.text(0);
    const { buf, argStart, argEnd } = command;
    for (let i = 0; i < count; i++) {
      const first = this.#options.keys.positions[i] as number;
      const lane = this.laneFor(command.offset, buf, argStart[first] as number, argEnd[first] as number);
      if (lane === undefined) continue;
      const output = lane.begin(db);
      output.begin(1 + each);
      output.argText(name);
      for (let arg = first; arg < first + each; arg++) {
        output.arg(buf, argStart[arg] as number, argEnd[arg] as number);
      }
      lane.end(Kind.COMMAND, i === 0 ? 1 : 0, command.offset);
      if (i === 0) lane.counters.split++;
    }
  }

  #keyless(command: CommandView, db: number): void {
    const { redo } = this;
    if (redo?.covers(command.offset) === true && !redo.wantsKeyless(command.offset)) return;
    const name = command.text(0).toUpperCase();
    if (name === 'PUBLISH') this.#forward(command, 0, db);
    else if (name === 'SPUBLISH' && command.argc > 1) {
      const { buf, argStart, argEnd } = command;
      this.#forward(command, keySlot(buf, argStart[1] as number, argEnd[1] as number), db);
    } else if (name === 'FUNCTION' && this.#options.slots) this.#everywhere(command, db);
    else if (name === 'FUNCTION') this.#options.losses.add('functions', { offset: command.offset });
    else {
      const text = `${name} has no key, so that nobody can tell for which node of the target it is`;
      throw refused(text, command.offset);
    }
  }

  #everywhere(command: CommandView, db: number): void {
    this.#commit();
    let counted = 1;
    for (const lane of this.#options.lanes()) {
      asItStands(lane, command, db, counted);
      counted = 0;
    }
  }
}

function asItStands(lane: PlainLane, command: CommandView, db: number, counted: number): void {
  lane.begin(db).raw(command.buf, command.frameStart, command.frameEnd);
  lane.end(Kind.COMMAND, counted, command.offset);
}

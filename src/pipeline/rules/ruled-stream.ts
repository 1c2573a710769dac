import { NaruError } from '../../errors/errors.ts';
import type { BigCommand } from '../../protocol/resp/big-frame.ts';
import type { CommandView, StreamSink } from '../../protocol/resp/command-walker.ts';
import { DEPENDS, KEEP, type Rules } from '../../rules/rules.ts';
import type { Transform } from '../../rules/transform.ts';
import { Action, actionOf } from '../command-table.ts';
import { type KeyFinder, NOT_FOUND } from '../keys/key-finder.ts';
import { WRITE } from '../keys/key-spec.ts';
import { otherDatabase, readsMore } from '../recopy/other-database.ts';
import { CommandBuilder } from './command-builder.ts';
import { type ResultType, resultType } from './result-types.ts';
import { Ttl, TtlRewriter } from './ttl-rewriter.ts';

/** Copies keys anew, in the place of commands that can not be given: the Recopier. */
export interface KeyCopier {
  /** A key that a command at `offset` has written. */
  hold(db: number, key: Buffer, offset: number): void;
  /** The keys that a command has written, which only the source can tell. */
  holdUnresolved(command: CommandView, db: number): unknown;
}

/** Takes what the rules let through: the StreamApplier. */
export interface StreamStage extends StreamSink {
  /** the database that the source's stream is in */
  readonly db: number;
  readonly inTransaction: boolean;
  /** Nothing is taken now, and all of it will come again. */
  readonly flushedAt: number | undefined;
  /** A command that has no effect, or whose effect is copied. */
  leave(command: CommandView): void;
}

export interface RuledStreamOptions {
  rules: Rules;
  /** finds the keys of the source's commands */
  finder: KeyFinder;
  /** undefined: there is no source to ask, or the target keeps keys of its own */
  copier: KeyCopier | undefined;
  /** nothing is applied: what is cut is shown whole */
  showsCut?: boolean;
}

/** Commands that are the same as one for each of their keys, and how many arguments a key has with it. */
const BY_KEY: ReadonlyMap<string, number> = new Map([
  ['DEL', 1],
  ['UNLINK', 1],
  ['TOUCH', 1],
  ['MSET', 2],
  // Only one that has set all of its keys is sent on.
  ['MSETNX', 2],
]);

/**
 * Stands in front of the applier of a stream: what comes out of it leaves in the target what the rules make of the source's keys.
 *
 * A command whose keys are all kept goes on as it stands, one whose keys are all dropped does not. One of which only some are kept is split where it is
 * the same as a command for each key. Else the kept keys that it writes are copied anew (Recopier): what they hold may come from keys that the target
 * does not have.
 */
export class RuledStream implements StreamSink {
  readonly #stream: StreamStage;
  readonly #rules: Rules;
  readonly #finder: KeyFinder;
  readonly #copier: KeyCopier | undefined;
  readonly #options: RuledStreamOptions;
  readonly #builder = new CommandBuilder();
  readonly #ttls: TtlRewriter;
  /** for each key of the command that is looked at: what `decide` says */
  #decisions: Int32Array = new Int32Array(64);

  constructor(stream: StreamStage, options: RuledStreamOptions) {
    const { rules, finder, copier } = options;
    this.#options = options;
    this.#stream = stream;
    this.#rules = rules;
    this.#finder = finder;
    this.#copier = copier;
    this.#ttls = new TtlRewriter(rules, this.#builder);
  }

  command(command: CommandView): void {
    if (this.#stream.flushedAt !== undefined) return;
    const { buf, argStart, argEnd } = command;
    const action = actionOf(buf, argStart[0] as number, argEnd[0] as number);
    if (isFrame(action)) {
      this.#stream.command(command);
      return;
    }
    const rule = this.#rules.decideCommand(this.#stream.db, buf, argStart[0] as number, argEnd[0] as number);
    if (rule >= 0) this.#drop(command, rule);
    else if (action === Action.SWAPDB) this.#swap(command);
    else if (isAsItStands(action)) this.#stream.command(command);
    else this.#ofKeys(command, action);
  }

  // ---- databases as a whole

  #swap(command: CommandView): void {
    if (this.#rules.knowsDbs && !this.#options.showsCut) {
      throw refused(command, 'FLUSH_REFUSED', 'with rules that treat databases differently');
    }
    this.#stream.command(command);
  }

  // ---- keys

  #ofKeys(command: CommandView, action: Action): void {
    const count = this.#finder.find(command);
    if (count === 0) {
      this.#stream.command(command);
      return;
    }
    if (this.#options.showsCut && count === NOT_FOUND) {
      this.#stream.command(command);
      return;
    }
    if (count === NOT_FOUND) {
      this.#copierFor(command).holdUnresolved(command, this.#stream.db);
      this.#stream.leave(command);
      return;
    }
    const other = this.#rules.knowsDbs && !this.#options.showsCut ? otherDatabase(command) : undefined;
    if (other !== undefined) {
      this.#betweenDbs(command, count, other);
      return;
    }
    const result = this.#rules.knowsTypes
      ? resultType(command.buf, command.argStart[0] as number, command.argEnd[0] as number)
      : undefined;
    const { dropped, unsure } = this.#decideAll(command, count, result);
    if (dropped === count) this.#drop(command, this.#decisions[0] as number);
    else if (dropped + unsure === 0 && !readsMore(command)) this.#keep(command, action, count);
    else if (unsure === 0 && this.#split(command, count)) return;
    else this.#copy(command, count);
  }

  /** Sets `#decisions`, and counts those that drop and those that can not be told. */
  #decideAll(
    command: CommandView,
    count: number,
    result: ResultType | undefined,
  ): { dropped: number; unsure: number } {
    if (count > this.#decisions.length) this.#decisions = new Int32Array(count * 2);
    let dropped = 0;
    let unsure = 0;
    for (let i = 0; i < count; i++) {
      const decision = this.#decide(command, i, result);
      this.#decisions[i] = decision;
      if (decision >= 0) dropped++;
      else if (decision === DEPENDS) unsure++;
    }
    return { dropped, unsure };
  }

  #decide(command: CommandView, i: number, result: ResultType | undefined): number {
    const index = this.#finder.positions[i] as number;
    const { buf, argStart, argEnd } = command;
    const start = argStart[index] as number;
    const end = argEnd[index] as number;
    const { db } = this.#stream;
    const decision = this.#rules.decide(db, buf, start, end, undefined);
    if (decision !== DEPENDS || result === undefined) return decision;
    if (result.type === undefined) return KEEP;
    const typed = this.#rules.decide(db, buf, start, end, result.type);
    // A value of another type, which is kept, may have stood there.
    return typed >= 0 && result.replaces ? DEPENDS : typed;
  }

  #keep(command: CommandView, action: Action, count: number): void {
    const { transform } = this.#rules;
    if (transform?.ofCommands) {
      this.#transformed(command, transform);
      return;
    }
    // What the function makes of an entry it has to make of what a command leaves.
    if (transform?.ofEntries && !this.#removes(command, action)) {
      this.#copy(command, count);
      return;
    }
    if (this.#rules.changesTtls) {
      const ttl = this.#ttls.rewrite(command, action, this.#stream.db);
      if (ttl === Ttl.REWRITTEN) {
        this.#stream.command(this.#ttls.view);
        return;
      }
      if (ttl === Ttl.COPY) {
        this.#copy(command, count);
        return;
      }
    }
    this.#stream.command(command);
  }

  #transformed(command: CommandView, transform: Transform): void {
    const args = Array.from({ length: command.argc }, (_, i) => command.arg(i));
    const own = transform.command(this.#stream.db, args);
    if (own === undefined) {
      this.#rules.transformDropped();
      this.#stream.leave(command);
      return;
    }
    const builder = this.#builder;
    builder.begin(own.length);
    for (const arg of own) builder.arg(arg, 0, arg.length);
    this.#stream.command(builder.end(command.offset, command.endOffset));
  }

  #removes(command: CommandView, action: Action): boolean {
    return action === Action.DEL || /^touch$/i.test(command.text(0));
  }

  /** The kept keys with their arguments; false: the command is more than one for each of its keys. */
  #split(command: CommandView, count: number): boolean {
    const name = command.text(0).toUpperCase();
    const each = BY_KEY.get(name);
    if (each === undefined) return false;
    const kept = this.#decisions.subarray(0, count).reduce((sum, one) => sum + (one === KEEP ? 1 : 0), 0);
    const builder = this.#builder;
    builder.begin(1 + kept * each);
    builder.text(name === 'MSETNX' ? 'MSET' : name);
    for (let i = 0; i < count; i++) {
      const index = this.#finder.positions[i] as number;
      if (this.#decisions[i] === KEEP) builder.copy(command, index, index + each);
      else this.#rules.counters.dropped(this.#decisions[i] as number);
    }
    this.#rules.counters.cut++;
    this.#stream.command(builder.end(command.offset, command.endOffset));
    return true;
  }

  /** The keys that it writes, but for those that are dropped. */
  #copy(command: CommandView, count: number): void {
    if (this.#options.showsCut) {
      this.#stream.command(command);
      return;
    }
    const other = otherDatabase(command);
    let rule = KEEP;
    let written = 0;
    for (let i = 0; i < count; i++) {
      const decision = this.#decisions[i] as number;
      if (decision >= 0) rule = decision;
      else if (((this.#finder.access[i] as number) & WRITE) !== 0) {
        written++;
        this.#hold(command, this.#stream.db, i);
        if (other !== undefined) this.#hold(command, other, i);
      }
    }
    if (rule >= 0) this.#rules.counters.dropped(rule);
    if (rule >= 0 && written > 0) this.#rules.counters.cut++;
    this.#stream.leave(command);
  }

  /** MOVE and COPY to another database: what they write there is copied, where the rules keep it. */
  #betweenDbs(command: CommandView, count: number, other: number): void {
    for (let i = 0; i < count; i++) {
      if (((this.#finder.access[i] as number) & WRITE) === 0) continue;
      const index = this.#finder.positions[i] as number;
      const start = command.argStart[index] as number;
      const end = command.argEnd[index] as number;
      for (const db of [this.#stream.db, other]) {
        const decision = this.#rules.decide(db, command.buf, start, end, undefined);
        if (decision >= 0) this.#rules.counters.dropped(decision);
        else this.#hold(command, db, i);
      }
    }
    this.#stream.leave(command);
  }

  #hold(command: CommandView, db: number, i: number): void {
    const index = this.#finder.positions[i] as number;
    const key = command.buf.subarray(command.argStart[index], command.argEnd[index]);
    this.#copierFor(command).hold(db, key, command.offset);
  }

  #copierFor(command: CommandView): KeyCopier {
    if (this.#copier !== undefined) return this.#copier;
    const why = 'the rules cut it, and its keys can not be copied anew here';
    throw refused(command, 'COMMAND_REFUSED', `: ${why}`);
  }

  #drop(command: CommandView, rule: number): void {
    this.#rules.counters.dropped(rule);
    this.#stream.leave(command);
  }

  // ---- commands too large to be held

  bigCommand(command: BigCommand): void {
    if (this.#copier === undefined && !this.#options.showsCut) {
      const text = 'A command is too large to be held, as rules need it to be';
      throw new NaruError('COMMAND_REFUSED', text, { side: 'source', offset: command.offset });
    }
    this.#stream.bigCommand(command);
  }

  bigCommandPart(buf: Buffer, start: number, end: number): void {
    this.#stream.bigCommandPart(buf, start, end);
  }

  bigCommandEnd(command: BigCommand): void {
    this.#stream.bigCommandEnd(command);
  }
}

/** The stage behind sees to it that a flush removes what was migrated, and nothing else (SharedTarget). */
function isAsItStands(action: Action): boolean {
  return action === Action.FLUSH || action === Action.PUBLISH || action === Action.FUNCTION;
}

/** What the stream itself is made of: no rule is about it. */
function isFrame(action: Action): boolean {
  return action >= Action.SELECT && action <= Action.REPLCONF;
}

function refused(command: CommandView, code: 'FLUSH_REFUSED' | 'COMMAND_REFUSED', why: string): NaruError {
  const name = command.text(0).toUpperCase();
  const place = { side: 'source', offset: command.offset, command: name } as const;
  return new NaruError(code, `${name} ${why}`.replace(' :', ':'), place);
}

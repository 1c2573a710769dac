import { NaruError } from '../../../errors/errors.ts';
import { ARRAY, INTEGER, type ReplySink } from '../../../protocol/resp/reply-scanner.ts';
import { type InFlight, Kind } from '../in-flight.ts';
import type { LaneCounters } from '../lane-options.ts';
import { meaningOf } from '../meaning.ts';
import { refusal } from '../refusal.ts';
import { Counted } from './counted.ts';
import type { PlainLaneListener, PlainLaneOptions } from './plain-lane.ts';

/**
 * Knows what each reply is for, counts what is done, and tells what is not.
 *
 * The commands of a transaction are answered `+QUEUED`, and with their results inside the reply to EXEC; where one could not be queued none of
 * them is done.
 */
export class PlainReplies implements ReplySink {
  readonly #inFlight: InFlight;
  readonly #options: PlainLaneOptions;
  readonly #listener: PlainLaneListener;
  readonly #counters: LaneCounters;
  readonly #counted = new Counted();
  /** what stands before this offset was given before, and may be there */
  againTo = 0;
  #node = '';
  /** the transaction whose EXEC is answered now: index of its first command, of the next result; -1: none is */
  #first = 0;
  #result = -1;
  #results = 0;

  constructor(
    inFlight: InFlight,
    options: PlainLaneOptions,
    listener: PlainLaneListener,
    counters: LaneCounters,
  ) {
    this.#inFlight = inFlight;
    this.#options = options;
    this.#listener = listener;
    this.#counters = counters;
  }

  clear(node: string): void {
    this.#node = node;
    this.#result = -1;
  }

  /** Nothing before this offset is given again. */
  acked(offset: number): void {
    this.#counted.acked(offset);
  }

  /** All that is not acknowledged is given again, up to `to`. */
  again(to: number): void {
    this.againTo = to;
    this.#counted.takeBack(this.#counters);
  }

  reply(kind: number, value: number, depth: number): void {
    if (depth > 1) return;
    if (depth === 1) {
      if (this.#result >= 0) this.#found(kind, value, this.#nextResult());
      return;
    }
    const index = this.#next();
    if (this.#inFlight.kind(index) !== Kind.EXEC) this.#done(kind, value, index);
    else if (kind === ARRAY && value === this.#inFlight.count(index)) this.#beginResults(index, value);
    else throw this.#error('INTERNAL', 'The target did not run a transaction, and did not say why');
  }

  error(text: string, depth: number): void {
    if (depth > 1 || (depth === 1 && this.#result < 0)) return;
    // As in LaneReplies: a server does not wait for the end of a command that it will not take.
    if (depth === 0 && this.#isAnswered)
      throw refusal(text, Kind.CONTROL, { side: 'target', node: this.#node }, 'what it was sent');
    const index = depth === 1 ? this.#nextResult() : this.#next();
    if (this.#inFlight.kind(index) === Kind.EXEC) this.#notRun(text, index);
    else this.#undone(text, index);
  }

  get #isAnswered(): boolean {
    return this.#inFlight.tail === this.#inFlight.head;
  }

  #next(): number {
    const index = this.#inFlight.tail;
    if (this.#isAnswered) throw this.#error('INTERNAL', 'The target sent a reply that nothing was asked for');
    this.#inFlight.tail = index + 1;
    return index;
  }

  #beginResults(index: number, count: number): void {
    this.#first = index - count;
    this.#results = count;
    this.#result = count === 0 ? -1 : 0;
    // Its results can come later, and one of them can be a refusal: it is answered with the last of them.
    if (count > 0) this.#inFlight.tail = index;
  }

  #nextResult(): number {
    const index = this.#first + this.#result++;
    if (this.#result < this.#results) return index;
    this.#result = -1;
    this.#inFlight.tail++;
    return index;
  }

  /** `+QUEUED` looks like success too: what is counted for it is right unless the transaction is not run, and then it is copied again. */
  #done(kind: number, value: number, index: number): void {
    if (this.#found(kind, value, index)) return;
    this.#count(this.#inFlight.kind(index), this.#inFlight.count(index), this.#inFlight.offset(index));
  }

  /** RENAMENX answers 0 where the key exists. */
  #found(kind: number, value: number, index: number): boolean {
    const what = this.#inFlight.kind(index);
    if (kind !== INTEGER || value !== 0) return false;
    if (what !== Kind.RENAME_NEW && what !== Kind.RENAME_EXPIRING) return false;
    this.#exists(index);
    return true;
  }

  #count(kind: Kind, count: number, offset: number): void {
    const counters = this.#counters;
    if (kind >= Kind.ENTRY && kind <= Kind.MODULE_ENTRY) {
      counters.keys += count;
      if (count > 0) this.#counted.add(offset, false);
    } else if (kind === Kind.COMMAND) counters.commands += count;
    else if (kind === Kind.RECOPY) counters.recopied += count;
  }

  #undone(text: string, index: number): void {
    const kind = this.#inFlight.kind(index);
    const offset = this.#inFlight.offset(index);
    switch (meaningOf(text, kind)) {
      case 'exists':
        if (kind !== Kind.FUNCTION) this.#exists(index);
        else if (!this.#options.skipExisting && offset >= this.againTo) {
          throw this.#error(
            'KEY_EXISTS',
            `A function library of the source exists in the target already: ${text}`,
          );
        }
        return;
      case 'gone':
        return;
      case 'module':
        this.#options.moduleRefused(offset);
        return;
      case 'moved':
        this.#listener.onUndone(offset, text, kind);
        return;
      case 'refused': {
        const error = refusal(text, kind, { side: 'target', node: this.#node, offset });
        if (error.code !== 'COMMAND_REFUSED') {
          // The lane breaks, and neither this nor what is behind it is done.
          this.#inFlight.tail = index;
          throw error;
        }
        this.#listener.onUndone(offset, text, kind);
      }
    }
  }

  /** EXECABORT: none of the commands is done. Those that were refused have been told; the others are now. */
  #notRun(text: string, index: number): void {
    const count = this.#inFlight.count(index);
    for (let i = index - count; i < index; i++) {
      this.#listener.onUndone(this.#inFlight.offset(i), text, this.#inFlight.kind(i));
    }
  }

  #exists(index: number): void {
    if (this.#options.skipExisting) {
      this.#counters.skipped++;
      this.#counted.add(this.#inFlight.offset(index), true);
    } else throw this.#error('KEY_EXISTS', 'A key of the source exists in the target already', index);
  }

  #error(code: 'INTERNAL' | 'KEY_EXISTS', message: string, index?: number): NaruError {
    const place = index === undefined ? {} : { offset: this.#inFlight.offset(index) };
    return new NaruError(code, message, { side: 'target', node: this.#node, ...place });
  }
}

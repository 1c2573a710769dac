import { NaruError } from '../../errors/errors.ts';
import { ARRAY, INTEGER, type ReplySink } from '../../protocol/resp/reply-scanner.ts';
import { type InFlight, Kind } from './in-flight.ts';
import { meaningOf } from './meaning.ts';
import { refusal } from './refusal.ts';

export interface LaneRepliesOptions {
  node: string;
  /** whether a key that exists already is passed over instead of being an error */
  skipExisting: boolean;
  /** the target does not know the module of the value at this offset; throws NaruError where that ends the run */
  moduleRefused(offset: number): void;
  /** the target refused the command of the stream at this offset; the lane breaks once all answers of its transaction are there */
  commandRefused(offset: number, text: string): void;
  /** the oldest commit is done; `skipped` of its entries exist in the target and were passed over, `lost` can not be held there */
  onCommitted(skipped: number, lost: number): void;
}

/**
 * Knows what each reply is for, and so what it means: a commit that is done, a key that exists, a write that is refused (thrown as
 * NaruError).
 *
 * In a transaction each command is answered twice: `+QUEUED` by itself, which only counts, and with its result inside the reply to EXEC.
 */
export class LaneReplies implements ReplySink {
  readonly #inFlight: InFlight;
  readonly #options: LaneRepliesOptions;
  /** index of the first command of the transaction whose EXEC is answered now */
  #firstOfTransaction = 0;
  /** index in the EXEC's array of the next result; -1: no EXEC is being read */
  #result = -1;
  #results = 0;
  /** entries passed over since the last commit */
  #skipped = 0;
  /** the first command of the transaction that was refused for good */
  #refusedCommand: NaruError | undefined;
  /** values that the target can not hold since the last commit */
  #lost = 0;

  constructor(inFlight: InFlight, options: LaneRepliesOptions) {
    this.#inFlight = inFlight;
    this.#options = options;
  }

  reply(kind: number, value: number, depth: number): void {
    if (depth > 1) return;
    if (depth === 1) {
      if (this.#result >= 0) this.#resultOk(kind, value);
      return;
    }
    const index = this.#next();
    switch (this.#inFlight.kind(index)) {
      case Kind.EXEC:
        this.#beginResults(kind === ARRAY ? value : -1, index);
        return;
      case Kind.CHECKPOINT:
        this.#committed();
        return;
      default:
        this.#lookAtRename(kind, value, index);
    }
  }

  error(text: string, depth: number): void {
    if (depth > 1) return;
    if (depth === 1) {
      // Outside of an EXEC it is a part of a command's own reply.
      if (this.#result < 0) return;
      this.#refuse(text, this.#firstOfTransaction + this.#result);
      this.#nextResult();
      return;
    }
    // A server does not wait for the end of a command that it will not take (of more than proto-max-bulk-len, say): it answers, and hangs up.
    if (this.#isAnswered)
      throw refusal(text, Kind.CONTROL, { side: 'target', node: this.#options.node }, 'what it was sent');
    this.#refuse(text, this.#next());
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

  #beginResults(count: number, index: number): void {
    if (count < 0) throw this.#error('INTERNAL', 'The target did not run a transaction, and did not say why');
    this.#firstOfTransaction = index - count;
    this.#results = count;
    this.#result = 0;
  }

  #resultOk(kind: number, value: number): void {
    this.#lookAtRename(kind, value, this.#firstOfTransaction + this.#result);
    this.#nextResult();
  }

  /** RENAMENX answers 0 where the key exists. */
  #lookAtRename(kind: number, value: number, index: number): void {
    if (kind !== INTEGER || value !== 0 || !this.#inFlight.knows(index)) return;
    const what = this.#inFlight.kind(index);
    if (what === Kind.RENAME_NEW || what === Kind.RENAME_EXPIRING) this.#exists(index);
  }

  #nextResult(): void {
    this.#result++;
    if (this.#result < this.#results) return;
    this.#result = -1;
    if (this.#refusedCommand !== undefined) throw this.#refusedCommand;
    this.#committed();
  }

  #committed(): void {
    const skipped = this.#skipped;
    const lost = this.#lost;
    this.#skipped = 0;
    this.#lost = 0;
    this.#options.onCommitted(skipped, lost);
  }

  /** Throws, unless the refusal only says what `skipExisting` allows. */
  #refuse(text: string, index: number): void {
    const known = this.#inFlight.knows(index);
    const kind = known ? this.#inFlight.kind(index) : Kind.COMMAND;
    switch (meaningOf(text, kind)) {
      case 'exists':
        if (kind !== Kind.FUNCTION) this.#exists(index);
        else if (!this.#options.skipExisting) throw this.#libraryExists(text);
        return;
      case 'gone':
        return;
      case 'module':
        this.#options.moduleRefused(this.#inFlight.offset(index));
        if (kind === Kind.MODULE_ENTRY) this.#lost++;
        return;
    }
    const place = known ? { offset: this.#inFlight.offset(index) } : {};
    const error = refusal(text, kind, { side: 'target', node: this.#options.node, ...place });
    if (error.code !== 'COMMAND_REFUSED' || !known) throw this.#refusedCommand ?? error;
    // There may be others in the transaction: all of them have to be known.
    this.#options.commandRefused(this.#inFlight.offset(index), error.message);
    this.#refusedCommand ??= error;
  }

  #libraryExists(text: string): NaruError {
    return this.#error(
      'KEY_EXISTS',
      `A function library of the source exists in the target already: ${text}`,
    );
  }

  #exists(index: number): void {
    if (this.#options.skipExisting) this.#skipped++;
    else throw this.#error('KEY_EXISTS', 'A key of the source exists in the target already', index);
  }

  #error(code: 'INTERNAL' | 'KEY_EXISTS', message: string, index?: number): NaruError {
    const place = { side: 'target', node: this.#options.node } as const;
    return new NaruError(
      code,
      message,
      index === undefined ? place : { ...place, offset: this.#inFlight.offset(index) },
    );
  }
}

/**
 * Output for people. Events go to stdout, warnings, errors and notes to stderr. On a terminal the progress is one line that is drawn
 * anew; elsewhere it is a full line now and then.
 */
import type { ProgressEvent, SyncEvent } from '../engine/events.ts';
import { flushed, type Output, type Printer } from './printer.ts';
import { eventText, progressLine } from './progress.ts';

/** A run of six hours leaves 2,000 lines in a log, not 20,000. A change of phase, and a wait that begins or ends, are told at once. */
const PLAIN_LINE_EVERY_MS = 10_000;

const CLEAR_LINE = '\r\x1b[K';
const RED = '31';
const YELLOW = '33';

interface TerminalEnv {
  readonly TERM?: string | undefined;
  /** Set to anything that is not empty: no colours. */
  readonly NO_COLOR?: string | undefined;
}

export class Screen implements Printer {
  readonly #out: Output;
  readonly #err: Output;
  readonly #live: boolean;
  readonly #colour: boolean;
  #liveLine = '';
  #lastPlain: ProgressEvent | undefined;

  constructor(out: Output, err: Output, env: TerminalEnv) {
    const dumb = env.TERM === 'dumb';
    this.#out = out;
    this.#err = err;
    this.#live = out.isTTY === true && !dumb;
    this.#colour = err.isTTY === true && !dumb && !env.NO_COLOR;
  }

  event(event: SyncEvent): void {
    if (event.event === 'done' || (event.event === 'error' && !event.retry)) this.#dropLiveLine();
    if (event.event === 'progress' && this.#live) this.#liveProgress(event);
    else if (event.event === 'progress') this.#plainProgress(event);
    else if (event.event === 'error') this.#line(this.#err, this.#painted(eventText(event), RED));
    else if (event.event === 'warning') this.#line(this.#err, this.#painted(eventText(event), YELLOW));
    else this.#line(this.#out, eventText(event));
  }

  note(text: string): void {
    this.#line(this.#err, text);
  }

  async end(): Promise<void> {
    this.#dropLiveLine();
    await Promise.all([flushed(this.#out), flushed(this.#err)]);
  }

  #liveProgress(event: ProgressEvent): void {
    // One column less: a line that fills the last one wraps on some terminals.
    this.#liveLine = progressLine(event, (this.#out.columns || 80) - 1);
    this.#out.write(CLEAR_LINE + this.#liveLine);
  }

  #plainProgress(event: ProgressEvent): void {
    const last = this.#lastPlain;
    const due =
      last === undefined ||
      last.phase !== event.phase ||
      (last.waiting === undefined) !== (event.waiting === undefined) ||
      event.elapsedMs - last.elapsedMs >= PLAIN_LINE_EVERY_MS;
    if (!due || this.#out.writableNeedDrain) return;
    this.#lastPlain = event;
    this.#out.write(`${progressLine(event)}\n`);
  }

  /** The live line makes room, and comes back below. */
  #line(to: Output, text: string): void {
    if (this.#liveLine !== '') this.#out.write(CLEAR_LINE);
    to.write(`${text}\n`);
    if (this.#liveLine !== '') this.#out.write(this.#liveLine);
  }

  #dropLiveLine(): void {
    if (this.#liveLine !== '') this.#out.write(CLEAR_LINE);
    this.#liveLine = '';
  }

  /** Only the first line, which holds the code and what happened. */
  #painted(text: string, colour: string): string {
    return this.#colour ? text.replace(/^.*/, (line) => `\x1b[${colour}m${line}\x1b[0m`) : text;
  }
}

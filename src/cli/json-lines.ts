/** `--json`: one event a line on stdout and nothing else there; notes, and the error that ends the run, go to stderr. */
import type { SyncEvent } from '../engine/events.ts';
import { flushed, type Output, type Printer } from './printer.ts';
import { eventText } from './progress.ts';

export class JsonLines implements Printer {
  readonly #out: Output;
  readonly #err: Output;

  constructor(out: Output, err: Output) {
    this.#out = out;
    this.#err = err;
  }

  /** A progress event is left out while the reader is behind: the next one says all that it said. Others never are. */
  event(event: SyncEvent): void {
    if (event.event === 'progress' && this.#out.writableNeedDrain) return;
    this.#out.write(`${JSON.stringify(event)}\n`);
    if (event.event === 'error' && !event.retry) this.note(eventText(event));
  }

  note(text: string): void {
    this.#err.write(`${text}\n`);
  }

  async end(): Promise<void> {
    await Promise.all([flushed(this.#out), flushed(this.#err)]);
  }
}

import type { SyncEvent } from './events.ts';

/**
 * Events of a run, for one reader that may be slow: progress that nobody has read yet is replaced by newer progress, everything else is
 * kept, so the queue stays as short as the run is eventful.
 */
export class EventStream implements AsyncIterable<SyncEvent> {
  readonly #queue: SyncEvent[] = [];
  #wake: (() => void) | undefined;
  #ended = false;
  #error: unknown;

  push(event: SyncEvent): void {
    if (this.#ended) return;
    if (event.event === 'progress' && this.#queue.at(-1)?.event === 'progress') this.#queue.pop();
    this.#queue.push(event);
    this.#wake?.();
  }

  /** No more events; with an error the iterator throws it once the queue is empty. */
  end(error?: unknown): void {
    this.#ended = true;
    this.#error = error;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<SyncEvent, void, undefined> {
    for (;;) {
      const event = this.#queue.shift();
      if (event !== undefined) {
        yield event;
      } else if (this.#ended) {
        if (this.#error !== undefined) throw this.#error;
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#wake = undefined;
      }
    }
  }
}

/** The answers that a client still has to get, in the order of its commands. */
import type { Merge } from './merge.ts';

/** One command at one shard. */
export interface Part {
  frame: Buffer | undefined;
}

/** `merge` makes one answer of several parts; without it there is one part. */
export interface Answer {
  readonly parts: readonly Part[];
  readonly merge?: Merge;
}

/** The proxy answers by itself. */
export const own = (text: string | Buffer): Answer => ({ parts: [{ frame: Buffer.from(text) }] });

export const error = (words: string): Answer => own(`-ERR ${words}\r\n`);

export const unknown = (name: string): Answer => error(`unknown command '${name}'`);

export class Answers {
  readonly #queue = new Fifo<Answer>();

  push(answer: Answer): void {
    this.#queue.push(answer);
  }

  /** What may go out now. */
  take(into: Buffer[]): void {
    for (let answer = this.#queue.first; answer !== undefined; answer = this.#queue.first) {
      if (answer.parts.some(({ frame }) => frame === undefined)) return;
      const frames = answer.parts.map(({ frame }) => frame as Buffer);
      into.push(answer.merge === undefined ? (frames[0] as Buffer) : answer.merge(frames));
      this.#queue.shift();
    }
  }
}

/** Array.shift moves what is left. */
export class Fifo<T> {
  #items: (T | undefined)[] = [];
  #at = 0;

  get first(): T | undefined {
    return this.#items[this.#at];
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    const item = this.#items[this.#at];
    if (item === undefined) return undefined;
    this.#items[this.#at++] = undefined;
    if (this.#at === this.#items.length || this.#at > 4096) {
      this.#items = this.#items.slice(this.#at);
      this.#at = 0;
    }
    return item;
  }
}

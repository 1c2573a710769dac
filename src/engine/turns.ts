/** At most so many at once: the others wait, and come in the order in which they asked. */
export class Turns {
  #free: number;
  readonly #holders = new Set<object>();
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** Resolves when it is the holder's turn; rejects with the signal's reason. */
  async take(holder: object, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#free > 0) this.#free--;
    else await this.#wait(signal);
    this.#holders.add(holder);
  }

  /** The holder's turn is over, and goes to the one that has waited longest. Nothing, where it has none. */
  give(holder: object): void {
    if (!this.#holders.delete(holder)) return;
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next();
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const come = (): void => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(come), 1);
        reject(signal.reason);
      };
      this.#waiting.push(come);
      signal.addEventListener('abort', leave, { once: true });
    });
  }
}

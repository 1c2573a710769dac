/** What is counted for each name: keys or commands, their bytes and elements. */
export interface Tally {
  count: number;
  bytes: number;
  elements: number;
}

/** Names that are kept at most, some MB; with more, the smaller half goes into one. */
const NAMES_MAX = 20_000;

/** Counts by names of which there may be any number. */
export class TopCounts {
  readonly #names = new Map<string, Tally>();
  /** what names that were not kept had; a name that came back later counts from then on */
  readonly rest: Tally = { count: 0, bytes: 0, elements: 0 };

  add(name: string, bytes: number, elements: number): void {
    let tally = this.#names.get(name);
    if (tally === undefined) {
      tally = { count: 0, bytes: 0, elements: 0 };
      this.#names.set(name, tally);
    }
    tally.count++;
    tally.bytes += bytes;
    tally.elements += elements;
    if (this.#names.size > NAMES_MAX) this.#prune();
  }

  /** The largest, by bytes, with what is left of all others. */
  top(n: number): { names: (Tally & { name: string })[]; rest: Tally } {
    const sorted = this.#sorted();
    const rest = { ...this.rest };
    for (const [, tally] of sorted.slice(n)) addTo(rest, tally);
    return { names: sorted.slice(0, n).map(([name, tally]) => ({ name, ...tally })), rest };
  }

  #sorted(): [string, Tally][] {
    return [...this.#names].sort(
      ([a, x], [b, y]) => y.bytes - x.bytes || y.count - x.count || (a < b ? -1 : 1),
    );
  }

  #prune(): void {
    for (const [name, tally] of this.#sorted().slice(NAMES_MAX / 2)) {
      addTo(this.rest, tally);
      this.#names.delete(name);
    }
  }
}

function addTo(tally: Tally, more: Tally): void {
  tally.count += more.count;
  tally.bytes += more.bytes;
  tally.elements += more.elements;
}

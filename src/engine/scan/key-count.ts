import type { DoneEvent } from '../events.ts';
import type { SourceAsker } from '../source-asker.ts';
import { readSourceFacts, type SourceFacts } from './scan-facts.ts';

/** Keys that a source must have told, and those that it told. */
export interface Counted {
  readonly expected: number;
  readonly read: number;
}

/** As `done` tells it: nothing where one of the links does not know. */
export function sumOfCounts(
  counts: readonly (Counted | undefined)[],
): Pick<DoneEvent, 'expectedKeys' | 'readKeys'> {
  const known = counts.filter((count) => count !== undefined);
  if (known.length < counts.length) return {};
  return {
    expectedKeys: known.reduce((sum, { expected }) => sum + expected, 0),
    readKeys: known.reduce((sum, { read }) => sum + read, 0),
  };
}

/**
 * Compares what a walk found with what the source says that it has. Keys come and go meanwhile, so of what it said before and after, the smaller number
 * counts, for each database. Where more was told, keys were new, or told twice.
 */
export class KeyCount {
  #before: SourceFacts | undefined;
  #counted: Counted | undefined;

  /** A walk through everything begins. Without this nothing is counted. */
  begin(source: SourceFacts): void {
    this.#before = source;
  }

  /** The walk has ended, in which SCAN has told `read` keys; another one may begin. Never rejects: a source that can't be asked does not say. */
  async end(asker: SourceAsker, read: number): Promise<void> {
    const before = this.#before;
    if (before === undefined) return;
    this.#before = await askAgain(asker);
    this.#counted = undefined;
    if (before.keys === undefined || this.#before?.keys === undefined) return;
    const { keyspace } = this.#before.facts;
    let expected = 0;
    for (const [db, keys] of before.facts.keyspace) expected += Math.min(keys, keyspace.get(db) ?? 0);
    this.#counted = { expected, read };
  }

  /** undefined: the source does not say what it has. */
  get counted(): Counted | undefined {
    return this.#counted;
  }

  /** What has to be said about it; undefined: all keys were found. A replica counts keys that have expired until its master removes them. */
  get doubt(): string | undefined {
    const { expected, read } = this.#counted ?? { expected: 0, read: 0 };
    if (read >= expected || this.#before?.facts.role === 'slave') return undefined;
    return `SCAN told ${read} keys, and the source says that it had ${expected} before and after: they were not all found, or as many were removed as came.`;
  }
}

async function askAgain(asker: SourceAsker): Promise<SourceFacts | undefined> {
  try {
    return await readSourceFacts(await asker.open());
  } catch {
    return undefined;
  }
}

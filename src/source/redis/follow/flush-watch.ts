import { untilItAnswers } from './patience.ts';
import { refusalOf } from './refusal.ts';

/** A proxy may ask another server each time: counts that go back more often say nothing. */
const RESETS_MAX = 10;
/** What changes many keys at once without naming them, seen by how often its command was called. */
const CALLS = /^cmdstat_([^:]+):calls=(\d+)/gm;

/**
 * Compares one INFO commandstats with the one before. Servers count calls by scripts and from their master too (`call` of server.c), and by the
 * command's own name where it was renamed.
 */
export class FlushWatch {
  readonly #commands: readonly string[];
  #total = -1;
  #resets = 0;
  #counts: readonly number[];

  /** `commands`: in small letters, as INFO writes them */
  constructor(commands: readonly string[]) {
    this.#commands = commands;
    this.#counts = commands.map(() => 0);
  }

  /** What has happened since the last INFO; undefined: nothing, or this is the first. */
  compare(info: string): string | undefined {
    const calls = new Map<string, number>();
    let total = 0;
    for (const [, name, count] of info.matchAll(CALLS)) {
      calls.set(name as string, Number(count));
      total += Number(count);
    }
    const counts = this.#commands.map((name) => calls.get(name) ?? 0);
    const changed = this.#commands.filter((_, i) => (counts[i] as number) > (this.#counts[i] as number));
    const first = this.#total < 0;
    // Counted from zero again: what was called before that, and since the last look, is not known.
    const reset = total < this.#total;
    if (reset) this.#resets++;
    this.#total = total;
    this.#counts = counts;
    if (first || this.#resets > RESETS_MAX) return undefined;
    if (reset) return 'the counts of commands at the source were reset (CONFIG RESETSTAT)';
    return changed.length === 0 ? undefined : `${changed.join(', ').toUpperCase()} at the source`;
  }

  /** Whether the reply to INFO commandstats tells anything at all. */
  static tells(info: string): boolean {
    return /^cmdstat_/m.test(info);
  }
}

/** A watch that has had its first look; undefined: INFO is refused, or tells nothing of commands. */
export async function watched(
  commands: readonly string[],
  info: () => Promise<string>,
): Promise<FlushWatch | undefined> {
  let text: string;
  try {
    text = await untilItAnswers(info);
  } catch (error) {
    if (refusalOf(error) === undefined) throw error;
    return undefined;
  }
  if (!FlushWatch.tells(text)) return undefined;
  const watch = new FlushWatch(commands);
  watch.compare(text);
  return watch;
}

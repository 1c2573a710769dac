/** Runs one input after another for a time, each from a seed of its own, by which it can be made again. */

export interface FuzzResult {
  runs: number;
  refused: number;
  slowestMs: number;
}

/** NARU_FUZZ_SEED, or one that no run had before. */
export function firstSeed(): number {
  const { NARU_FUZZ_SEED } = process.env;
  return Number(NARU_FUZZ_SEED ?? Date.now() & 0x7fffffff);
}

/**
 * `run` makes its input from the seed, throws what must not be, and returns whether the input was refused. An input may take `msMax` of the
 * processor.
 */
export function fuzzFor(
  name: string,
  seconds: number,
  msMax: number,
  seed: number = firstSeed(),
  run: (seed: number) => boolean,
): FuzzResult {
  const result: FuzzResult = { runs: 0, refused: 0, slowestMs: 0 };
  const until = performance.now() + seconds * 1000;
  for (let turn = seed; performance.now() < until; turn++) {
    const started = process.cpuUsage();
    try {
      if (run(turn)) result.refused++;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`fuzz of ${name}: NARU_FUZZ_SEED=${turn} makes it again: ${reason}`, { cause: error });
    }
    const { user, system } = process.cpuUsage(started);
    const ms = Math.round((user + system) / 1000);
    result.slowestMs = Math.max(result.slowestMs, ms);
    if (ms > msMax) throw new Error(`fuzz of ${name}: NARU_FUZZ_SEED=${turn} took ${ms} ms`);
    result.runs++;
  }
  return result;
}

import { bytesText } from '../src/cli/units.ts';
import type { Copied } from './contestants.ts';

export interface Result {
  part: 'full' | 'stream' | 'memory' | 'decode' | 'scan' | 'rules';
  data: string;
  contestant: string;
  rounds: Copied[];
}

export interface Summary extends Result {
  median: Copied;
  /** the median's time as a multiple of the yardstick's in the same run: REPLICAOF's, for decoding that of redis-check-rdb, for a scan the reading alone, for rules a run without any */
  ratio?: number;
  /** the same of the CPU time of the tool, where the yardstick is a tool */
  cpuRatio?: number;
}

const YARDSTICKS: readonly string[] = ['REPLICAOF', 'redis-check-rdb', 'SCAN + DUMP only', 'naru, no rules'];

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}

function medianOf(rounds: readonly Copied[]): Copied {
  const of = (field: keyof Copied): number | undefined => {
    const values = rounds.map((round) => round[field]).filter((value) => value !== undefined);
    return values.length > 0 ? median(values) : undefined;
  };
  const result: Copied = { ms: of('ms') ?? Number.NaN };
  for (const field of ['processMs', 'cpuMs', 'peakRssBytes', 'sourceCpuMs', 'keysPerSecond'] as const) {
    const value = of(field);
    if (value !== undefined) result[field] = value;
  }
  return result;
}

export function summarize(results: readonly Result[]): Summary[] {
  const summaries = results.map((result): Summary => ({ ...result, median: medianOf(result.rounds) }));
  for (const summary of summaries) {
    const yardstick = summaries.find(
      ({ part, data, contestant }) =>
        part === summary.part && data === summary.data && YARDSTICKS.includes(contestant),
    );
    if (yardstick === undefined) continue;
    summary.ratio = summary.median.ms / yardstick.median.ms;
    const [own, its] = [summary.median.cpuMs, yardstick.median.cpuMs];
    if (own !== undefined && its !== undefined && its > 0) summary.cpuRatio = own / its;
  }
  return summaries;
}

const seconds = (ms: number | undefined): string => (ms === undefined ? '-' : `${(ms / 1000).toFixed(2)} s`);

/** Medians as a table: one line for each contestant and data set. */
export function table(summaries: readonly Summary[]): string {
  const rows = [
    ['', '', 'time', 'x yardstick', 'process', 'CPU', 'x its CPU', 'peak memory', 'source CPU', 'keys/s'],
    ...summaries.map(({ data, contestant, median: middle, ratio, cpuRatio }) => [
      data,
      contestant,
      seconds(middle.ms),
      ratio === undefined ? '-' : ratio.toFixed(2),
      seconds(middle.processMs),
      seconds(middle.cpuMs),
      cpuRatio === undefined ? '-' : cpuRatio.toFixed(2),
      middle.peakRssBytes === undefined ? '-' : bytesText(middle.peakRssBytes),
      seconds(middle.sourceCpuMs),
      String(middle.keysPerSecond ?? '-'),
    ]),
  ];
  const widths = rows.reduce<number[]>(
    (max, row) => row.map((cell, i) => Math.max(cell.length, max[i] ?? 0)),
    [],
  );
  const pad = (cell: string, i: number): string =>
    i < 2 ? cell.padEnd(widths[i] as number) : cell.padStart(widths[i] as number);
  return rows.map((row) => row.map(pad).join('   ').trimEnd()).join('\n');
}

/** Several links as one: what they show, added up. */
import type { Counters, Phase } from './events.ts';
import type { Reading } from './meter.ts';

const NOTHING: Reading = {
  keys: 0,
  skipped: 0,
  lost: 0,
  commands: 0,
  recopied: 0,
  split: 0,
  bytes: 0,
  phase: 'connecting',
  lagMs: 0,
  lagBytes: 0,
  spoolDiskBytes: 0,
  snapshotBytes: 0,
  snapshotAckedBytes: 0,
  waiting: undefined,
};

/** Of the phases the first one counts: a run is in its stream when all of its links are. */
const PHASES: readonly Phase[] = ['scan', 'snapshot', 'follow', 'draining', 'stream', 'done'];

/** `undefined` is a link that has not begun. */
export function sumOf(readings: readonly (Reading | undefined)[]): Reading {
  const begun = readings.filter((reading) => reading !== undefined);
  const sum = begun.reduce(add, NOTHING);
  const phases = new Set(begun.map(({ phase }) => phase));
  const waits = begun.length < readings.length && begun.length > 0;
  const phase = waits ? 'snapshot' : (PHASES.find((each) => phases.has(each)) ?? 'connecting');
  return { ...sum, phase, ...(waits && { snapshotBytes: undefined }) };
}

function add(sum: Reading, one: Reading): Reading {
  const { snapshotBytes: all } = sum;
  const { snapshotBytes: own = one.phase === 'snapshot' ? undefined : 0 } = one;
  return {
    ...addCounters(sum, one),
    phase: one.phase,
    lagMs: Math.max(sum.lagMs, one.lagMs),
    lagBytes: sum.lagBytes + one.lagBytes,
    spoolDiskBytes: sum.spoolDiskBytes + one.spoolDiskBytes,
    snapshotBytes: all === undefined || own === undefined ? undefined : all + own,
    // What a link has acknowledged of its stream is no part of a full copy.
    snapshotAckedBytes:
      sum.snapshotAckedBytes + (own === undefined ? 0 : Math.min(own, one.snapshotAckedBytes)),
    waiting: sum.waiting ?? one.waiting,
    ...addScanned(sum, one),
  };
}

/** Of scans only. */
function addScanned(a: Reading, b: Reading): Pick<Reading, 'expectedKeys' | 'vanished'> {
  if (b.vanished === undefined) return {};
  const isFirst = a.vanished === undefined;
  const expectedKeys =
    b.expectedKeys === undefined || (!isFirst && a.expectedKeys === undefined)
      ? undefined
      : (a.expectedKeys ?? 0) + b.expectedKeys;
  return { expectedKeys, vanished: (a.vanished ?? 0) + b.vanished };
}

function addCounters(a: Counters, b: Counters): Counters {
  return {
    keys: a.keys + b.keys,
    skipped: a.skipped + b.skipped,
    lost: a.lost + b.lost,
    commands: a.commands + b.commands,
    recopied: a.recopied + b.recopied,
    split: a.split + b.split,
    bytes: a.bytes + b.bytes,
  };
}

export function countersIn({ keys, skipped, lost, commands, recopied, split, bytes }: Reading): Counters {
  return { keys, skipped, lost, commands, recopied, split, bytes };
}

import { expect, it } from 'vitest';
import type { Reading } from './meter.ts';
import { sumOf } from './sums.ts';

const reading = (more: Partial<Reading>): Reading => ({
  keys: 1,
  skipped: 0,
  lost: 0,
  commands: 2,
  recopied: 3,
  split: 0,
  bytes: 10,
  phase: 'stream',
  lagMs: 5,
  lagBytes: 7,
  spoolDiskBytes: 0,
  snapshotBytes: 100,
  snapshotAckedBytes: 100,
  waiting: undefined,
  ...more,
});

it('is that of the only link', () => {
  const only = reading({ waiting: 'for it' });
  expect(sumOf([only])).toEqual(only);
});

it('adds up what can be added, and takes the largest age', () => {
  const sum = sumOf([reading({ lagMs: 9 }), reading({ waiting: 'for it' })]);
  expect(sum).toMatchObject({ keys: 2, commands: 4, recopied: 6, bytes: 20, lagBytes: 14, lagMs: 9 });
  expect(sum.waiting).toBe('for it');
});

it('is in its full copy while one link is, or has not begun', () => {
  const copying = reading({ phase: 'snapshot', snapshotAckedBytes: 50 });
  // What the other one has acknowledged by now is stream.
  const sum = sumOf([copying, reading({ snapshotAckedBytes: 5000 })]);
  expect(sum).toMatchObject({ phase: 'snapshot', snapshotBytes: 200, snapshotAckedBytes: 150 });
  expect(sumOf([reading({}), undefined])).toMatchObject({ phase: 'snapshot', snapshotBytes: undefined });
  expect(sumOf([undefined]).phase).toBe('connecting');
});

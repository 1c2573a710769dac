import { describe, expect, it } from 'vitest';
import { randomRun } from './random-run.ts';

/** The long run, with other seeds: `npm run test:rules -- [rounds] [seed]`. */
describe('under random rules the target is what they make of the source', () => {
  it.each([
    { mode: 'sync', seed: 7 },
    { mode: 'sync', toCluster: true, seed: 8 },
    { mode: 'sync', fromCluster: true, toCluster: true, seed: 203 },
    { mode: 'live', seed: 204 },
    { mode: 'scan', seed: 4 },
  ] as const)('%o', async (run) => {
    expect(await randomRun({ ...run, commands: 800 })).toMatch(/^[1-9]\d* keys/);
  });
});

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Random } from './random.ts';
import { FAMILIES } from './write-commands.ts';
import type { Commands } from './write-values.ts';

describe('the families of write commands', () => {
  beforeAll(() => void vi.useFakeTimers({ now: 1_700_000_000_000 }));
  afterAll(() => void vi.useRealTimers());

  const run = (seed: number): Commands => {
    const random = new Random(seed);
    return random.times(200, () => FAMILIES.flatMap((family) => family.make(random))).flat();
  };

  it('make the same commands from the same seed, others from another', () => {
    expect(run(1)).toEqual(run(1));
    expect(run(1).slice(0, 50)).not.toEqual(run(2).slice(0, 50));
  });

  it('close every transaction that they open', () => {
    let open = 0;
    for (const [name] of run(5)) {
      if (name === 'MULTI') open++;
      if (name === 'EXEC') open--;
      expect(open === 0 || open === 1).toBe(true);
    }
    expect(open).toBe(0);
  });
});

import { describe, expect, it } from 'vitest';
import { fuzzAof } from '../../../test/fuzz/aof.ts';

describe('damaged AOFs and manifests', () => {
  it('are refused with a FormatError, or read, the same however they are cut', () => {
    const { runs, refused } = fuzzAof(3, 1);
    expect(runs).toBeGreaterThan(100);
    expect(refused).toBeGreaterThan(runs / 4);
    expect(refused).toBeLessThan(runs);
  });
});

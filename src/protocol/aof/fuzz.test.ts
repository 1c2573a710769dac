import { describe, expect, it } from 'vitest';
import { fuzzAof } from '../../../test/fuzz/aof.ts';

describe('damaged AOFs and manifests', () => {
  it('are refused with a FormatError, or read, the same however they are cut', () => {
    const { runs, refused } = fuzzAof(3, 1);
    // How many there are is a matter of the machine.
    expect(refused).toBeGreaterThan(0);
    expect(refused).toBeLessThanOrEqual(runs);
  });
});

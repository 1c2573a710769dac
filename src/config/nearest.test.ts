import { describe, expect, it } from 'vitest';
import { didYouMean, nearestName } from './nearest.ts';

describe('nearestName', () => {
  const known = ['spool-max', 'spool-memory', 'dir', 'from'];

  it.each([
    ['spool-mem', 'spool-max'],
    ['spol-memory', 'spool-memory'],
    ['form', undefined],
    ['dri', undefined],
    ['spool_memory', 'spool-memory'],
    ['bananas', undefined],
  ])('%s: %s', (unknown, nearest) => {
    expect(nearestName(unknown, known)).toBe(nearest);
  });

  it('is a question in a message, or nothing', () => {
    expect(didYouMean('spol-max', known)).toBe('; did you mean spool-max?');
    expect(didYouMean('bananas', known)).toBe('');
  });
});

import { describe, expect, it } from 'vitest';
import { mirrorCandidates } from './mirror.ts';

const NOW = new Date('2030-02-03T04:05:06Z');

describe('mirrorCandidates', () => {
  it('takes a mirror as it stands', () => {
    expect(mirrorCandidates('http://mirror.test/debian/', NOW)).toEqual(['http://mirror.test/debian/']);
  });

  it('tries a dated copy first, and then that of today', () => {
    expect(mirrorCandidates('http://mirror.test/archive/debian/20250520T000000Z/', NOW)).toEqual([
      'http://mirror.test/archive/debian/20250520T000000Z/',
      'http://mirror.test/archive/debian/20300203T000000Z/',
    ]);
  });
});

import { describe, expect, it } from 'vitest';
import { type Checkpoint, formatCheckpoint, parseCheckpoint } from './checkpoint.ts';

const replid = '0123456789abcdef0123456789abcdef01234567';

describe('checkpoint', () => {
  it.each<Checkpoint>([
    { phase: 'snapshot', replid, offset: 0, db: 0 },
    { phase: 'stream', replid, offset: 123_456_789_012_345, db: 15 },
  ])('reads what it wrote: $phase $offset', (checkpoint) => {
    expect(parseCheckpoint(formatCheckpoint(checkpoint))).toEqual(checkpoint);
  });

  it.each([
    '',
    'v2 stream',
    `v1 stream ${replid} -1 0`,
    `v1 stream ${replid} 1`,
    `v1 other ${replid} 1 0`,
  ])('knows that %j is none', (text) => {
    expect(parseCheckpoint(text)).toBeUndefined();
  });
});

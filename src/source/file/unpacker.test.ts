import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { unpacker } from './unpacker.ts';

describe('unpacker', () => {
  it('takes zstd where Node has it', () => {
    const zstd = new PassThrough();
    expect(unpacker('zstd', 'dump.rdb.zst', { createZstdDecompress: () => zstd })).toBe(zstd);
  });

  it('says which Node has it', () => {
    expect(() => unpacker('zstd', 'dump.rdb.zst', {})).toThrow(
      /dump\.rdb\.zst .* zstd, which needs Node 22\.15/,
    );
  });
});

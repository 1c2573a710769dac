import { PassThrough } from 'node:stream';
import { createGzip } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { isNaruError } from '../../errors/errors.ts';
import { packer } from './packer.ts';

describe('packer', () => {
  it('goes by the name', () => {
    expect(packer('dump.rdb')).toBeUndefined();
    expect(packer('dump.rdb.gz')).toBeInstanceOf(createGzip().constructor);
  });

  it('takes zstd where Node has it', () => {
    const zstd = new PassThrough();
    expect(packer('dump.rdb.zst', { createZstdCompress: () => zstd })).toBe(zstd);
  });

  it('says which Node has it', () => {
    try {
      packer('dump.rdb.zst', {});
      expect.unreachable();
    } catch (error) {
      if (!isNaruError(error)) throw error;
      expect(error.code).toBe('CONFIG_INVALID');
      expect(error.message).toMatch(/zstd, which needs Node 22\.15/);
    }
  });
});

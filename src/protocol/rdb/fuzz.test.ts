import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fuzzRdb } from '../../../test/fuzz/rdb.ts';
import { Collector, writeAll } from '../../../test/fuzz/rdb-collect.ts';
import { FormatError } from '../format-error.ts';
import { RdbWalker } from './walker.ts';

describe('damaged RDBs', () => {
  it('are refused with a FormatError, or read, the same however they are cut', () => {
    const before = process.memoryUsage().rss;
    const { runs, refused } = fuzzRdb(5, 1);
    // How many there are is a matter of the machine.
    expect(refused).toBeGreaterThan(0);
    expect(refused).toBeLessThanOrEqual(runs);
    expect(process.memoryUsage().rss - before).toBeLessThan(300 << 20);
  });

  it('of any bytes at all are refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(1), (bytes, magic) => {
        const rdb = Buffer.concat([Buffer.from(magic === 0 ? '' : 'REDIS0012'), bytes]);
        const walker = new RdbWalker(new Collector(), { bigEntryBytes: 100, verifyChecksum: false });
        try {
          writeAll(walker, rdb, 0, rdb.length);
          walker.end();
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
      { numRuns: 3000 },
    );
  });
});

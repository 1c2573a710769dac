/** Types, opcodes and module values of no known version: an error that names them, never a guess. */
import { describe, expect, it } from 'vitest';
import * as b from '../../../test/fuzz/rdb-build.ts';
import { collect } from '../../../test/fuzz/rdb-collect.ts';
import { FormatError } from '../format-error.ts';

const { len } = b;
const small = (key: string, value: string): Buffer => b.entry(0, key, b.str(value));

function attempt(rdb: Buffer, step: number = rdb.length): FormatError | undefined {
  const cuts = Array.from({ length: Math.ceil(rdb.length / step) - 1 }, (_, i) => (i + 1) * step);
  try {
    collect(rdb, cuts);
    return undefined;
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return error;
  }
}

describe('RdbWalker', () => {
  it('names type, key and offset of what it does not know', () => {
    const before = b.rdb([small('k', 'v')]).subarray(0, -9);
    const valkey = b.rdb([small('k', 'v')], 'VALKEY080').subarray(0, -9);
    const from27 = Array.from({ length: 242 - 26 }, (_, i) => 27 + i);
    for (const [begin, types] of [
      [before, [6, 8, ...from27]],
      [valkey, [6, 8, 23, 24, 25, 26, ...from27]],
    ] as const) {
      for (const type of types) {
        for (const step of [1, 1000]) {
          const error = attempt(b.bytes(begin, b.entry(type, 'strange'), 0, 0, 0), step);
          expect(error).toMatchObject({ fault: 'unknown', type, offset: begin.length });
          expect(error?.key?.toString()).toBe('strange');
        }
      }
    }
    expect(attempt(b.bytes(before, 246, 0))).toMatchObject({
      fault: 'unknown',
      type: 246,
      offset: before.length,
    });
    expect(attempt(b.bytes(before, 246, 0))?.message).toContain('release candidate');
    expect(attempt(b.rdb([b.entry(22, 'k', len(0))], 'VALKEY080'))).toBeUndefined();
    const inValue = attempt(b.rdb([b.entry(1, 'broken', len(3), 0xc9)]));
    expect(inValue).toMatchObject({ fault: 'malformed', type: 1, offset: 18 });
    expect(inValue?.key?.toString()).toBe('broken');
    const module = attempt(b.rdb([b.entry(7, 'm', len(1n << 60n), len(9))]));
    expect(module).toMatchObject({ fault: 'unknown', type: 7 });
  });
});

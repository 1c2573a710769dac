import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../format-error.ts';
import { LzfStream, lzfDecompress } from './lzf.ts';

/** A sequence of literals and copies, and what they stand for. */
function assemble(ops: readonly (Buffer | { back: number; length: number })[]): {
  packed: Buffer;
  plain: Buffer;
} {
  const packed: number[] = [];
  const plain: number[] = [];
  for (const op of ops) {
    if (Buffer.isBuffer(op)) {
      packed.push(op.length - 1, ...op);
      plain.push(...op);
      continue;
    }
    const o = op.back - 1;
    const l = op.length - 2;
    if (l < 7) packed.push((l << 5) | (o >> 8), o & 255);
    else packed.push(0xe0 | (o >> 8), l - 7, o & 255);
    for (let i = 0; i < op.length; i++) plain.push(plain[plain.length - op.back] as number);
  }
  return { packed: Buffer.from(packed), plain: Buffer.from(plain) };
}

function whole(packed: Buffer, bytes: number): Buffer {
  const out = Buffer.alloc(bytes + 2, 0xaa);
  lzfDecompress(packed, 0, packed.length, out, 1, bytes + 1, 0);
  expect([out[0], out[bytes + 1]]).toEqual([0xaa, 0xaa]);
  return out.subarray(1, bytes + 1);
}

function streamed(packed: Buffer, bytes: number, step: number): Buffer {
  const parts: Buffer[] = [];
  const stream = new LzfStream();
  stream.begin(bytes, { part: (buf, start, end) => parts.push(Buffer.from(buf.subarray(start, end))) }, 0);
  for (let pos = 0; pos < packed.length; pos += step)
    stream.write(packed, pos, Math.min(packed.length, pos + step));
  stream.end();
  return Buffer.concat(parts);
}

const mixed = assemble([
  Buffer.from('abcdefgh'),
  { back: 8, length: 8 },
  { back: 1, length: 3 },
  { back: 1, length: 264 },
  Buffer.from('0123456789abcdef0123456789abcdef'),
  { back: 300, length: 9 },
]);

describe('LZF', () => {
  it('decompresses literals, copies and runs', () => {
    expect(whole(mixed.packed, mixed.plain.length)).toEqual(mixed.plain);
  });

  it('decompresses in slices of any size', () => {
    for (let step = 1; step <= mixed.packed.length; step++) {
      expect(streamed(mixed.packed, mixed.plain.length, step)).toEqual(mixed.plain);
    }
  });

  it('keeps the history over a window many times its size', () => {
    const ops: (Buffer | { back: number; length: number })[] = [];
    for (let i = 0; i < 4000; i++) {
      ops.push(Buffer.from(`${i}:${i * 7919}`));
      ops.push({ back: Math.min(8192, ops.length * 3), length: 3 + ((i * 37) % 262) });
    }
    const { packed, plain } = assemble(ops);
    expect(plain.length).toBeGreaterThan(400_000);
    expect(whole(packed, plain.length).equals(plain)).toBe(true);
    for (const step of [1, 1000, packed.length]) {
      expect(streamed(packed, plain.length, step).equals(plain)).toBe(true);
    }
  });

  it('refuses a cut, a wrong length and a copy from before the start', () => {
    for (let cut = 0; cut < mixed.packed.length; cut++) {
      expect(() => whole(mixed.packed.subarray(0, cut), mixed.plain.length)).toThrow(FormatError);
      expect(() => streamed(mixed.packed.subarray(0, cut), mixed.plain.length, 5)).toThrow(FormatError);
    }
    for (const bytes of [mixed.plain.length - 1, mixed.plain.length + 1]) {
      expect(() => whole(mixed.packed, bytes)).toThrow(FormatError);
      expect(() => streamed(mixed.packed, bytes, 7)).toThrow(FormatError);
    }
    const early = Buffer.from([0, 65, 0x20, 1]);
    expect(() => whole(early, 4)).toThrow(FormatError);
    expect(() => streamed(early, 4, 1)).toThrow(FormatError);
  });

  it('throws nothing but FormatError, and both ways agree, on any bytes', () => {
    const attempt = (decompress: () => Buffer): string => {
      try {
        return decompress().toString('hex');
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
        return 'refused';
      }
    };
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 40 }),
        fc.nat(80),
        fc.integer({ min: 1, max: 9 }),
        (b, n, step) => {
          const packed = Buffer.from(b);
          expect(attempt(() => streamed(packed, n, step))).toBe(attempt(() => whole(packed, n)));
        },
      ),
      { numRuns: 2000 },
    );
  });
});

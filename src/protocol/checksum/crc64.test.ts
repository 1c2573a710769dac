import { describe, expect, it } from 'vitest';
import { Crc64 } from './crc64.ts';

const MASK = (1n << 64n) - 1n;

/** Bit by bit, straight from the definition. */
function slowCrc(bytes: Uint8Array): bigint {
  let crc = 0n;
  for (const byte of bytes) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ 0x95ac9329ac4bc9b5n : crc >> 1n;
  }
  return crc & MASK;
}

function fastCrc(bytes: Uint8Array, splits: number[] = []): bigint {
  const crc = new Crc64();
  let pos = 0;
  for (const split of [...splits, bytes.length]) {
    crc.update(bytes, pos, split);
    pos = split;
  }
  const out = Buffer.alloc(8);
  crc.writeTo(out, 0);
  expect(crc.equals(out, 0)).toBe(true);
  out[7] = (out[7] as number) ^ 1;
  expect(crc.equals(out, 0)).toBe(false);
  out[7] = (out[7] as number) ^ 1;
  return out.readBigUInt64LE();
}

describe('Crc64', () => {
  it('has the check value that Redis has', () => {
    expect(fastCrc(Buffer.from('123456789')).toString(16)).toBe('e9c6d914c4b8d9ca');
  });

  it('is 0 for nothing, and after a reset', () => {
    expect(fastCrc(Buffer.alloc(0))).toBe(0n);
    const crc = new Crc64();
    crc.update(Buffer.from('abc'), 0, 3);
    crc.reset();
    expect([crc.hi, crc.lo]).toEqual([0, 0]);
  });

  it('equals the definition at every length and in any parts', () => {
    const bytes = Buffer.from(Array.from({ length: 70 }, (_, i) => (i * 151 + (i >> 3)) & 255));
    for (let length = 0; length <= bytes.length; length++) {
      const part = bytes.subarray(0, length);
      const expected = slowCrc(part);
      expect(fastCrc(part)).toBe(expected);
      for (let split = 0; split <= length; split++) expect(fastCrc(part, [split])).toBe(expected);
    }
  });
});

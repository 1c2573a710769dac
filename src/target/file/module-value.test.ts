import { describe, expect, it } from 'vitest';
import { Crc64 } from '../../protocol/checksum/crc64.ts';
import { ModuleValue } from './module-value.ts';

const RDB_VERSION = 10;

/** What comes out for a value that arrives in parts. */
function payloadOf(parts: readonly Buffer[]): Buffer {
  let payload: Buffer = Buffer.alloc(0);
  const value = new ModuleValue(RDB_VERSION, (whole) => {
    payload = Buffer.from(whole);
  });
  value.begin();
  for (const part of parts) value.elementPart(part, 0, part.length);
  value.end();
  return payload;
}

describe('ModuleValue', () => {
  it('is type, value, version and checksum', () => {
    const payload = payloadOf([Buffer.from('abc'), Buffer.from('de')]);
    expect(payload.subarray(0, -8).toString('latin1')).toBe('\x07abcde\x0a\x00');
    const crc = new Crc64();
    crc.update(payload, 0, payload.length - 8);
    expect(crc.equals(payload, payload.length - 8)).toBe(true);
  });

  it('holds no more than 16 MiB', () => {
    const part = Buffer.alloc(1024 * 1024);
    expect(payloadOf(Array.from({ length: 15 }, () => part)).length).toBe(15 * part.length + 11);
    expect(() => payloadOf(Array.from({ length: 16 }, () => part))).toThrow('too large');
  });
});

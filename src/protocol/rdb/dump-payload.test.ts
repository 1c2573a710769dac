import { describe, expect, it } from 'vitest';
import { Crc64 } from '../checksum/crc64.ts';
import { FormatError } from '../format-error.ts';
import { openDump } from './dump-payload.ts';
import { emptyEntry } from './entry-view.ts';

/** `SET k hello` as redis-server 7.0.15 dumps it. */
const HELLO = Buffer.from('000568656c6c6f0a00' + '6372df766534200a', 'hex');

function sealed(version: number, ...body: number[]): Buffer {
  const dump = Buffer.from([...body, version & 255, version >> 8, 0, 0, 0, 0, 0, 0, 0, 0]);
  const crc = new Crc64();
  crc.update(dump, 0, dump.length - 8);
  crc.writeTo(dump, dump.length - 8);
  return dump;
}

describe('a DUMP payload', () => {
  it('has a type and a value before its version', () => {
    const entry = emptyEntry();
    expect(openDump(HELLO, entry)).toEqual({ flavour: 'redis', version: 10 });
    expect(entry.type).toBe(0);
    expect(entry.valueBuf.toString('latin1', entry.valueStart, entry.valueEnd)).toBe('\x05hello');
  });

  it.each([
    [6, 'redis'],
    [13, 'redis'],
    [79, 'redis'],
    [80, 'valkey'],
    [256, 'valkey'],
  ])('of version %i is one of %s', (version, flavour) => {
    expect(openDump(sealed(version, 0, 1, 0x61), emptyEntry())).toEqual({ flavour, version });
  });

  it('is refused when any bit of it is wrong', () => {
    for (let bit = 0; bit < HELLO.length * 8; bit++) {
      const dump = Buffer.from(HELLO);
      dump[bit >> 3] = (dump[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(() => openDump(dump, emptyEntry())).toThrow(FormatError);
    }
  });

  it('is refused when it is cut off', () => {
    for (let length = 0; length < HELLO.length; length++) {
      expect(() => openDump(HELLO.subarray(0, length), emptyEntry())).toThrow(FormatError);
    }
    expect(() => openDump(sealed(10), emptyEntry())).toThrow(/too short/);
    expect(() => openDump(sealed(10, 0), emptyEntry())).toThrow(/too short/);
  });
});

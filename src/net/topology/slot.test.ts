import { describe, expect, it } from 'vitest';
import { keySlot, SLOTS, slotTag } from './slot.ts';

const slotOf = (key: string): number => {
  const bytes = Buffer.from(key);
  return keySlot(bytes, 0, bytes.length);
};

describe('keySlot', () => {
  it.each([
    // The check value of CRC-16/XMODEM, 0x31C3.
    ['123456789', 0x31c3],
    ['foo', 12182],
    ['', 0],
  ])('of %j is %i', (key, slot) => {
    expect(slotOf(key)).toBe(slot);
  });

  it.each([
    ['{foo}', 'foo'],
    ['a{foo}b', 'foo'],
    ['a{foo}{bar}', 'foo'],
    ['a{{foo}}', '{foo'],
    ['}a{foo}', 'foo'],
  ])('of %j is that of %j', (key, tag) => {
    expect(slotOf(key)).toBe(slotOf(tag));
  });

  it.each(['{}foo', 'foo{}', 'foo{', '{foo', 'foo}', '{}{foo}'])('of %j is that of all its bytes', (key) => {
    // A tag of the whole key can only be written where it has no brace that closes.
    const bytes = Buffer.from(key);
    let crc = 0;
    for (const byte of bytes) {
      crc ^= byte << 8;
      for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : crc << 1;
    }
    expect(slotOf(key)).toBe(crc % SLOTS);
  });

  it('looks at the part that it is given only', () => {
    const bytes = Buffer.from('x{a}foo}');
    expect(keySlot(bytes, 4, 7)).toBe(12182);
    expect(keySlot(bytes, 1, 3)).toBe(slotOf('{a'));
  });
});

describe('slotTag', () => {
  it('is a short tag of each slot, and no other slot has it', () => {
    const tags = new Set<string>();
    for (let slot = 0; slot < SLOTS; slot++) {
      const tag = slotTag(slot);
      if (slotOf(`naru:{${tag}}:checkpoint`) !== slot || !/^[0-9a-z]{1,4}$/.test(tag))
        expect([slot, tag]).toBe('right');
      tags.add(tag);
    }
    expect(tags.size).toBe(SLOTS);
    expect(() => slotTag(SLOTS)).toThrow(RangeError);
  });

  it('stays what it was: checkpoints are found by it', () => {
    expect([0, 1, 12182, 16383].map(slotTag)).toEqual(['1bz', 'emj', 'foo', 'hia']);
  });
});

import { describe, expect, it } from 'vitest';
import { bytesText, countText, durationText, exactText } from './units.ts';

describe('units', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [999.96, '1.0 KB'],
    [4100, '4.1 KB'],
    [999_949, '999.9 KB'],
    [999_950, '1.0 MB'],
    [64 * 2 ** 30, '68.7 GB'],
  ])('%f bytes: %s', (bytes, text) => expect(bytesText(bytes)).toBe(text));

  it.each([
    [0, '0'],
    [412.4, '412'],
    [51_234, '51.2k'],
    [1_200_000, '1.2M'],
  ])('%f: %s', (count, text) => expect(countText(count)).toBe(text));

  it.each([
    [0, '0'],
    [999, '999'],
    [1000, '1,000'],
    [1_234_567, '1,234,567'],
  ])('%i exactly: %s', (count, text) => expect(exactText(count)).toBe(text));

  it.each([
    [0, '0 ms'],
    [12.4, '12 ms'],
    [1500, '1.5 s'],
    [59_949, '59.9 s'],
    [59_950, '1m 00s'],
    [125_000, '2m 05s'],
    [3_600_000, '1h 00m'],
    [100 * 3_600_000, '100h 00m'],
  ])('%f ms: %s', (ms, text) => expect(durationText(ms)).toBe(text));
});

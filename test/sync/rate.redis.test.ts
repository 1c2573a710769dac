import { afterEach, expect, it } from 'vitest';
import { Pair } from '../peers/pair.ts';
import { compare } from '../support/compare.ts';
import { fillStrings } from '../support/fill.ts';

let pair: Pair | undefined;
afterEach(async () => {
  await pair?.stop();
  pair = undefined;
});

it.each([
  ['sync', '--rate-keys', '1000'],
  ['restore', '--rate-keys', '1000'],
  ['sync', '--rate-bytes', '100KiB'],
  ['restore', '--rate-bytes', '100KiB'],
] as const)('%s keeps to %s %s', async (way, option, rate) => {
  pair = await Pair.start();
  // 1500 keys of about 130 bytes each: a second and a half, or two seconds.
  await fillStrings(pair.source, 1500, 110);
  const naru = await pair.copy(way, [option, rate]);
  expect(naru.exit?.code, naru.stderr).toBe(0);
  expect(naru.eventsOf('done')[0]?.ms).toBeGreaterThan(1100);
  expect(await compare(pair.source, pair.target)).toEqual([]);
});

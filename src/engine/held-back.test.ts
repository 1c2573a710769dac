import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { until } from '../../test/support/until.ts';
import { HeldBack } from './held-back.ts';

it('is behind the first answer that has arrived soon after it was asked for', async () => {
  const over = new AbortController();
  let received = 0;
  let asked = 0;
  const held = new HeldBack({
    sourceEnd: async () => {
      asked++;
      return 100 * asked;
    },
    received: () => received,
    signal: over.signal,
  });
  expect(held.to).toBe(Number.POSITIVE_INFINITY);
  held.begin();
  await sleep(100);
  // What was asked for first comes late: what follows it may do so too.
  expect(held.to).toBe(Number.POSITIVE_INFINITY);
  received = 1000;
  // The next one, or a later one where this process stands still.
  await until('it is known', async () => held.to < Number.POSITIVE_INFINITY);
  expect([held.to, asked > 1]).toEqual([100 * asked, true]);
  held.begin();
  expect(held.to).toBe(Number.POSITIVE_INFINITY);
  await until('it is known again', async () => held.to < Number.POSITIVE_INFINITY);
  expect(held.to).toBe(100 * asked);
  over.abort();
});

import { expect, it } from 'vitest';
import { Counted } from './counted.ts';

it('takes back what is not acknowledged, once', () => {
  const counted = new Counted();
  const counters = { keys: 9000, skipped: 1000, commands: 0, recopied: 0, split: 0 };
  for (let n = 0; n < 500; n++) counted.add(n, false);
  counted.acked(400);
  for (let n = 500; n < 5000; n++) counted.add(n, n % 10 === 0);
  counted.acked(1000);
  counted.takeBack(counters);
  expect(counters).toMatchObject({ keys: 9000 - 3600, skipped: 1000 - 400 });
  counted.takeBack(counters);
  expect(counters.keys).toBe(9000 - 3600);
});

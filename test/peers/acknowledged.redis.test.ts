/** Row 6: nothing is done before it is acknowledged. */
import { afterEach, expect, it } from 'vitest';
import { compare } from '../support/compare.ts';
import { fillStrings } from '../support/fill.ts';
import type { Naru } from '../support/naru.ts';
import { FaultProxy, HoldAfterBytes, HoldResponse } from '../support/proxy.ts';
import { until } from '../support/until.ts';
import { Pair, WAYS } from './pair.ts';

const KEYS = 3000;
let pair: Pair;
let proxy: FaultProxy;
afterEach(async () => {
  await proxy.stop();
  await pair.stop();
});

/** Everything has reached the target, and no answer has come back but perhaps those to a few keys, which are given. */
async function begunWithoutAnswers(
  way: (typeof WAYS)[number],
): Promise<{ naru: Naru; answered: Set<string> }> {
  pair = await Pair.start();
  proxy = await FaultProxy.start(pair.target);
  await fillStrings(pair.source, KEYS, 100);
  // Connecting and asking take less.
  proxy.use(HoldAfterBytes(5000, 'to-server'));
  const naru = await pair.begin(way, ['--progress-interval', '20ms'], proxy.url);
  await until('all that passes', async () => proxy.passed['to-server'] === 5000);
  proxy.use(HoldResponse);
  const answered = new Set(((await pair.target.call('KEYS', '*')) as Buffer[]).map(String));
  await until('all keys are in the target', async () => Number(await pair.target.call('DBSIZE')) >= KEYS);
  return { naru, answered };
}

it.each(WAYS)('naru %s does not say that it is done while the last answers are out', async (way) => {
  const { naru } = await begunWithoutAnswers(way);
  await naru.untilEvent('progress', () => true, naru.events.length);
  expect(naru.exit).toBeUndefined();
  expect(naru.eventsOf('done')).toEqual([]);
  proxy.use(undefined);
  expect((await naru.exited).code, naru.stderr).toBe(0);
  expect(naru.eventsOf('done')[0]?.keys).toBe(KEYS);
  expect(await compare(pair.source, pair.target)).toEqual([]);
});

it.each(
  WAYS,
)('naru %s goes back to what was acknowledged when the connection is lost, and is done when all is', async (way) => {
  const { naru, answered } = await begunWithoutAnswers(way);
  expect(naru.eventsOf('done')).toEqual([]);
  const lost = Array.from({ length: KEYS }, (_, i) => `key:${i}`).filter((key) => !answered.has(key));
  expect(await pair.target.call('DEL', lost[0] as string, lost.at(-1) as string)).toBe(2);
  proxy.cut();
  proxy.use(undefined);
  expect((await naru.exited).code, naru.stderr).toBe(0);
  // What nobody had acknowledged was written again.
  expect(await compare(pair.source, pair.target)).toEqual([]);
});

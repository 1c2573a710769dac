/** What a target was given and has not answered counts as not done, by commands and by keys that are copied again. */
import { afterEach, describe, expect, it } from 'vitest';
import { Rig } from '../recovery/rig.ts';
import { cachedServers } from '../support/servers.ts';
import { until } from '../support/until.ts';

let rig: Rig | undefined;
afterEach(async () => {
  await rig?.stop();
  rig = undefined;
});

const targetBinary = cachedServers().find(({ name }) => name === 'redis-6.0')?.binary;

describe.skipIf(targetBinary === undefined)('a target that does not answer', () => {
  it('has the run lag behind a source at rest, until the copied value is acknowledged', async () => {
    rig = await Rig.start({ targetBinary: targetBinary as string });
    const { source, target, toTarget } = rig;
    await source.call('RPUSH', 'a', 1, 2);
    const naru = rig.naru(['--progress-interval', '20ms']);
    await naru.untilEvent('synced');
    toTarget.use({ kind: 'hold-response' });
    const before = naru.events.length;
    // The target does not know it: what it writes is copied.
    await source.call('LMOVE', 'a', 'b', 'LEFT', 'LEFT');
    await until('the value in the target', async () => (await target.call('EXISTS', 'b')) === 1);
    const lags = (): number[] => naru.eventsOf('progress').map(({ lagBytes }) => Number(lagBytes));
    const first = await naru.untilEvent('progress', ({ lagBytes }) => Number(lagBytes) > 0, before);
    const seen = naru.eventsOf('progress').indexOf(first);
    await until('more progress', async () => lags().length > seen + 5);
    expect(Math.min(...lags().slice(seen))).toBeGreaterThan(0);
    expect(await source.call('WAIT', 1, 300)).toBe(0);
    toTarget.use(undefined);
    expect(await source.call('WAIT', 1, 60_000)).toBe(1);
    await until('no lag', async () => lags().at(-1) === 0);
    expect((await naru.stop()).code).toBe(0);
    expect(await target.text('LRANGE', 'b', 0, -1)).toBe('1');
  });
});

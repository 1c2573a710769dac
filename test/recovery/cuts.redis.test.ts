import { afterEach, describe, expect, it } from 'vitest';
import { acknowledged } from '../support/acknowledged.ts';
import { compare } from '../support/compare.ts';
import { fill } from '../support/fill.ts';
import { CutAfterBytes } from '../support/proxy.ts';
import { Random } from '../support/random.ts';
import { until } from '../support/until.ts';
import { Writer } from '../support/writers.ts';
import { fillBig } from './big.ts';
import { Rig, tallied, tally, tallyOf } from './rig.ts';

/** Cuts that the full copy meets in any case. */
const BY_BYTES = 5;
const NO_KEYS_OF_OWN = { ignore: () => false };

let rig: Rig;
afterEach(() => rig.stop());

/** Both equal, every count exact, nothing of Naru's left. */
async function expectEqual(rounds: number): Promise<void> {
  expect(await rig.ownKeys()).toEqual([]);
  expect(await compare(rig.source, rig.target, NO_KEYS_OF_OWN)).toEqual([]);
  expect(await rig.target.digest()).toBe(await rig.source.digest());
  expect(await tallied(rig.target)).toEqual(tallyOf(rounds));
}

describe('the connection to the target breaks again and again', () => {
  it('in the stream: every write is done once', async () => {
    rig = await Rig.start();
    const random = new Random(3);
    await fill(rig.source, 1000);
    const counted = tally();
    const writer = new Writer(rig.source, { seed: 5, rate: 6000, extra: counted.extra });
    await writer.start();
    const naru = rig.naru();
    await naru.untilEvent('snapshot_done');
    const ways = new Map<string, number>();
    for (let cut = 0; cut < 15; cut++) {
      const way = await rig.cutTarget(random, 60_000);
      ways.set(way, (ways.get(way) ?? 0) + 1);
    }
    await writer.stop();
    await acknowledged(naru, rig.source);
    const exit = await naru.stop();
    expect(exit.code, naru.stdout.slice(-2000)).toBe(0);
    expect(ways.size).toBe(5);
    expect(rig.toTarget.accepted).toBeGreaterThan(15);
    await expectEqual(counted.count);
  });

  it.each([
    ['overwrite', []],
    ['skip', ['--on-conflict', 'skip']],
    ['fail', ['--on-conflict', 'fail']],
  ])('in the full copy, %s: every key is whole, nothing is left over', async (_, args) => {
    rig = await Rig.start();
    const random = new Random(2);
    await fill(rig.source, 15_000);
    await fillBig(rig.source, 150_000);
    const counted = tally();
    // The first ones come by bytes alone: the copy may be over before this process sees that it has begun.
    rig.toTarget.cutAgain(
      Array.from({ length: BY_BYTES }, () => CutAfterBytes(50_000 + random.int(200_000), 'to-server')),
    );
    const naru = rig.naru(['--big-key-size', '64KiB', '--in-flight', '256KiB', ...args]);
    await naru.untilEvent('started');
    const writer = new Writer(rig.source, { seed: 6, rate: 2000, extra: counted.extra });
    await writer.start();
    await until('the cuts', async () => rig.toTarget.accepted > BY_BYTES);
    for (let cuts = 0; cuts < 5 && naru.eventsOf('snapshot_done').length === 0; cuts++)
      await rig.cutTarget(random, 200_000);
    rig.toTarget.use(undefined);
    const done = await naru.untilEvent('snapshot_done');
    const before = naru.events.slice(0, naru.events.indexOf(done));
    await writer.stop();
    await acknowledged(naru, rig.source);
    const exit = await naru.stop();
    expect(exit.code, naru.stdout.slice(-2000)).toBe(0);
    expect(before.filter(({ event }) => event === 'error').length).toBeGreaterThanOrEqual(BY_BYTES);
    await expectEqual(counted.count);
  });
});

describe('the connection from the source breaks again and again', () => {
  it('goes on with a partial resync', async () => {
    rig = await Rig.start();
    const random = new Random(3);
    await fill(rig.source, 1000);
    const counted = tally();
    const writer = new Writer(rig.source, { seed: 7, rate: 6000, extra: counted.extra });
    await writer.start();
    const naru = rig.naru();
    await naru.untilEvent('snapshot_done');
    for (let cut = 0; cut < 20; cut++) await rig.cutSource(random, 60_000);
    await writer.stop();
    await acknowledged(naru, rig.source);
    expect((await naru.stop()).code, naru.stdout.slice(-2000)).toBe(0);
    expect((await rig.source.info('stats')).get('sync_full')).toBe('1');
    await expectEqual(counted.count);
  });

  it('both sides at once', async () => {
    rig = await Rig.start();
    const random = new Random(4);
    await fill(rig.source, 1000);
    const counted = tally();
    const writer = new Writer(rig.source, { seed: 8, rate: 6000, extra: counted.extra });
    await writer.start();
    const naru = rig.naru(['--spool-memory', '64KiB']);
    await naru.untilEvent('snapshot_done');
    for (let cut = 0; cut < 15; cut++) {
      await Promise.all([rig.cutSource(random, 40_000), rig.cutTarget(random, 40_000)]);
    }
    await writer.stop();
    await acknowledged(naru, rig.source);
    expect((await naru.stop()).code, naru.stdout.slice(-2000)).toBe(0);
    expect((await rig.source.info('stats')).get('sync_full')).toBe('1');
    await expectEqual(counted.count);
  });
});

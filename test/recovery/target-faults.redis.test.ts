import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { acknowledged } from '../support/acknowledged.ts';
import { compare } from '../support/compare.ts';
import { fill } from '../support/fill.ts';
import { HoldAfterBytes } from '../support/proxy.ts';
import { until } from '../support/until.ts';
import { Writer } from '../support/writers.ts';
import { LatePath } from './late-path.ts';
import { Rig, tallied, tally, tallyOf } from './rig.ts';

let rig: Rig;
afterEach(() => rig.stop());

const everything = { ignore: () => false };

describe('the target is killed', () => {
  it('and comes back with its data: the run goes on', async () => {
    rig = await Rig.start({
      target: { appendonly: 'yes', appendfsync: 'always', 'auto-aof-rewrite-percentage': '0' },
    });
    await fill(rig.source, 1000);
    const counted = tally();
    const writer = new Writer(rig.source, { seed: 11, rate: 3000, extra: counted.extra });
    await writer.start();
    const naru = rig.naru();
    await naru.untilEvent('snapshot_done');
    for (let kill = 0; kill < 3; kill++) {
      await rig.commits(5);
      await rig.target.kill();
      await writer.until(300);
      await rig.target.restart();
    }
    await writer.stop();
    await acknowledged(naru, rig.source);
    expect((await naru.stop()).code, naru.stdout.slice(-2000)).toBe(0);
    expect(await compare(rig.source, rig.target, everything)).toEqual([]);
    expect(await tallied(rig.target)).toEqual(tallyOf(counted.count));
  });

  it.each([
    'older data',
    'no data',
  ])('and comes back with %s: that is given again, or ends the run', async (data) => {
    rig = await Rig.start();
    await fill(rig.source, 100);
    const naru = rig.naru(['--spool-memory', '64KiB']);
    await naru.untilEvent('synced');
    await rig.target.call('SAVE');
    const saved = join(rig.target.dir, 'dump.rdb');
    const old = `${saved}.old`;
    copyFileSync(saved, old);
    // More than is kept, and nothing of it leaves a mark in the target.
    for (let n = 0; n < 100; n++) await rig.source.call('PUBLISH', 'nobody', 'x'.repeat(1000));
    await acknowledged(naru, rig.source);
    const count = async (): Promise<string> => rig.target.text('GET', 'count');
    for (let n = 1; n <= 3; n++) {
      await rig.source.call('INCR', 'count');
      await until('the write', async () => (await count()) === String(n));
      if (n === 2) continue;
      // What it goes on behind when it has lost nothing is no more than what it may come back with later.
      const before = rig.toTarget.accepted;
      rig.toTarget.cut();
      await rig.source.call('PUBLISH', 'nobody', 'x');
      await until('a new connection', async () => rig.toTarget.accepted > before);
      await acknowledged(naru, rig.source);
      await rig.target.kill();
      if (data === 'no data') rmSync(saved);
      else copyFileSync(old, saved);
      await rig.target.restart();
      if (data === 'no data') break;
      await until('all to be there again', async () => (await count()) === String(n));
      // The first time it is back at the end of the full copy, then in the midst of the stream.
      await rig.target.call('SAVE');
      copyFileSync(saved, old);
    }
    if (data === 'no data') {
      expect((await naru.exited).code).toBe(1);
      expect(naru.eventsOf('error').at(-1)).toMatchObject({ code: 'TARGET_LOST_DATA', retry: false });
      expect(naru.eventsOf('done')).toEqual([]);
      return;
    }
    expect((await naru.stop()).code, naru.stdout.slice(-2000)).toBe(0);
    const codes = naru.eventsOf('warning').map(({ code }) => code);
    expect(codes.filter((code) => code === 'TARGET_WENT_BACK')).toHaveLength(2);
    expect(naru.eventsOf('done')[0]).toMatchObject({ commands: 3 });
    expect(await compare(rig.source, rig.target, everything)).toEqual([]);
  });
});

/** Some come at the start of each run, which asks what RESTORE takes. */
const errorReplies = async (): Promise<number> =>
  Number((await rig.target.info('stats')).get('total_error_replies'));

describe('the target refuses', () => {
  it('for a moment, for want of memory: nothing behind the hole is applied', async () => {
    rig = await Rig.start();
    await rig.source.call('SET', 'first', 0);
    const naru = rig.naru();
    await naru.untilEvent('synced');
    const client = await rig.source.connect();
    const before = await errorReplies();
    await rig.target.call('CONFIG', 'SET', 'maxmemory', '1');
    const refused = client.pipeline([
      ['INCR', 'count'],
      ['SET', 'hole', 1],
    ]);
    await until('a refusal', async () => (await errorReplies()) > before);
    await rig.target.call('CONFIG', 'SET', 'maxmemory', '0');
    await refused;
    await client.pipeline(Array.from({ length: 1000 }, (_, i) => ['SET', `after:${i}`, i]));
    client.close();
    expect((await naru.exited).code).toBe(1);
    expect(naru.eventsOf('error').at(-1)).toMatchObject({ code: 'TARGET_OUT_OF_MEMORY' });
    expect(await rig.target.call('KEYS', '*')).toEqual([Buffer.from('first')]);
  });

  it('in the full copy: no checkpoint stands behind the hole', async () => {
    rig = await Rig.start();
    await fill(rig.source, 30_000);
    rig.toTarget.use(HoldAfterBytes(1_000_000, 'to-server'));
    const naru = rig.naru(['--in-flight', '64KiB']);
    const checkpoint = async (): Promise<number> => {
      const [key] = (await rig.target.call('KEYS', 'naru:checkpoint:*')) as Buffer[];
      return key === undefined ? -1 : Number((await rig.target.text('GET', key)).split(' ')[3]);
    };
    await until('a checkpoint', async () => (await checkpoint()) > 0);
    // Writes wait until they will be refused, and answers wait, so that naru does not know and more of them come.
    await rig.target.call('CLIENT', 'PAUSE', 60_000, 'WRITE');
    rig.toTarget.use({ kind: 'hold-response' });
    const before = await errorReplies();
    await rig.target.call('CONFIG', 'SET', 'maxmemory', '1');
    const at = await checkpoint();
    await rig.target.call('CLIENT', 'UNPAUSE');
    await until('a refusal', async () => (await errorReplies()) > before);
    await rig.target.call('CONFIG', 'SET', 'maxmemory', '0');
    expect(await checkpoint()).toBe(at);
    rig.toTarget.use(undefined);
    expect((await naru.exited).code).toBe(1);
    expect(naru.eventsOf('error').at(-1)).toMatchObject({ code: 'TARGET_OUT_OF_MEMORY' });
    expect(await rig.ownKeys()).toEqual([]);
  });
});

describe('the target hangs', () => {
  it('what a lost connection had sent, and comes late, is not done after all', async () => {
    rig = await Rig.start();
    const late = await LatePath.start(rig.target.port);
    await rig.source.call('SET', 'count', 0);
    const naru = rig.naru(['--to', late.url]);
    await naru.untilEvent('synced');
    for (let round = 1; round <= 3; round++) {
      late.hold();
      await rig.source.call('INCR', 'count');
      await until('the transaction is under way', async () => late.held.includes('EXEC'));
      late.lose();
      await until('it goes on', async () => (await rig.target.text('GET', 'count')) === String(round));
      await late.deliver();
      expect(await rig.target.text('GET', 'count')).toBe(String(round));
    }
    await rig.source.call('SET', 'last', 1);
    await until('the last write', async () => (await rig.target.text('GET', 'last')) === '1');
    expect((await naru.stop()).code, naru.stdout.slice(-2000)).toBe(0);
    late.stop();
    expect(await rig.target.text('GET', 'count')).toBe('3');
    expect(await rig.ownKeys()).toEqual([]);
  });

  it('a stop ends all the same, within --drain-timeout', async () => {
    rig = await Rig.start();
    await rig.source.call('SET', 'a', 1);
    const naru = rig.naru(['--drain-timeout', '500ms', '--in-flight', '1KiB']);
    await naru.untilEvent('synced');
    await rig.target.kill('SIGSTOP');
    await rig.source.pipeline(Array.from({ length: 200 }, (_, i) => ['SET', `k${i}`, 'x'.repeat(20_000)]));
    const received = naru.events.length;
    await naru.untilEvent('progress', (event) => event.lagBytes > 3_000_000, received);
    expect((await naru.stop()).code).toBe(1);
    expect(naru.eventsOf('error').at(-1)).toMatchObject({ code: 'STOPPED_EARLY' });
    await rig.target.kill('SIGCONT');
  });

  it('a stop ends all the same when the target is gone', async () => {
    rig = await Rig.start();
    await rig.source.call('SET', 'a', 1);
    const naru = rig.naru(['--drain-timeout', '500ms']);
    await naru.untilEvent('synced');
    rig.toTarget.use({ kind: 'hold-response' });
    await rig.source.call('SET', 'b', 1);
    await rig.commits(1);
    naru.kill('SIGTERM');
    await until('the drain', async () => naru.stderr.includes('applying what was received'));
    rig.toTarget.use({ kind: 'reject' });
    rig.toTarget.cut();
    expect((await naru.exited).code).toBe(1);
    expect(naru.eventsOf('error').at(-1)).toMatchObject({ code: 'STOPPED_EARLY' });
  });
});

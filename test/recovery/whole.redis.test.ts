import { afterEach, describe, expect, it } from 'vitest';
import { acknowledged } from '../support/acknowledged.ts';
import { compare } from '../support/compare.ts';
import { Random } from '../support/random.ts';
import type { RedisServer } from '../support/redis-server.ts';
import type { Arg } from '../support/resp-client.ts';
import { until } from '../support/until.ts';
import { Rig } from './rig.ts';

let rig: Rig;
afterEach(() => rig.stop());

/** Both numbers that the source only ever changes together; read at once. */
async function pair(server: RedisServer): Promise<[string, string]> {
  const [left, right] = (await server.call('MGET', 'left', 'right')) as (Buffer | null)[];
  return [String(left), String(right)];
}

describe('a transaction of the source', () => {
  it('is never seen half at the target, also across cuts', async () => {
    rig = await Rig.start();
    const random = new Random(21);
    const client = await rig.source.connect();
    const naru = rig.naru();
    await naru.untilEvent('snapshot_done');
    let writing = true;
    const write = async (): Promise<void> => {
      while (writing) {
        const pad = ['SET', `pad:${random.int(9)}`, random.text(500)];
        const group = [['MULTI'], ['INCR', 'left'], ...Array(20).fill(pad), ['INCR', 'right'], ['EXEC']];
        await client.pipeline(Array(10).fill(group).flat());
      }
    };
    const torn: unknown[] = [];
    let reads = 0;
    const read = async (): Promise<void> => {
      while (writing) {
        const [left, right] = await pair(rig.target);
        if (left !== right) torn.push([left, right]);
        reads++;
      }
    };
    const both = Promise.all([write(), read()]);
    for (let cut = 0; cut < 10; cut++) await rig.cutTarget(random, 300_000);
    writing = false;
    await both;
    client.close();
    // A stop would cut off what has not arrived at Naru.
    const last = String(await pair(rig.source));
    await until('the last write', async () => String(await pair(rig.target)) === last);
    expect((await naru.stop()).code, naru.stdout.slice(-2000)).toBe(0);
    expect(torn).toEqual([]);
    expect(reads).toBeGreaterThan(10);
    expect(await compare(rig.source, rig.target, { ignore: () => false })).toEqual([]);
  });
});

describe('SIGTERM under load', () => {
  it('ends with exactly what the reported offset covers, and no half transaction', async () => {
    rig = await Rig.start();
    const client = await rig.source.connect();
    await rig.source.call('SET', 'n', 0);
    const naru = rig.naru();
    await naru.untilEvent('synced');
    let writing = true;
    // Each round says at which offset it ended: MULTI, both writes and EXEC stand before that.
    const ends: number[] = [];
    const write = async (): Promise<void> => {
      while (writing) {
        const rounds = Array.from({ length: 20 }, () => [
          ['MULTI'],
          ['INCR', 'left'],
          ['INCR', 'right'],
          ['EXEC'],
          ['INFO', 'replication'],
        ]).flat();
        const replies = await client.pipeline(rounds);
        for (let i = 4; i < replies.length; i += 5) {
          ends.push(Number(/master_repl_offset:(\d+)/.exec(String(replies[i]))?.[1]));
        }
      }
    };
    const written = write();
    await until('load', async () => Number((await pair(rig.target))[0]) > 2000);
    const exit = await naru.stop();
    writing = false;
    await written;
    client.close();
    expect(exit.code, naru.stdout.slice(-2000)).toBe(0);
    const { offset } = naru.eventsOf('done')[0] as { offset: number };
    const covered = ends.filter((end) => end <= offset).length;
    expect(await pair(rig.target)).toEqual([String(covered), String(covered)]);
    expect(await rig.ownKeys()).toEqual([]);
  });

  it('and a second run ends equal', async () => {
    rig = await Rig.start();
    const client = await rig.source.connect();
    let rounds = 0;
    // Nothing that is removed: an overwriting run does not sweep what the source no longer has.
    const round = (): Arg[][] => [
      ['INCR', 'count'],
      ['APPEND', 'text', 'x'],
      ['XADD', 'stream', '*', 'f', rounds],
      ['RPUSH', 'list', rounds++],
      ['ZINCRBY', 'zset', 1, 'm'],
    ];
    let writing = true;
    const write = async (): Promise<void> => {
      while (writing) await client.pipeline(Array.from({ length: 20 }, round).flat());
    };
    const written = write();
    for (let run = 0; run < 2; run++) {
      const naru = rig.naru(['--on-conflict', 'overwrite']);
      await naru.untilEvent('snapshot_done');
      const seen = rounds;
      await until('more writes', async () => rounds > seen + 500);
      if (run === 1) {
        writing = false;
        await written;
        await acknowledged(naru, rig.source);
      }
      expect((await naru.stop()).code, naru.stdout.slice(-2000)).toBe(0);
    }
    client.close();
    expect(await compare(rig.source, rig.target, { ignore: () => false })).toEqual([]);
    expect(await rig.target.text('GET', 'count')).toBe(String(rounds));
  });
});

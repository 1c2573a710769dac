import { setTimeout as sleep } from 'node:timers/promises';
import type { Way } from '../../src/source/redis/follow/follower.ts';
import { FaultProxy } from '../support/proxy.ts';
import type { RedisServer } from '../support/redis-server.ts';
import type { Arg } from '../support/resp-client.ts';
import { Writer } from '../support/writers.ts';
import { Mirror } from './mirror.ts';

const DATABASES = 4;

export interface FollowRound {
  /** `db:key` */
  differences: string[];
  passes: number;
  written: number;
}

/**
 * One server that is written to while a follower's connection is cut `cuts` times, `ms` apart. Then for as long without cuts and flushes, so that no pass over
 * all keys hides what was not told.
 */
export async function followRound(
  server: RedisServer,
  way: Way,
  options: { seed: number; rate: number; cuts: number; ms: number },
): Promise<FollowRound> {
  const { seed, rate, cuts, ms } = options;
  const proxy = await FaultProxy.start(server);
  const mirror = await Mirror.start(server, way, proxy.url, DATABASES);
  const writing = { rate, databases: DATABASES };
  try {
    const first = new Writer(server, { ...writing, seed });
    await first.start();
    for (let cut = 0; cut < cuts; cut++) {
      await sleep(ms);
      const before = mirror.hearer.events.length;
      proxy.cut();
      const { passes } = mirror;
      await mirror.hearer.until(({ events }) => events.slice(before).includes('reconnected'));
      await mirror.passed(passes + 1);
    }
    await first.stop();
    const second = new Writer(server, { ...writing, seed: seed + 1, keep: namesItsKeys });
    await second.start();
    await sleep(ms);
    await second.stop();
    const differences = await mirror.differences();
    return { differences, passes: mirror.passes, written: first.written + second.written };
  } finally {
    await mirror.stop();
    await proxy.stop();
  }
}

function namesItsKeys(commands: readonly Arg[][]): boolean {
  return !commands.some(([name]) => name === 'FLUSHDB' || name === 'SWAPDB');
}

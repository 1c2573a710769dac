/**
 * Stream: the follower is attached and in sync, then stopped with SIGSTOP while the source is written to, and continued: how long until
 * the last write has arrived in the target?
 */
import { sendFrames } from '../test/support/fill.ts';
import { readUsage } from '../test/support/naru.ts';
import { Random } from '../test/support/random.ts';
import { RedisServer } from '../test/support/redis-server.ts';
import { until } from '../test/support/until.ts';
import type { Contestant } from './contestants.ts';
import { requireEqual } from './equal.ts';
import type { Result } from './report.ts';

export const COMMANDS = 2_000_000;
const KEYS = 1_000_000;
const VALUE_BYTES = 64;
const MARKER = 'marker';
const MS_MAX = 600_000;

/** The link must outlive the pause, and what piles up must not be dropped. */
const SOURCE_CONFIG: Record<string, string> = {
  'client-output-buffer-limit': 'replica 0 0 0',
  'repl-backlog-size': '1gb',
  'repl-timeout': '600',
};

async function writeCommands(source: RedisServer, count: number): Promise<void> {
  const random = new Random(1);
  const value = random.text(VALUE_BYTES);
  await sendFrames(source, count, 200, (block, at, _i) => {
    const key = `key:${random.int(KEYS)}`;
    const frame = `*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${VALUE_BYTES}\r\n${value}\r\n`;
    return at + block.write(frame, at, 'latin1');
  });
  await source.call('SET', MARKER, 1);
}

type Follow = NonNullable<Contestant['follow']>;

/** One that has arrived in the target: a source is made, written to while the follower stands still, and thrown away. */
export async function drainOnce(
  name: string,
  follow: Follow,
  count: number,
  isCompared = true,
): Promise<Result['rounds'][0]> {
  const source = await RedisServer.start({ config: SOURCE_CONFIG });
  const target = await RedisServer.start({ config: { 'repl-timeout': '600' } });
  try {
    const follower = await follow(source, target);
    process.kill(follower.pid, 'SIGSTOP');
    await writeCommands(source, count);
    const before = readUsage(follower.pid);
    const begin = performance.now();
    process.kill(follower.pid, 'SIGCONT');
    await until('the marker arrives', async () => (await target.call('EXISTS', MARKER)) === 1, MS_MAX);
    const ms = performance.now() - begin;
    const after = readUsage(follower.pid);
    await follower.stop();
    if (isCompared) await requireEqual(name, source, target);
    const tool = follower.isTool && after && before;
    return tool ? { ms, cpuMs: after.cpuMs - before.cpuMs, peakRssBytes: after.peakRssBytes } : { ms };
  } finally {
    await Promise.all([source.stop(), target.stop()]);
  }
}

export async function benchStream(
  contestants: readonly Contestant[],
  rounds: number,
  scale: number,
  tell: (text: string) => void,
): Promise<Result[]> {
  const able = contestants.filter((contestant) => contestant.follow !== undefined);
  const data = 'drain of SETs';
  const results = able.map((each): Result => ({ part: 'stream', data, contestant: each.name, rounds: [] }));
  for (let round = 0; round < rounds; round++) {
    for (const [i, { name, follow }] of able.entries()) {
      const drained = await drainOnce(name, follow as Follow, COMMANDS * scale);
      results[i]?.rounds.push(drained);
      tell(`${data}, round ${round + 1}: ${name} ${(drained.ms / 1000).toFixed(2)} s`);
    }
  }
  return results;
}

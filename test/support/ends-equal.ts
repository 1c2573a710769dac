import { expect } from 'vitest';
import { compare } from './compare.ts';
import type { Naru } from './naru.ts';
import type { RedisServer } from './redis-server.ts';
import { until } from './until.ts';

/** Everything that the source holds is in the target, and the run ends well. */
export async function endsEqual(naru: Naru, source: RedisServer, target: RedisServer): Promise<void> {
  const mark = `mark:${naru.events.length}`;
  await source.call('SET', mark, 1);
  const offset = Number((await source.info('replication')).get('master_repl_offset'));
  await until('the mark is in the target', async () => (await target.call('EXISTS', mark)) === 1);
  const { code } = await naru.stop('SIGTERM');
  expect(code, naru.stderr).toBe(0);
  expect(naru.eventsOf('done')[0]?.offset).toBeGreaterThanOrEqual(offset);
  expect(await target.digest()).toBe(await source.digest());
  expect(await compare(source, target)).toEqual([]);
}

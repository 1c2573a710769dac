/** A part of a large entry is refused, and what follows would not be: the entry must not get its name. */
import { afterEach, expect, it } from 'vitest';
import { failSync } from '../support/failed-run.ts';
import { RedisServer } from '../support/redis-server.ts';

const servers: RedisServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

it.each([
  'overwrite',
  'fail',
])('a large list that the target has no memory for is not there in part (%s)', async (policy) => {
  const source = await RedisServer.start({ config: { 'repl-diskless-sync-delay': '0' } });
  const target = await RedisServer.start();
  servers.push(source, target);
  await source.call(
    'EVAL',
    "for i = 1, 100000 do redis.call('RPUSH', 'big', 'element:' .. i) end return 1",
    0,
  );
  await target.call('SET', 'its-own', 'x');
  const used = Number((await target.info('memory')).get('used_memory'));
  // Room for a part of it: some RPUSH are refused, while a RENAME is allowed without memory.
  await target.call('CONFIG', 'SET', 'maxmemory', used + 1_000_000);
  const error = await failSync(source.url, target.url, ['--big-key-size', '64KiB', '--on-conflict', policy]);
  expect(error).toMatchObject({ code: 'TARGET_OUT_OF_MEMORY', key: 'big' });
  expect(await target.call('EXISTS', 'big')).toBe(0);
});

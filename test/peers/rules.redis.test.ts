/** What filters of other tools do to commands over several keys, to FLUSHALL, to databases, and to passwords in their configuration. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { makeTempDir } from '../support/cleanup.ts';
import type { RedisServer } from '../support/redis-server.ts';
import type { Reply } from '../support/reply-parser.ts';
import { until } from '../support/until.ts';
import { Pair } from './pair.ts';

const temp = makeTempDir();
let pair: Pair | undefined;
afterEach(async () => {
  await pair?.stop();
  pair = undefined;
});

async function inDb(server: RedisServer, db: number, ...commands: (string | number)[][]): Promise<Reply[]> {
  const client = await server.connect();
  const replies = await client.pipeline([['SELECT', db], ...commands]);
  client.close();
  return replies.slice(1);
}

const keysIn = async (server: RedisServer, db: number): Promise<string[]> =>
  ((await inDb(server, db, ['KEYS', '*']))[0] as Buffer[])
    .map(String)
    .filter((key) => !key.startsWith('naru:'))
    .sort();

it('row 7: an MSET of which some keys are left out is not dropped whole, and what is left out is counted', async () => {
  pair = await Pair.start();
  const { source, target } = pair;
  await source.call('SADD', 'in:a', 1, 2);
  await source.call('SADD', 'out:b', 2, 3);
  const naru = pair.follow(['--include-prefix', 'in:', '--progress-interval', '50ms']);
  await naru.untilEvent('synced');
  await source.call('MSET', 'in:1', 'one', 'out:1', 'two', 'in:2', 'three');
  await source.call('SINTERSTORE', 'in:both', 'in:a', 'out:b');
  await source.call('RENAME', 'out:1', 'in:3');
  await source.call('RENAME', 'in:a', 'out:a');
  await source.call('SET', 'in:last', 1);
  await until('the last key is there', async () => (await target.call('EXISTS', 'in:last')) === 1);
  expect((await naru.stop()).code, naru.stderr).toBe(0);
  expect(await keysIn(target, 0)).toEqual(['in:1', 'in:2', 'in:3', 'in:both', 'in:last']);
  expect(await target.call('MGET', 'in:1', 'in:2', 'in:3').then(String)).toBe('one,three,two');
  expect(String(await target.call('SMEMBERS', 'in:both'))).toBe('2');
  expect(naru.eventsOf('rules').at(-1)).toMatchObject({
    rules: [{ rule: 'no rule keeps it', dropped: 5 }],
    cut: 4,
  });
});

it.each([
  ['with a filter', ['--include-prefix', 'in:'], 'in:'],
  ['with new names', ['--include-prefix', 'in:', '--rename-prefix', 'in:=new:'], 'new:'],
])('row 8: FLUSHALL and FLUSHDB remove what was migrated and nothing else, %s', async (_, args, prefix) => {
  pair = await Pair.start();
  const { source, target } = pair;
  for (const db of [0, 3]) {
    await inDb(source, db, ['MSET', 'in:1', 1, 'in:2', 2, 'out:1', 3]);
    await inDb(target, db, ['MSET', 'own', 1, 'out:1', 'own']);
  }
  const naru = pair.follow([...args, '--on-conflict', 'overwrite', '--progress-interval', '50ms']);
  await naru.untilEvent('synced');
  expect(await keysIn(target, 3)).toEqual([`${prefix}1`, `${prefix}2`, 'out:1', 'own'].sort());
  await inDb(source, 3, ['FLUSHDB'], ['SET', 'in:3', 1]);
  await until('what followed is there', async () => (await keysIn(target, 3)).includes(`${prefix}3`));
  expect(await keysIn(target, 3)).toEqual([`${prefix}3`, 'out:1', 'own'].sort());
  expect(await keysIn(target, 0)).toEqual([`${prefix}1`, `${prefix}2`, 'out:1', 'own'].sort());
  await inDb(source, 0, ['FLUSHALL'], ['SET', 'in:4', 1]);
  await until('what followed is there', async () => (await keysIn(target, 0)).includes(`${prefix}4`));
  expect((await naru.stop()).code, naru.stderr).toBe(0);
  expect([await keysIn(target, 0), await keysIn(target, 3)]).toEqual([
    [`${prefix}4`, 'out:1', 'own'].sort(),
    ['out:1', 'own'],
  ]);
});

it('row 10: database 10 is not 1 and not 0', async () => {
  pair = await Pair.start();
  const { source, target } = pair;
  for (const db of [0, 1, 10]) await inDb(source, db, ['SET', `of:${db}`, 1]);
  const naru = pair.follow(['--include-db', '10', '--progress-interval', '50ms']);
  await naru.untilEvent('synced');
  for (const db of [0, 1, 10]) await inDb(source, db, ['SET', `later:${db}`, 1]);
  await until('the change is there', async () => (await keysIn(target, 10)).includes('later:10'));
  expect((await naru.stop()).code, naru.stderr).toBe(0);
  expect([await keysIn(target, 0), await keysIn(target, 1), await keysIn(target, 10)]).toEqual([
    [],
    [],
    ['later:10', 'of:10'],
  ]);
});

it('row 23: a $ in a password is a $, in a configuration of RedisShake too', async () => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is taken as it stands
  const password = 'pa$$w${HOME}$1';
  pair = await Pair.start();
  const { source, target } = pair;
  await source.call('SET', 'key', 'value');
  await source.call('CONFIG', 'SET', 'requirepass', password);
  const config = join(temp.path, 'shake.toml');
  const address = (server: RedisServer): string => new URL(server.url).host;
  writeFileSync(
    config,
    `[sync_reader]\naddress = "${address(source)}"\npassword = "${password}"\nsync_aof = false\n` +
      `[redis_writer]\naddress = "${address(target)}"\n`,
  );
  const naru = await pair.run(['sync', '--config', config]);
  expect(naru.exit?.code, naru.stderr).toBe(0);
  expect(String(await target.call('GET', 'key'))).toBe('value');
  expect(naru.stdout + naru.stderr).not.toContain('pa$$w');
});

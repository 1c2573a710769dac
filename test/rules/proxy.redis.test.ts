/** A proxy before two servers as target: it passes few commands, has one database, and lets no key be looked for. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { acknowledged } from '../support/acknowledged.ts';
import { makeTempDir } from '../support/cleanup.ts';
import { differences, stateOf } from '../support/cluster-state.ts';
import { Naru } from '../support/naru.ts';
import { hasNutcracker, Nutcracker } from '../support/nutcracker.ts';
import { RedisServer } from '../support/redis-server.ts';
import { synced } from '../support/synced.ts';
import { Writer } from '../support/writers.ts';
import { applyModel, type Model } from './model.ts';

const TTL_ADDED_MS = 7_200_000;

/** All databases come together in one: each but the first gets a beginning of its own. */
const TOML = `exclude_db = [4, 5]
exclude_regex = '^(zset|list):\\d*[37]$'
db_map = ["1=0", "2=0", "3=0"]
[[rules]]
db = 0
rename = { regex = '^(hash|set):(\\d+)$', to = '\${2}.$1' }
[[rules]]
db = 0
prefix = "str:"
rename = { prefix = "str:", to = "a-much-longer-beginning:" }
[[rules]]
db = 1
rename = { prefix = "", to = "one/" }
[[rules]]
db = 2
rename = { prefix = "", to = "two/" }
[[rules]]
db = 3
rename = { regex = '^', to = 'three/' }
[[rules]]
regex = "[0-4]$"
ttl = { add = "2h" }
[[rules]]
prefix = "str:"
ttl = { drop = true }
`;

const NAMES = ['', 'one/', 'two/', 'three/'];
const model: Model = ({ db, key, expireAtMs }) => {
  if (db > 3 || /^(zset|list):\d*[37]$/.test(key)) return undefined;
  const inFirst = key.replace(/^(hash|set):(\d+)$/, '$2.$1').replace(/^str:/, 'a-much-longer-beginning:');
  const expiry = /[0-4]$/.test(key) ? expireAtMs + TTL_ADDED_MS : key.startsWith('str:') ? 0 : expireAtMs;
  return { db: 0, key: db === 0 ? inFirst : `${NAMES[db]}${key}`, expireAtMs: expireAtMs && expiry };
};

const name = hasNutcracker()
  ? 'a proxy under rules'
  : 'a proxy under rules (skipped: there is no nutcracker)';

describe.skipIf(!hasNutcracker())(name, () => {
  const temp = makeTempDir();
  const runs: Naru[] = [];
  let source: RedisServer;
  let proxy: Nutcracker;
  let expected: RedisServer;
  beforeAll(async () => {
    source = await RedisServer.start({ config: { 'repl-backlog-size': '256mb' } });
    proxy = await Nutcracker.start();
    expected = await RedisServer.start();
    writeFileSync(join(temp.path, 'naru.toml'), TOML);
  });
  afterEach(async () => {
    for (const naru of runs.splice(0)) if (naru.exit === undefined) await naru.stop('SIGKILL');
    for (const server of [source, expected, ...proxy.servers]) await server.call('FLUSHALL');
  });
  afterAll(async () => {
    for (const one of [source, proxy, expected]) await one?.stop();
    temp.remove();
  });

  function run(command: string, ...args: string[]): Naru {
    const ends = ['--from', source.url, '--to', proxy.url, '--to-topology', 'proxy', '--dir', temp.path];
    const config = join(temp.path, 'naru.toml');
    const naru = Naru.start([command, ...ends, '--config', config, '--lossy', '--json', ...args]);
    runs.push(naru);
    return naru;
  }

  async function writer(seed: number): Promise<Writer> {
    const keep = (commands: readonly unknown[][]): boolean =>
      !commands.some(([word]) => /^(SWAPDB|FLUSHDB)$/.test(String(word)));
    const begun = new Writer(source, { seed, rate: 5000, keep });
    await begun.start();
    await begun.until(4000);
    return begun;
  }

  async function endsRight(naru: Naru): Promise<void> {
    expect((await naru.exited).code, naru.stdout.slice(-3000) + naru.stderr).toBe(0);
    expect(await applyModel(source, expected, model, { functions: false })).toBeGreaterThan(100);
    expect(differences(await stateOf([expected]), await stateOf(proxy.servers), 0)).toEqual([]);
    expect(
      naru
        .eventsOf('rules')
        .at(-1)
        ?.rules.filter(({ dropped }) => dropped > 0).length,
    ).toBe(2);
  }

  it('sync leaves what they make of the source, also where the proxy is lost on the way', async () => {
    const writes = await writer(21);
    const naru = run('sync', '--progress-interval', '50ms');
    await synced(naru, writes);
    await writes.until(2000);
    await proxy.kill();
    await writes.until(2000);
    await proxy.launch();
    await writes.until(3000);
    await writes.stop();
    await acknowledged(naru, source);
    await naru.stop();
    await endsRight(naru);
    expect(naru.eventsOf('done')[0]?.recopied).toBeGreaterThan(0);
  });

  it('scan leaves what they make of it', async () => {
    await (await writer(22)).stop();
    await endsRight(run('scan'));
  });

  it('a scan that follows changes does so too, but for what is removed and not told', async () => {
    const writes = await writer(23);
    const naru = run('scan', '--live');
    await synced(naru, writes);
    await writes.until(3000);
    await writes.stop();
    await naru.stop();
    await endsRight(naru);
  });

  it('tells what can not be done there', async () => {
    const naru = run('sync');
    await naru.untilEvent('synced');
    await source.call('FLUSHALL');
    expect((await naru.exited).code).toBe(1);
    const [refused] = naru.eventsOf('error');
    expect(refused).toMatchObject({ code: 'FLUSH_REFUSED' });
    expect(refused?.message).toMatch(/flushed.*proxy.*at the servers behind it/);
    const other = run('sync', '--db-map', '0=7');
    expect((await other.exited).code).toBe(2);
    expect(other.eventsOf('error')[0]?.message).toBe(
      'Database 0 is mapped to 7, which the target does not have: a proxy has one',
    );
  });
});

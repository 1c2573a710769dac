import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { acknowledged } from '../support/acknowledged.ts';
import { makeTempDir } from '../support/cleanup.ts';
import { compare } from '../support/compare.ts';
import { Naru } from '../support/naru.ts';
import { RedisServer } from '../support/redis-server.ts';
import { Writer } from '../support/writers.ts';
import { applyModel, type Model } from './model.ts';

const servers: RedisServer[] = [];
const runs: Naru[] = [];
const temp = makeTempDir();
async function start(): Promise<RedisServer> {
  const server = await RedisServer.start();
  servers.push(server);
  return server;
}
afterEach(async () => {
  for (const naru of runs.splice(0)) if (naru.exit === undefined) await naru.stop('SIGKILL');
  for (const server of servers.splice(0)) await server.stop();
});

interface Case {
  name: string;
  toml: string;
  model: Model;
  /** commands that the rules do not allow */
  without?: RegExp;
  ttlToleranceMs?: number;
}

const CASES: Case[] = [
  {
    name: 'prefixes, suffixes and expressions',
    toml: `[[rules]]
name = "all of these"
prefix = ["hash:1"]
action = "keep"
[[rules]]
suffix = ["2", "5", "8"]
action = "drop"
[[rules]]
regex = '^(list|zset|str):[0-4]'
action = "drop"
[[rules]]
glob = "geo:*[37]"
action = "drop"`,
    model: ({ key }) => {
      if (key.startsWith('hash:1')) return {};
      if (/[258]$/.test(key) || /^(list|zset|str):[0-4]/.test(key) || /^geo:.*[37]$/.test(key))
        return undefined;
      return {};
    },
  },
  {
    name: 'new names, and databases',
    toml: `exclude_db = [2]
include_regex = "[0134689]$"
rename_prefix = ["hash:=h:", "str:=a-long-prefix-of-strings:"]
rename_regex = '/^(\\w+):(\\d)(\\d*)$/$1.$3.\${2}/'
db_map = ["1=9"]`,
    model: ({ db, key }) => {
      if (db === 2 || !/[0134689]$/.test(key)) return undefined;
      const to = db === 1 ? 9 : db;
      if (key.startsWith('hash:')) return { db: to, key: key.replace('hash:', 'h:') };
      if (key.startsWith('str:')) return { db: to, key: key.replace('str:', 'a-long-prefix-of-strings:') };
      return { db: to, key: key.replace(/^(\w+):(\d)(\d*)$/, '$1.$3.$2') };
    },
    without: /^(SWAPDB|FLUSHDB)$/,
  },
  {
    name: 'types',
    toml: 'exclude_type = ["hash", "stream"]\nexclude_suffix = "4"',
    model: ({ key, type }) => (type === 'hash' || type === 'stream' || key.endsWith('4') ? undefined : {}),
  },
  {
    name: 'expiries',
    toml: `[[rules]]
regex = "[0-4]$"
ttl = { add = "2h" }
[[rules]]
prefix = "str:"
ttl = { drop = true }`,
    model: ({ key, expireAtMs }) => {
      if (expireAtMs === 0) return {};
      if (/[0-4]$/.test(key)) return { expireAtMs: expireAtMs + 7_200_000 };
      return key.startsWith('str:') ? { expireAtMs: 0 } : {};
    },
  },
];

describe('the target is what the rules make of the source, also where it is lost on the way', () => {
  it.each(CASES)('$name', async ({ toml, model, without, ttlToleranceMs }) => {
    const [source, target, expected] = [await start(), await start(), await start()];
    // What is not copied has the same names, and stays.
    const writer = new Writer(source, {
      seed: 11,
      rate: 4000,
      keep: (commands) => !commands.some(([name]) => without?.test(String(name))),
    });
    await writer.start();
    await writer.until(4000);
    const config = join(temp.path, `${servers.length}-${source.port}.toml`);
    writeFileSync(config, toml);
    const dir = join(temp.path, `spool-${source.port}`);
    const naru = Naru.start([
      'sync',
      '--from',
      source.url,
      '--to',
      target.url,
      '--json',
      '--config',
      config,
      '--dir',
      dir,
    ]);
    runs.push(naru);
    await naru.untilEvent('snapshot_done');
    for (let lost = 0; lost < 4; lost++) {
      await writer.until(3000);
      await target.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    }
    await writer.stop();
    const offset = Number((await source.info('replication')).get('master_repl_offset'));
    await acknowledged(naru, source);
    const { code } = await naru.stop('SIGTERM');
    expect(code, naru.stdout + naru.stderr).toBe(0);
    expect(naru.eventsOf('done')[0]?.offset).toBeGreaterThanOrEqual(offset);
    const written = await applyModel(source, expected, model);
    expect(written).toBeGreaterThan(20);
    expect(await compare(expected, target, { ttlToleranceMs: ttlToleranceMs ?? 0 })).toEqual([]);
    const told = naru.eventsOf('rules').at(-1);
    expect(told?.rules.length).toBeGreaterThan(0);
  });
});

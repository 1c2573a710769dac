import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeTempDir } from '../support/cleanup.ts';
import { compare } from '../support/compare.ts';
import { fill } from '../support/fill.ts';
import { Naru } from '../support/naru.ts';
import { RedisServer } from '../support/redis-server.ts';
import { applyModel, type Model } from './model.ts';

const temp = makeTempDir();
let source: RedisServer;
let target: RedisServer;
let expected: RedisServer;
beforeAll(async () => {
  source = await RedisServer.start({ config: { appendonly: 'yes', 'aof-use-rdb-preamble': 'no' } });
  target = await RedisServer.start();
  expected = await RedisServer.start();
  await fill(source, 1000);
  await source.call('SET', 'in:1', 'x', 'EX', 5000);
  await source.call('MSET', 'in:2', 'a', 'out:2', 'b');
  await source.call('SAVE');
});
afterAll(async () => {
  for (const server of [source, target, expected]) await server?.stop();
  temp.remove();
});

const ARGS = [
  '--exclude-glob',
  'out:*',
  '--exclude-type',
  'zset',
  '--rename-prefix',
  'in:=new:',
  '--db-map',
  '0=5',
];
const model: Model = ({ db, key, type }) => {
  if (key.startsWith('out:') || type === 'zset') return undefined;
  return { db: db === 0 ? 5 : db, key: key.replace(/^in:/, 'new:') };
};

describe('rules for files, and for keys that are scanned', () => {
  it.each(['rdb', 'aof'])('restore of an %s leaves what they make of it', async (form) => {
    await target.call('FLUSHALL');
    const from = form === 'rdb' ? join(source.dir, 'dump.rdb') : source.dir;
    const args = form === 'rdb' ? ARGS : ARGS.filter((arg) => arg !== '--exclude-type' && arg !== 'zset');
    const naru = await Naru.run(['restore', '--from', from, '--to', target.url, '--json', ...args]);
    expect(naru.exit?.code, naru.stdout + naru.stderr).toBe(0);
    await expected.call('FLUSHALL');
    await applyModel(source, expected, (key) =>
      form === 'aof' && key.type === 'zset' ? { db: key.db === 0 ? 5 : key.db } : model(key),
    );
    expect(await compare(expected, target, { ttlToleranceMs: form === 'rdb' ? 0 : 10_000 })).toEqual([]);
    expect(naru.eventsOf('rules')[0]?.rules.length).toBeGreaterThan(1);
  });

  it('scan leaves what they make of it', async () => {
    await target.call('FLUSHALL');
    const ends = ['--from', source.url, '--to', target.url, '--dir', temp.path];
    const naru = await Naru.run(['scan', ...ends, '--json', ...ARGS]);
    expect(naru.exit?.code, naru.stdout + naru.stderr).toBe(0);
    await expected.call('FLUSHALL');
    await applyModel(source, expected, model);
    expect(await compare(expected, target, { ttlToleranceMs: 10_000 })).toEqual([]);
    expect(naru.eventsOf('rules')[0]?.rules.length).toBeGreaterThan(1);
  });

  it('decode shows what they make of it', async () => {
    const naru = await Naru.run(['decode', join(source.dir, 'dump.rdb'), ...ARGS]);
    expect(naru.exit?.code, naru.stderr).toBe(0);
    const lines = naru.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { key?: string; db?: number; type?: string });
    const shown = lines.filter((line) => 'key' in line && String(line.key).startsWith('new:'));
    expect(shown.map(({ key, db }) => [key, db]).sort()).toEqual([
      ['new:1', 5],
      ['new:2', 5],
    ]);
    expect(lines.some(({ type, key }) => type === 'zset' || String(key).startsWith('out:'))).toBe(false);
    expect(readdirSync(source.dir).length).toBeGreaterThan(0);
  });
});

describe('what can not be meant', () => {
  const toml = (text: string): string => {
    const path = join(temp.path, 'naru.toml');
    writeFileSync(path, text);
    return path;
  };
  it.each<[string, string, RegExp]>([
    [
      'a map into a database that is not there',
      'db_map = ["0=99"]',
      /Database 0 is mapped to 99, which the target does not have/,
    ],
    ['an expression that can not be compiled', 'exclude_regex = ["a(?!b)"]', /no regular expression of RE2/],
    [
      'rules that contradict',
      '[[rules]]\nprefix = "a"\naction = "drop"\n[[rules]]\nprefix = "ab"\naction = "keep"',
      /"rule 2".* never applies: "rule 1"/,
    ],
    [
      'a word that is no key',
      '[[rules]]\nprefx = "a"\naction = "drop"',
      /rule 1: prefx is no key of it; did you mean prefix\?/,
    ],
    ['an option that is none', 'exclude_prefx = "a"', /did you mean exclude_prefix\?/],
  ])('%s is told before anything is written', async (_, text, message) => {
    await target.call('FLUSHALL');
    const args = [
      'sync',
      '--from',
      source.url,
      '--to',
      target.url,
      '--config',
      toml(text),
      '--dir',
      temp.path,
      '--until-synced',
    ];
    const naru = await Naru.run(args);
    expect(naru.exit?.code).not.toBe(0);
    expect(naru.stdout + naru.stderr).toMatch(message);
    expect(await target.call('DBSIZE')).toBe(0);
  });
});

describe('naru rules test', () => {
  it('shows what each rule would do', async () => {
    const args = [
      'rules',
      'test',
      '--from',
      source.url,
      '--include-prefix',
      'in:',
      '--include-prefix',
      'out:',
      '--json',
    ];
    const naru = await Naru.run([
      ...args,
      '--sample',
      '100000',
      '--exclude-suffix',
      ':9',
      '--rename-prefix',
      'in:=out:',
      '--ttl',
      'max=1h',
    ]);
    expect(naru.exit?.code, naru.stderr).toBe(0);
    const found = JSON.parse(naru.stdout) as Record<'keys' | 'kept' | 'rules' | 'merged', unknown>;
    expect(found.kept).toMatchObject({ count: 3 });
    expect(found.keys).toBeGreaterThan(1000);
    expect(found.merged).toEqual({
      count: 1,
      examples: [expect.stringMatching(/^(in|out):2 and (in|out):2 -> out:2$/)],
    });
    const rules = found.rules as {
      rule: string;
      renames: { count: number; examples: string[] };
      expires: { examples: string[] };
    }[];
    const renames = rules.find(({ rule }) => rule.startsWith('rename-prefix'))?.renames;
    expect(renames?.count).toBe(2);
    expect(renames?.examples).toContain('in:1 -> out:1');
    expect(rules.find(({ rule }) => rule === 'ttl')?.expires.examples[0]).toMatch(/^in:1: \d+ s -> 3600 s$/);
  });
});

describe('naru dump under rules', () => {
  it('dump writes what they make of it, values that are never held whole too; another server loads it', async () => {
    for (const key of ['in:large', 'out:large', 'large']) {
      const values = Array.from({ length: 3000 }, (_, i) => `${i}`.repeat(300).slice(0, 900));
      await source.call('RPUSH', key, ...values);
      await source.call('SET', `${key}:text`, 'x'.repeat(3_000_000), 'EX', 5000);
    }
    const dir = mkdtempSync(join(temp.path, 'dump-'));
    const to = join(dir, 'dump.rdb');
    const naru = await Naru.run(['dump', '--from', source.url, '--to', to, '--json', ...ARGS]);
    expect(naru.exit?.code, naru.stdout + naru.stderr).toBe(0);
    expect(naru.eventsOf('rules')[0]?.rules.length).toBeGreaterThan(1);
    const loaded = await RedisServer.start({ config: { dir } });
    await expected.call('FLUSHALL');
    expect(naru.eventsOf('done')[0]?.keys).toBe(await applyModel(source, expected, model));
    expect(await compare(expected, loaded)).toEqual([]);
    await loaded.stop();
  });

  it('dump writes one of several keys that come to have one name, and keeps to its rate', async () => {
    await source.call('FLUSHALL');
    const names = Array.from({ length: 600 }, (_, i) => [`a${i % 300}:${i < 300 ? 'x' : 'y'}`, i]).flat();
    await source.call('MSET', ...names);
    const to = join(temp.path, 'merged.rdb');
    const begin = performance.now();
    const args = ['--rename-regex', '/:[xy]$//', '--rate-keys', '300'];
    const naru = await Naru.run(['dump', '--from', source.url, '--to', to, '--json', ...args]);
    expect(naru.exit?.code, naru.stdout + naru.stderr).toBe(0);
    // All come in one piece, which is a second's worth: what is saved up is a tenth.
    expect(performance.now() - begin).toBeGreaterThan(800);
    expect(naru.eventsOf('rules')[0]).toMatchObject({ merged: 300 });
    await target.call('FLUSHALL');
    const back = await Naru.run(['restore', '--from', to, '--to', target.url, '--json']);
    expect(back.eventsOf('done')[0]?.keys).toBe(300);
  });
});

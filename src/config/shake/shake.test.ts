import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import type { Secret } from '../../net/secret.ts';
import { shakeIn } from '../config-file.ts';
import { layerOptions } from '../layers.ts';
import type { CommandName } from '../options.ts';
import { readOptions } from '../sync-options.ts';
import type { ShakeMapping } from './mapping.ts';
import { toToml } from './to-toml.ts';

const fixture = (name: string): string =>
  fileURLToPath(new URL(`../../../test/fixtures/shake/${name}`, import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'naru-shake-'));
afterAll(() => rmSync(dir, { recursive: true }));

function map(name: string): ShakeMapping {
  const path = fixture(name);
  return shakeIn(readFileSync(path, 'utf8'), path) as ShakeMapping;
}

function load(command: CommandName, config: string): { values: Record<string, unknown>; warnings: string[] } {
  return layerOptions(command, { config }, {});
}

describe('shake.toml of version 4', () => {
  it('with a sync_reader', () => {
    const { command, options, secrets, unsupported } = map('sync.toml');
    expect(command).toBe('sync');
    expect(Object.fromEntries(options)).toEqual({
      from: 'rediss://10.0.0.1:6379',
      'from-username': 'copier',
      'from-tls-insecure': 'true',
      'prefer-replica': 'true',
      to: 'redis://10.0.1.1:7000',
      'to-topology': 'cluster',
      'include-prefix': ['user:', 'order:'],
      'exclude-suffix': [':tmp'],
      'include-db': ['0'],
      'exclude-command': ['FLUSHALL', 'FLUSHDB'],
      dir: 'data',
      'progress-interval': '5s',
      'on-conflict': 'overwrite',
      'psync-command': 'nmfu2sl5osync',
    });
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is taken as it stands
    expect(Object.fromEntries(secrets)).toEqual({ 'from-password': 'pa$$w${HOME}rd' });
    expect(unsupported.map((line) => line.replace(/:.*/s, ''))).toEqual([
      'sync_reader.password',
      'sync_reader.tls',
      'redis_writer.off_reply',
      'filter.block_command_group',
      'filter.function',
      'advanced.status_port',
      'advanced.empty_db_before_sync',
    ]);
  });

  it('with a scan_reader that follows keyspace notifications', () => {
    const { command, options, unsupported } = map('scan-ksn.toml');
    expect(command).toBe('scan');
    expect(Object.fromEntries(options)).toEqual({
      from: 'redis://10.0.0.1:6379',
      'include-db': ['1', '5'],
      live: 'true',
      'live-by': 'keyspace',
      count: '500',
      to: 'redis+sentinel://10.0.1.1:26379/mymaster',
    });
    expect(unsupported).toEqual([]);
  });

  it('with an rdb_reader', () => {
    const { command, options, secrets } = map('rdb.toml');
    expect(command).toBe('restore');
    expect(Object.fromEntries([...options, ...secrets])).toEqual({
      from: '/var/backups/dump.rdb',
      to: 'redis://10.0.1.1:6379',
      'to-password': 'secret',
      'exclude-db': ['3', '4'],
      'on-conflict': 'skip',
    });
  });
});

describe('redis-shake.conf', () => {
  it('for sync', () => {
    const { command, options, secrets, unsupported, notNeeded } = map('sync.conf');
    expect(command).toBe('sync');
    expect(Object.fromEntries([...options, ...secrets])).toEqual({
      from: 'redis+sentinel://10.0.0.1:26379,10.0.0.2:26379/mymaster',
      'prefer-replica': 'true',
      'from-password': 'pa$sword',
      'to-topology': 'cluster',
      to: 'redis://10.0.1.1:7000,10.0.1.2:7000',
      'on-conflict': 'overwrite',
      'include-db': ['0', '5'],
      'exclude-prefix': ['tmp:', 'cache:'],
      'exclude-command': ['flushall', 'flushdb'],
      'big-key-size': '524288000',
    });
    expect(unsupported.map((line) => line.replace(/:.*/s, ''))).toEqual(['filter.lua', 'replace_hash_tag']);
    expect(notNeeded).toContain('qps: of the mode rump alone');
  });

  it("for rump from Alibaba Cloud's proxy", () => {
    const { command, options, secrets } = map('rump.conf');
    expect(command).toBe('scan');
    const { 'db-map': maps, ...rest } = Object.fromEntries([...options, ...secrets]);
    expect(rest).toEqual({
      from: 'redis://r-1234.redis.rds.aliyuncs.com:6379',
      'from-topology': 'aliyun-proxy',
      'from-password': 'secret',
      to: 'redis://10.0.1.1:6379',
      'on-conflict': 'fail',
      count: '50',
      'rate-keys': '1000',
    });
    expect(maps).toContain('3=0');
  });

  it.each([
    ['tencent_cluster', 'tencent-proxy', []],
    ['codis', 'proxy', ['scan.special_cloud']],
  ])('for rump from %s', (cloud, topology, expected) => {
    const text = `source.type = proxy\nsource.address = a:1\nscan.special_cloud = ${cloud}\n`;
    const { options, unsupported } = shakeIn(text, 'x.conf') as ShakeMapping;
    expect(options.get('from-topology')).toBe(topology);
    expect(unsupported.map((line) => line.replace(/:.*/s, ''))).toEqual(expected);
  });

  it('does not promise that a run that has ended is resumed', () => {
    const text = 'source.type = standalone\nsource.address = a:1\nresume_from_break_point = true\n';
    const { unsupported } = shakeIn(text, 'x.conf') as ShakeMapping;
    expect(unsupported.join()).toContain('resume_from_break_point');
  });
});

describe('--config', () => {
  it('tells by its content what a file is', () => {
    const { values, warnings } = load('sync', fixture('sync.conf'));
    expect(values).toMatchObject({ onConflict: 'overwrite', excludePrefix: ['tmp:', 'cache:'] });
    expect((values as { fromPassword: Secret }).fromPassword.reveal()).toBe('pa$sword');
    expect(warnings.join('\n')).toMatch(/mapped: .*\nnot needed: .*\nnot supported: filter.lua/s);
    expect(warnings.join('\n')).not.toContain('pa$sword');
    expect(readOptions('sync', values, {}).from?.sentinel?.master).toBe('mymaster');
  });

  it.each([
    ['scan-ksn.toml', 'sync', /naru scan, and not for naru sync/],
    ['rdb.toml', 'sync', /naru restore, and not for naru sync/],
  ] as const)('refuses %s for %s', (name, command, message) => {
    expect(() => load(command, fixture(name))).toThrow(message);
  });

  it.each([
    [
      '[sync_reader]\naddress = "a:1"\n[redis_writer]\nadress = "b:1"',
      /redis_writer.adress .* did you mean address\?/,
    ],
    ['[sync_reader]\n[rdb_reader]\n[redis_writer]', /one reader is needed, and there are 2/],
    ['[redis_writer]\naddress = "b:1"\n[filters]', /filters is no table .* did you mean filter\?/],
    ['source.type = standalone\nsource.adress = a:1', /source.adress .* did you mean source.address\?/],
    ['source.type = standalone\nkey_exists = maybe', /key_exists is rewrite, none or ignore/],
  ])('names the nearest known word: %s', (text, message) => {
    const path = join(dir, 'wrong');
    writeFileSync(path, text);
    expect(() => load('sync', path)).toThrow(message);
  });
});

describe('naru.toml that is made of it', () => {
  it.each([
    ['sync.toml', 'sync'],
    ['rdb.toml', 'restore'],
    ['sync.conf', 'sync'],
  ] as const)('means the same: %s', (name, command) => {
    const text = toToml(map(name), name);
    expect(text).not.toMatch(/pa\$|secret"/);
    const path = join(dir, `${name}.naru.toml`);
    writeFileSync(path, text);
    const drop = (values: Record<string, unknown>): unknown => {
      const { fromPassword: _, toPassword: __, ...rest } = readOptions(command, values, {});
      return rest;
    };
    expect(drop(load(command, path).values)).toEqual(drop(load(command, fixture(name)).values));
  });
});

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

/** All keys that a version knows, with a value that says something. */
const READER = `cluster = true
username = "u"
password = "p"
tls = true`;
const ALL_OF_4: Readonly<Record<string, string>> = {
  sync: `[sync_reader]
address = "a:1"
${READER}
sync_rdb = false
sync_aof = false
prefer_replica = true
try_diskless = true`,
  scan: `[scan_reader]
address = "a:1"
${READER}
dbs = [1, 2]
scan = false
ksn = true
count = 10
prefer_replica = true`,
  restore: `[aof_reader]
filepath = "/tmp/aof"
timestamp = 1700000000`,
};
const REST_OF_4 = `[redis_writer]
address = "b:1"
cluster = true
username = "u"
password = "p"
tls = true
off_reply = true
buff_send = true
[filter]
allow_keys = ["a.b", "c|d"]
allow_key_prefix = ["a:"]
allow_key_suffix = [":a"]
allow_key_regex = ["a+"]
block_keys = ["b[1]"]
block_key_prefix = ["b:"]
block_key_suffix = [":b"]
block_key_regex = ["b+"]
allow_db = [0, 1]
block_db = [3]
allow_command = ["SET"]
block_command = ["DEL"]
allow_command_group = ["STRING"]
block_command_group = ["SCRIPTING"]
function = "x"
[advanced]
dir = "d"
ncpu = 3
pprof_port = 1
status_port = 1
log_file = "l"
log_level = "info"
log_interval = 5
log_rotation = true
log_max_size = 1
log_max_age = 1
log_max_backups = 1
log_compress = true
rdb_restore_command_behavior = "rewrite"
pipeline_count_limit = 1
target_redis_client_max_querybuf_len = 1
target_redis_proto_max_bulk_len = 1
aws_psync = "a:1@other"
empty_db_before_sync = true
[module]
target_mbbloom_version = 20603`;
const SENTINELS = `[sync_reader]
address = ""
password = "p"
[sync_reader.sentinel]
master_name = "m1"
address = "s:26379"
username = "su"
password = "sp"
tls = false
[redis_writer]
address = ""
tls = true
[redis_writer.sentinel]
master_name = "m2"
address = "t:26379"
username = ""
password = ""
tls = true`;
const ALL_OF_3 = (type: string, source: string): string => `type = "${type}"
[source]
version = 5.0
${source}
[target]
type = "standalone"
version = 7.0
address = "b:1"
username = "u"
password = "p"
tls = true
[advanced]
dir = "d"
ncpu = 1
pprof_port = 1
metrics_port = 1
log_file = "l"
log_level = "info"
log_interval = 5
pipeline_count_limit = 1
target_redis_client_max_querybuf_len = 1
target_redis_proto_max_bulk_len = 1`;
const SERVER_3 = 'address = "a:1"\nusername = "u"\npassword = "p"\ntls = true';

/** Of versions 1.6 to 2.1, with a value where any would not do. */
const ALL_OF_2 =
  `source.address=a:1 source.password_raw=p source.password_encoding=x source.auth_type=auth source.tls_enable=true source.tls_skip_verify=true
  source.rdb.input=f source.rdb.parallel=1 source.rdb.special_cloud=ucloud_cluster source.parallel=1 source.version=6 target.address=b:1 target.password_raw=p
  target.password_encoding=x target.auth_type=adminauth target.db=-1 target.dbmap=1-2;3-4 target.tls_enable=true target.tls_skip_verify=false target.rdb.output=o target.version=1
  rdb.input=f rdb.output=o rdb.parallel=1 rdb.special_cloud=x sock.file_name=s sock.file_size=1 extra=true conf.version=1 id=i log.file=f log.level=info log_file=f log_level=info
  pid_path=p system_profile=1 http_profile=1 ncpu=1 parallel=1 key_exists=rewrite function_exists=rewrite rewrite=true filter.db=1 filter.key=k filter.db.whitelist=1 filter.db.blacklist=2
  filter.key.whitelist=k filter.key.blacklist=b filter.slot=1 filter.command.whitelist=SET filter.command.blacklist=DEL filter.lua=true fake_time=1 big_key_threshold=1000000
  metric=true metric.print_log=true sender.size=1 sender.count=1 sender.delay_channel_size=1 sender.ticker_ms=1 keep_alive=1 scan.key_number=1 scan.key_file=f
  scan.special_cloud=aliyun_cluster qps=1 resume_from_break_point=true replace_hash_tag=true psync=true heartbeat.url=u heartbeat.interval=1 heartbeat.external=e
  heartbeat.network_interface=n input_rdb=f output_rdb=o`.split(/\s+/);

const told = ({ mapped, notNeeded, unsupported }: ShakeMapping): string =>
  [...mapped, ...notNeeded, ...unsupported].join('\n');
const mapText = (text: string, env: NodeJS.ProcessEnv = {}): ShakeMapping =>
  shakeIn(text, 'its.toml', env) as ShakeMapping;

describe('each key that there ever was', () => {
  it.each(Object.entries(ALL_OF_4))('is told about: version 4, %s', (command, reader) => {
    const mapping = mapText(`${reader}\n${REST_OF_4}`);
    expect(mapping.command).toBe(command);
    for (const [, key] of `${reader}\n${REST_OF_4}`.matchAll(/^(\w+) =/gm))
      expect(told(mapping)).toContain(`.${key}: `);
    const { options } = mapping;
    expect(options.get('include-regex')).toEqual(['^a\\.b$', '^c\\|d$', 'a+']);
    expect(options.get('exclude-regex')).toEqual(['^b\\[1\\]$', 'b+']);
    // Both the reader and the filter name databases.
    expect(options.get('include-db')).toEqual(command === 'scan' ? ['1'] : ['0', '1']);
  });

  it.each([
    ['sync', ALL_OF_3('sync', `${SERVER_3}\nelasticache_psync = "other"`)],
    ['scan', ALL_OF_3('scan', SERVER_3)],
    ['restore', ALL_OF_3('restore', 'rdb_file_path = "/tmp/dump.rdb"')],
  ])('is told about: version 3, %s', (command, text) => {
    const mapping = mapText(text);
    expect(mapping.command).toBe(command);
    for (const [, key] of text.matchAll(/^(\w+) =/gm))
      expect(told(mapping)).toMatch(new RegExp(`\\b${key}: `));
    // Where nothing is said, that version replaces keys.
    expect(mapping.options.get('on-conflict')).toBe('overwrite');
    expect(mapping.options.get('from')).toBe(command === 'restore' ? '/tmp/dump.rdb' : 'rediss://a:1');
  });

  it('is told about: versions 1 and 2', () => {
    for (const line of ALL_OF_2) {
      const [key] = line.split('=') as [string];
      for (const mode of ['standalone', 'proxy'])
        expect(told(mapText(`source.type = ${mode}\n${line}`)), `${mode} ${key}`).toContain(`${key}: `);
    }
  });
});

describe('what became of it later, and what is in the environment', () => {
  it('sentinels have a table as of version 4.3', () => {
    const { options, secrets, unsupported } = mapText(SENTINELS);
    expect(Object.fromEntries([...options, ...secrets])).toEqual({
      from: 'redis+sentinel://s:26379/m1',
      'from-password': 'p',
      'from-sentinel-username': 'su',
      'from-sentinel-password': 'sp',
      to: 'rediss+sentinel://t:26379/m2',
      'to-tls-insecure': 'true',
    });
    expect(unsupported).toHaveLength(1);
  });

  it('a function stood before the tables up to version 4.1', () => {
    const text = '[sync_reader]\naddress = "a:1"\n[redis_writer]\naddress = "b:1"';
    expect(mapText(`function = "shake.call(DB, ARGV)"\n${text}`).unsupported.join()).toMatch(
      /^function: .*Lua/,
    );
    expect(mapText(`function = ""\n${text}`).unsupported).toEqual([]);
  });

  it('variables are put in, but for passwords that are more than the name of one', () => {
    const text = (password: string): string =>
      `[sync_reader]\naddress = "\${FROM}"\npassword = "${password}"\n[redis_writer]\naddress = "b:\${PORT:-6379}"`;
    const env = { FROM: 'a:1', SECRET: 'pa$$word' };
    const { options, secrets } = mapText(text(`\${SECRET}`), env);
    expect(Object.fromEntries([...options, ...secrets])).toEqual({
      from: 'redis://a:1',
      to: 'redis://b:6379',
      'from-password': 'pa$$word',
    });
    for (const password of [`x\${SECRET}`, `\${OTHER}`])
      expect(mapText(text(password), env).secrets.get('from-password')).toBe(password);
    expect(() => mapText(text('x'))).toThrow(
      /sync_reader.address names \$\{FROM\}, and the environment has no FROM/,
    );
  });

  it('what the command has no option for is not supported', () => {
    const { options, unsupported } = mapText(`${ALL_OF_4['restore']}\n${REST_OF_4}`);
    expect(options.has('psync-command')).toBe(false);
    expect(unsupported).toContain('advanced.aws_psync: naru restore has no psync-command');
  });
});

describe('naru.toml that is made of it', () => {
  const drop = (command: CommandName, values: Record<string, unknown>): unknown => {
    const {
      fromPassword: _,
      toPassword: __,
      fromSentinelPassword: ___,
      ...rest
    } = readOptions(command, values, {});
    return rest;
  };

  it.each([
    ...['sync.toml', 'rdb.toml', 'sync.conf', 'scan-ksn.toml', 'rump.conf'].map((name) => [
      name,
      readFileSync(fixture(name), 'utf8'),
    ]),
    ...Object.entries(ALL_OF_4).map(([name, reader]) => [`4-${name}`, `${reader}\n${REST_OF_4}`]),
    ['4-sentinels', SENTINELS],
    ['3-sync', ALL_OF_3('sync', SERVER_3)],
    ['3-scan', ALL_OF_3('scan', SERVER_3)],
    ['3-restore', ALL_OF_3('restore', 'rdb_file_path = "/tmp/dump.rdb"')],
  ] as [string, string][])('loads, and means the same: %s', (name, text) => {
    const mapping = mapText(text);
    const made = toToml(mapping, name);
    expect(made).not.toMatch(/pa\$|secret"|"sp"/);
    const paths = [join(dir, `${name}.naru.toml`), join(dir, name)] as const;
    for (const [i, content] of [made, text].entries()) writeFileSync(paths[i] as string, content);
    const command = mapping.command as CommandName;
    const [own, theirs] = paths.map((path) => drop(command, load(command, path).values));
    expect(own).toEqual(theirs);
  });
});

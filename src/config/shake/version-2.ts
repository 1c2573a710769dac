/** `redis-shake.conf` of RedisShake 1 and 2 (its conf/redis-shake.conf): lines of `key = value`, of which there is one for everything. */
import { NaruError } from '../../errors/errors.ts';
import { didYouMean } from '../nearest.ts';
import { MappingBuilder, type ShakeMapping } from './mapping.ts';

type Take = (value: string, key: string) => void;

/** What `scan.special_cloud` names, of the proxies that are known here. */
const CLOUDS: Readonly<Record<string, string>> = {
  aliyun_cluster: 'aliyun-proxy',
  tencent_cluster: 'tencent-proxy',
};

/** Whether a text is one of these. */
export function isShake2(text: string): boolean {
  return /^\s*(source|target)\.(type|address)\s*=/m.test(text) && !/^\s*\[/m.test(text);
}

/** The mode (`-type=sync`) was an argument, not a line: a source of `rump` shows by what it needs. */
export function mapShake2(text: string, path: string): ShakeMapping {
  return new Version2(readLines(text, path), path).map();
}

function readLines(text: string, path: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const match = /^\s*([\w.]+)\s*=\s*(.*?)\s*$/.exec(line);
    if (match === null) throw invalid(path, `line ${i + 1} is no "key = value"`);
    values.set(match[1] as string, match[2] as string);
  }
  return values;
}

class Version2 {
  readonly #values: Map<string, string>;
  readonly #path: string;
  readonly #out = new MappingBuilder();

  constructor(values: Map<string, string>, path: string) {
    this.#values = values;
    this.#path = path;
  }

  map(): ShakeMapping {
    this.#out.command = this.#command();
    const takes = {
      ...this.#ends('source', 'from'),
      ...this.#ends('target', 'to'),
      ...this.#rest(),
      ...this.#idle(),
    };
    for (const [key, value] of this.#values) {
      const take = takes[key];
      if (take === undefined) {
        throw invalid(this.#path, `${key} is no option of RedisShake${didYouMean(key, Object.keys(takes))}`);
      }
      if (value !== '') take(value, key);
    }
    return this.#out.build();
  }

  #command(): 'sync' | 'scan' | 'restore' {
    const of = (key: string): string => this.#values.get(key) ?? '';
    if (of('scan.special_cloud') !== '' || of('scan.key_file') !== '' || of('source.type') === 'proxy')
      return 'scan';
    const isFile = of('source.rdb.input') !== '' || of('rdb.input') !== '';
    return of('source.address') === '' && isFile ? 'restore' : 'sync';
  }

  /** A proxy's own way to tell keys comes first where the cloud is known: its SCAN may be one of a single shard. */
  #proxy(): string {
    return CLOUDS[this.#values.get('scan.special_cloud') ?? ''] ?? 'proxy';
  }

  #ends(word: 'source' | 'target', side: 'from' | 'to'): Record<string, Take> {
    const out = this.#out;
    const type = this.#values.get(`${word}.type`) || 'standalone';
    const tls = this.#values.get(`${word}.tls_enable`) === 'true';
    return {
      [`${word}.type`]: (value, key) => {
        if (!['standalone', 'sentinel', 'cluster', 'proxy'].includes(value)) {
          throw invalid(this.#path, `${key} is standalone, sentinel, cluster or proxy`);
        }
        if (value === 'proxy' && word === 'source') out.set(key, 'from-topology', this.#proxy());
        else if (value === 'proxy' || value === 'cluster') out.set(key, `${side}-topology`, value);
        else out.same(key, 'in the address');
      },
      [`${word}.address`]: (value, key) => {
        out.set(key, side, addressOf(value, type, tls));
        const role = /^[^@:]*:?(\w+)?@/.exec(value)?.[1] ?? /^(master|slave)@/.exec(value)?.[1];
        if (role !== 'slave' || word !== 'source') return;
        if (out.command === 'sync') out.set(key, 'prefer-replica', 'true');
        else out.unsupported(key, 'the master is read; name the replica as the address');
      },
      [`${word}.password_raw`]: (value, key) => out.secret(key, `${side}-password`, value),
      [`${word}.password_encoding`]: (_, key) => out.unsupported(key, 'give the password as it is'),
      [`${word}.auth_type`]: (value, key) => {
        if (value === 'auth') out.same(key, 'so it is');
        else out.unsupported(key, 'AUTH is sent');
      },
      [`${word}.tls_enable`]: (value, key) => {
        if (value === 'true') out.same(key, 'in the address');
        else out.same(key, 'none');
      },
      [`${word}.tls_skip_verify`]: (value, key) => {
        if (tls) out.set(key, `${side}-tls-insecure`, String(value === 'true'));
        else out.same(key, 'none');
      },
    };
  }

  #rest(): Record<string, Take> {
    const out = this.#out;
    const list =
      (option: string): Take =>
      (value, key) =>
        out.set(key, option, parts(value));
    const files: Take = (value, key) => {
      const names = parts(value);
      if (out.command !== 'restore') out.notNeeded(key, 'the source is a server');
      else if (names.length === 1) out.set(key, 'from', (names[0] as string).replace(/^local:/, ''));
      else out.unsupported(key, 'one file at a time: run naru restore for each');
    };
    const output: Take = (_, key) => out.notNeeded(key, 'naru dump --to names the file');
    const prefixed: Take = (_, key) =>
      out.unsupported(key, 'files whose keys begin with their slot are not read');
    return {
      key_exists: (value, key) => {
        const policy = { none: 'fail', rewrite: 'overwrite', ignore: 'skip' }[value];
        if (policy === undefined) throw invalid(this.#path, `${key} is rewrite, none or ignore`);
        out.set(key, 'on-conflict', policy);
      },
      // Versions before 1.6.22 called it so.
      rewrite: (value, key) => out.set(key, 'on-conflict', value === 'true' ? 'overwrite' : 'fail'),
      'filter.db.whitelist': list('include-db'),
      'filter.db.blacklist': list('exclude-db'),
      'filter.key.whitelist': list('include-prefix'),
      'filter.key.blacklist': list('exclude-prefix'),
      'filter.slot': list('include-slot'),
      'filter.command.whitelist': list('include-command'),
      'filter.command.blacklist': list('exclude-command'),
      'filter.lua': (value, key) => {
        if (value === 'true') out.unsupported(key, 'what a script has written is copied');
        else out.same(key, 'so it is');
      },
      'target.db': (value, key) => {
        if (Number(value) < 0) out.same(key, 'each database to the one with its number');
        else {
          const maps = Array.from({ length: 16 }, (_, db) => `${db}=${value}`).filter(
            (map) => map !== `${value}=${value}`,
          );
          out.set(key, 'db-map', maps);
        }
      },
      'target.dbmap': (value, key) =>
        out.set(
          key,
          'db-map',
          parts(value).map((map) => map.replace('-', '=')),
        ),
      'source.rdb.input': files,
      'target.rdb.output': output,
      'source.rdb.special_cloud': prefixed,
      function_exists: (_, key) => out.notNeeded(key, 'key_exists decides about libraries too'),
      // As versions before 1.6.22 called them.
      'rdb.input': files,
      'rdb.output': output,
      'rdb.special_cloud': prefixed,
      'filter.db': list('include-db'),
      'filter.key': list('include-prefix'),
      'scan.key_number': (value, key) => this.#ofScan(key, () => out.set(key, 'count', value)),
      'scan.key_file': (value, key) => out.set(key, 'keys-file', value),
      'scan.special_cloud': (value, key) => {
        if (CLOUDS[value] === undefined) out.unsupported(key, `${value}: it is scanned as any proxy is`);
        out.set(key, 'from-topology', this.#proxy());
      },
      qps: (value, key) => this.#ofScan(key, () => out.set(key, 'rate-keys', value)),
      big_key_threshold: (value, key) => {
        if (out.command === 'scan' || out.command === 'sync') out.set(key, 'big-key-size', value);
      },
      resume_from_break_point: (value, key) => {
        if (value === 'true')
          out.unsupported(key, 'a lost link goes on where it was; a run that has ended begins anew');
        else out.same(key, 'so it is');
      },
      replace_hash_tag: (value, key) => {
        if (value === 'true') out.unsupported(key, 'use rename-regex');
        else out.same(key, 'so it is');
      },
      fake_time: (_, key) => out.unsupported(key, 'clocks that differ are seen by asking both sides'),
      psync: (value, key) => {
        if (value === 'false') out.unsupported(key, 'SYNC is not spoken: see naru scan');
        else out.same(key, 'so it is');
      },
    };
  }

  #ofScan(key: string, set: () => void): void {
    if (this.#out.command === 'scan') set();
    else this.#out.notNeeded(key, 'of the mode rump alone');
  }

  /** What is of RedisShake's own working. */
  #idle(): Record<string, Take> {
    const names = `conf.version id log.file log.level log_file log_level pid_path system_profile http_profile parallel source.rdb.parallel
      rdb.parallel source.version target.version sock.file_name sock.file_size extra sender.ticker_ms metric metric.print_log sender.size sender.count sender.delay_channel_size keep_alive
      heartbeat.url heartbeat.interval heartbeat.external heartbeat.network_interface ncpu input_rdb output_rdb source.parallel`;
    const idle: Take = (_, key) => this.#out.notNeeded(key, 'of the inner working of RedisShake');
    return Object.fromEntries(names.split(/\s+/).map((name) => [name, idle]));
  }
}

/**
 *     standalone  host:port              cluster  host:port;host:port, or master@host:port, which finds the others itself
 *     proxy       host:port;...          sentinel name:role@host:port;host:port
 */
function addressOf(text: string, type: string, tls: boolean): string {
  const at = text.lastIndexOf('@');
  const hosts = parts(text.slice(at + 1)).join(',');
  if (type !== 'sentinel') return `${tls ? 'rediss' : 'redis'}://${hosts}`;
  const [name = 'mymaster'] = text.slice(0, Math.max(at, 0)).split(':');
  return `redis${tls ? 's' : ''}+sentinel://${hosts}/${name || 'mymaster'}`;
}

function parts(text: string): string[] {
  return text
    .split(';')
    .map((part) => part.trim())
    .filter(Boolean);
}

function invalid(path: string, why: string): NaruError {
  return new NaruError('CONFIG_INVALID', `${path}: ${why}`, { side: 'config' });
}

/** `shake.toml` of RedisShake 4 (its shake.toml and internal/config/config.go). */
import { NaruError } from '../../errors/errors.ts';
import { didYouMean } from '../nearest.ts';
import { MappingBuilder, type ShakeMapping } from './mapping.ts';

type Table = {
  readonly [Key in 'redis_writer' | 'filter' | 'advanced' | 'module' | 'filepath']?: unknown;
} & Readonly<Record<string, unknown>>;
/** What is done with a key that is set. */
type Take = (value: unknown, key: string, table: Table) => void;

const READERS = ['sync_reader', 'scan_reader', 'rdb_reader', 'aof_reader'] as const;
const TABLES: readonly string[] = [...READERS, 'redis_writer', 'filter', 'advanced', 'module'];

/** Whether a document of TOML is one of RedisShake. */
export function isShake4(top: Table): boolean {
  return [...READERS, 'redis_writer'].some((name) => name in top);
}

/** Throws NaruError CONFIG_INVALID for what RedisShake would not take either. */
export function mapShake4(top: Table, path: string): ShakeMapping {
  return new Version4(path).map(top);
}

class Version4 {
  readonly #path: string;
  readonly #out = new MappingBuilder();

  constructor(path: string) {
    this.#path = path;
  }

  map(top: Table): ShakeMapping {
    for (const name of Object.keys(top)) {
      if (!TABLES.includes(name))
        throw this.#invalid(`${name} is no table of RedisShake 4${didYouMean(name, TABLES)}`);
    }
    const readers = READERS.filter((name) => name in top);
    if (readers.length !== 1) throw this.#invalid(`one reader is needed, and there are ${readers.length}`);
    const reader = readers[0] as (typeof READERS)[number];
    this.#reader(reader, top[reader] as Table);
    if (top.redis_writer === undefined) this.#out.unsupported('redis_writer', 'there is none; give --to');
    else this.#take('redis_writer', top.redis_writer as Table, this.#writer(top.redis_writer as Table));
    this.#take('filter', (top.filter ?? {}) as Table, this.#filter());
    this.#take('advanced', (top.advanced ?? {}) as Table, this.#advanced());
    this.#take('module', (top.module ?? {}) as Table, {
      target_mbbloom_version: (_, key) => this.#out.notNeeded(key, 'values of modules go as DUMP gives them'),
    });
    return this.#out.build();
  }

  #reader(name: (typeof READERS)[number], table: Table): void {
    const out = this.#out;
    const file = (_: unknown, key: string): void => out.set(key, 'from', String(table.filepath));
    switch (name) {
      case 'sync_reader':
        this.#take(name, table, {
          ...this.#endpoint('from', table),
          sync_rdb: (value, key) => {
            if (value === false) out.unsupported(key, 'the full copy is always made');
            else out.same(key, 'so it is');
          },
          sync_aof: (value, key) => {
            if (value === false) out.set(key, 'until-synced', 'true');
            else out.same(key, 'so it is');
          },
          prefer_replica: (value, key) => out.set(key, 'prefer-replica', String(value === true)),
          try_diskless: (_, key) => out.notNeeded(key, 'the source decides, both forms are read'),
        });
        return;
      case 'scan_reader':
        out.command = 'scan';
        this.#take(name, table, {
          ...this.#endpoint('from', table),
          dbs: (value, key) => this.#list(value, key, 'include-db'),
          scan: (value, key) => {
            if (value === false) out.unsupported(key, 'all keys are read once');
            else out.same(key, 'so it is');
          },
          ksn: (value, key) => {
            if (value !== true) {
              out.same(key, 'keys are read once');
              return;
            }
            out.set(key, 'live', 'true');
            out.set(key, 'live-by', 'keyspace');
          },
          count: (value, key) => {
            if (Number(value) > 1) out.set(key, 'count', String(value));
            else out.notNeeded(key, 'the default of Naru is faster');
          },
        });
        return;
      case 'rdb_reader':
        out.command = 'restore';
        this.#take(name, table, { filepath: file });
        return;
      default:
        out.command = 'restore';
        this.#take(name, table, {
          filepath: file,
          timestamp: (value, key) => {
            if (Number(value) > 0) out.set(key, 'until', String(value));
            else out.same(key, 'the whole file');
          },
        });
    }
  }

  #writer(table: Table): Record<string, Take> {
    return {
      ...this.#endpoint('to', table),
      sentinel: (value, key) => this.#out.same(key, value === true ? 'in the address' : 'none'),
      master: (value, key) => {
        if (value !== '') this.#out.same(key, 'in the address');
      },
      off_reply: (value, key) => {
        if (value === true) this.#out.unsupported(key, 'nothing is done before the target has answered');
        else this.#out.same(key, 'so it is');
      },
    };
  }

  #endpoint(side: 'from' | 'to', table: Table): Record<string, Take> {
    const out = this.#out;
    return {
      address: (value, key) => out.set(key, side, addressOf(String(value), table)),
      username: (value, key) => value !== '' && out.set(key, `${side}-username`, String(value)),
      password: (value, key) => value !== '' && out.secret(key, `${side}-password`, String(value)),
      cluster: (value, key) => {
        if (value === true) out.set(key, `${side}-topology`, 'cluster');
        else out.same(key, 'found out by asking');
      },
      tls: (value, key) => {
        if (value !== true) return;
        out.set(key, `${side}-tls-insecure`, 'true');
        out.unsupported(
          key,
          `RedisShake does not look at certificates, and so it stays here: take out ${side}-tls-insecure`,
        );
      },
    };
  }

  #filter(): Record<string, Take> {
    const list =
      (option: string): Take =>
      (value, key) =>
        this.#list(value, key, option);
    const groups: Take = (value, key) => {
      if (isFilled(value))
        this.#out.unsupported(key, 'groups of commands; name the commands, or types of keys');
    };
    return {
      allow_key_prefix: list('include-prefix'),
      allow_key_suffix: list('include-suffix'),
      block_key_prefix: list('exclude-prefix'),
      block_key_suffix: list('exclude-suffix'),
      allow_key_regex: list('include-regex'),
      block_key_regex: list('exclude-regex'),
      allow_db: list('include-db'),
      block_db: list('exclude-db'),
      allow_command: list('include-command'),
      block_command: list('exclude-command'),
      allow_command_group: groups,
      block_command_group: groups,
      function: (value, key) => {
        if (value === '') return;
        this.#out.unsupported(
          key,
          'code in Lua is not run; see the rules of naru.toml (rename, to_db, ttl, action)',
        );
      },
    };
  }

  #advanced(): Record<string, Take> {
    const out = this.#out;
    const itself =
      (why: string): Take =>
      (_, key) =>
        out.notNeeded(key, why);
    return {
      dir: (value, key) => {
        if (out.command === 'restore') out.notNeeded(key, 'nothing is kept on disk');
        else out.set(key, 'dir', String(value));
      },
      ncpu: itself('one thread is enough'),
      pprof_port: (value, key) =>
        Number(value) > 0 && out.unsupported(key, 'there is no profile to be asked for'),
      status_port: (value, key) =>
        Number(value) > 0 && out.unsupported(key, 'see --json for what a run tells'),
      log_file: itself('what is told goes to stdout and stderr'),
      log_level: itself('what is told goes to stdout and stderr'),
      log_interval: (value, key) => out.set(key, 'progress-interval', `${String(value)}s`),
      log_rotation: itself('what is told goes to stdout and stderr'),
      log_max_size: itself('what is told goes to stdout and stderr'),
      log_max_age: itself('what is told goes to stdout and stderr'),
      log_max_backups: itself('what is told goes to stdout and stderr'),
      log_compress: itself('what is told goes to stdout and stderr'),
      rdb_restore_command_behavior: (value, key) => {
        const policy = { panic: 'fail', rewrite: 'overwrite', skip: 'skip', ignore: 'skip' }[String(value)];
        if (policy === undefined) throw this.#invalid(`${key} is panic, rewrite or skip`);
        out.set(key, 'on-conflict', policy);
      },
      pipeline_count_limit: itself('what is under way is bounded in bytes: in-flight'),
      target_redis_client_max_querybuf_len: itself('large keys go in parts'),
      target_redis_proto_max_bulk_len: itself('large keys go in parts'),
      aws_psync: (value, key) => {
        const commands = String(value).split(',').filter(Boolean);
        if (commands.length === 1)
          out.set(key, 'psync-command', (commands[0] as string).split('@').at(-1) as string);
        else if (commands.length > 1) out.unsupported(key, 'another command for each node: run one for each');
      },
      empty_db_before_sync: (value, key) => {
        if (value === true) out.unsupported(key, 'nothing is removed from the target: empty it before');
      },
    };
  }

  #list(value: unknown, key: string, option: string): void {
    if (isFilled(value)) this.#out.set(key, option, (value as unknown[]).map(String));
  }

  #take(name: string, table: Table, takes: Record<string, Take>): void {
    for (const [key, value] of Object.entries(table)) {
      const take = takes[key];
      if (take === undefined) {
        throw this.#invalid(
          `${name}.${key} is no option of RedisShake 4${didYouMean(key, Object.keys(takes))}`,
        );
      }
      take(value, `${name}.${key}`, table);
    }
  }

  #invalid(why: string): NaruError {
    return new NaruError('CONFIG_INVALID', `${this.#path}: ${why}`, { side: 'config' });
  }
}

function isFilled(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0;
}

function addressOf(address: string, { tls, sentinel, master }: Table): string {
  if (sentinel === true)
    return `redis${tls === true ? 's' : ''}+sentinel://${address}/${String(master ?? '')}`;
  return `${tls === true ? 'rediss' : 'redis'}://${address}`;
}

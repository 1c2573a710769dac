/** `shake.toml` of RedisShake 4 (its shake.toml and internal/config/config.go). */
import { NaruError } from '../../errors/errors.ts';
import { didYouMean } from '../nearest.ts';
import { advancedOf } from './advanced.ts';
import { withVariables } from './environment.ts';
import { MappingBuilder, type ShakeMapping } from './mapping.ts';

type Table = {
  readonly [Key in 'redis_writer' | 'filter' | 'advanced' | 'module' | 'filepath']?: unknown;
} & Readonly<Record<string, unknown>>;
/** What is done with a key that is set. */
type Take = (value: unknown, key: string, table: Table) => void;

const READERS = ['sync_reader', 'scan_reader', 'rdb_reader', 'aof_reader'] as const;
const WRITERS = ['file_writer', 'json_writer'] as const;
/** before the tables, in versions 4.0 and 4.1 */
const FUNCTION = 'function';
const TABLES: readonly string[] = [
  ...READERS,
  'redis_writer',
  ...WRITERS,
  'filter',
  'advanced',
  'module',
  FUNCTION,
];

/** Whether a document of TOML is one of RedisShake. */
export function isShake4(top: Table): boolean {
  return [...READERS, 'redis_writer'].some((name) => name in top);
}

/** Throws NaruError CONFIG_INVALID for what RedisShake would not take either. */
export function mapShake4(top: Table, path: string, env: NodeJS.ProcessEnv): ShakeMapping {
  return new Version4(path).map(withVariables(top, env, path));
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
    if (FUNCTION in top) this.#lua(top[FUNCTION], FUNCTION);
    for (const name of WRITERS)
      if (name in top)
        this.#out.unsupported(name, 'naru dump writes an RDB, and naru decode shows it as JSON or commands');
    if (top.redis_writer === undefined) this.#out.unsupported('redis_writer', 'there is none; give --to');
    else this.#take('redis_writer', top.redis_writer as Table, this.#writer(top.redis_writer as Table));
    this.#take('filter', (top.filter ?? {}) as Table, this.#filter());
    this.#take(
      'advanced',
      (top.advanced ?? {}) as Table,
      advancedOf(this.#out, (why) => this.#invalid(why)),
    );
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
          prefer_replica: (value, key) => {
            if (value === true) out.unsupported(key, 'name the replica as the address');
            else out.same(key, 'so it is');
          },
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
      buff_send: (_, key) => this.#out.notNeeded(key, 'what has come is sent at once, together'),
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
      address: (value, key) => {
        if (isTable(table['sentinel'])) out.notNeeded(key, 'the sentinels tell');
        else out.set(key, side, addressOf(String(value), table));
      },
      sentinel: (value, key) => {
        if (isTable(value)) this.#sentinels(side, value, key, table['tls'] === true);
        else out.same(key, value === true ? 'in the address' : 'none');
      },
      username: (value, key) => value !== '' && out.set(key, `${side}-username`, String(value)),
      password: (value, key) => value !== '' && out.secret(key, `${side}-password`, String(value)),
      cluster: (value, key) => {
        if (value === true) out.set(key, `${side}-topology`, 'cluster');
        else out.same(key, 'found out by asking');
      },
      tls: (value, key) => {
        if (value === true) out.uncheckedTls(key, side);
      },
    };
  }

  /** As of version 4.3: a table of its own. Sentinels are spoken to as the servers are, in the clear or not. */
  #sentinels(side: 'from' | 'to', table: Table, place: string, tls: boolean): void {
    const out = this.#out;
    this.#take(place, table, {
      master_name: (value, key) => out.same(key, `${String(value)}: in the address`),
      address: (value, key) =>
        out.set(key, side, addressOf(String(value), { tls, sentinel: true, master: table['master_name'] })),
      username: (value, key) => value !== '' && out.set(key, `${side}-sentinel-username`, String(value)),
      password: (value, key) => value !== '' && out.secret(key, `${side}-sentinel-password`, String(value)),
      tls: (value, key) => {
        if ((value === true) === tls) out.same(key, 'as the servers');
        else out.unsupported(key, 'TLS is spoken with both, sentinels and servers, or with none');
      },
    });
  }

  #lua(value: unknown, key: string): void {
    if (value === '') return;
    this.#out.unsupported(
      key,
      'code in Lua is not run; see the rules of naru.toml (rename, to_db, ttl, action)',
    );
  }

  #filter(): Record<string, Take> {
    const list =
      (option: string): Take =>
      (value, key) =>
        this.#list(value, key, option);
    const whole =
      (option: string): Take =>
      (value, key) => {
        if (isFilled(value))
          this.#out.add(
            key,
            option,
            value.map((one) => `^${quoted(String(one))}$`),
          );
      };
    const groups: Take = (value, key) => {
      if (isFilled(value))
        this.#out.unsupported(key, 'groups of commands; name the commands, or types of keys');
    };
    return {
      allow_keys: whole('include-regex'),
      block_keys: whole('exclude-regex'),
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
      function: (value, key) => this.#lua(value, key),
    };
  }

  #list(value: unknown, key: string, option: string): void {
    if (!isFilled(value)) return;
    const texts = value.map(String);
    // The reader may have said so too, and both have to fit.
    if (option === 'include-db') this.#out.narrow(key, option, texts);
    else this.#out.add(key, option, texts);
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

function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null;
}

/** As an expression that matches this text and nothing else. */
function quoted(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

function isFilled(value: unknown): value is unknown[] {
  return Array.isArray(value) && value.length > 0;
}

function addressOf(address: string, { tls, sentinel, master }: Table): string {
  if (sentinel === true)
    return `redis${tls === true ? 's' : ''}+sentinel://${address}/${String(master ?? '')}`;
  return `${tls === true ? 'rediss' : 'redis'}://${address}`;
}

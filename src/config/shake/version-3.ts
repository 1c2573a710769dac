/** `sync.toml`, `scan.toml` and `restore.toml` of RedisShake 3 (its internal/config/config.go). */
import { NaruError } from '../../errors/errors.ts';
import { didYouMean } from '../nearest.ts';
import { type Advanced, advancedOf } from './advanced.ts';
import { MappingBuilder, type ShakeMapping } from './mapping.ts';

type Table = Readonly<Record<string, unknown>>;
type Take = (value: unknown, key: string) => void;

const COMMANDS = { sync: 'sync', scan: 'scan', restore: 'restore' } as const;

/** Whether a document of TOML is one of it. */
export function isShake3(top: Table): boolean {
  return typeof top['source'] === 'object' && typeof top['target'] === 'object';
}

/** Throws NaruError CONFIG_INVALID for what RedisShake would not take either. */
export function mapShake3(top: Table, path: string): ShakeMapping {
  const out = new MappingBuilder();
  const invalid = (why: string): NaruError =>
    new NaruError('CONFIG_INVALID', `${path}: ${why}`, { side: 'config' });
  const take = (name: string, takes: Readonly<Record<string, Take>>, table: Table): void => {
    for (const [key, value] of Object.entries(table)) {
      const one = takes[key];
      const place = name === '' ? key : `${name}.${key}`;
      if (one === undefined)
        throw invalid(`${place} is no option of RedisShake 3${didYouMean(key, Object.keys(takes))}`);
      one(value, place);
    }
  };
  const [source, target, advanced] = [top['source'], top['target'], top['advanced']] as [Table, Table, Table];
  // Its first files had the type in the table of the source.
  const type = String(top['type'] ?? source['type'] ?? 'sync');
  if (!(type in COMMANDS)) throw invalid(`type is sync, scan or restore`);
  out.command = COMMANDS[type as keyof typeof COMMANDS];
  const tables: Readonly<Record<string, Take>> = {
    type: (_, key) => out.same(key, `naru ${out.command}`),
    source: (_, key) => take(key, { ...endpointOf(out, 'from', source), ...sourceOf(out) }, source),
    target: (_, key) => take(key, { ...endpointOf(out, 'to', target), ...targetOf(out) }, target),
    advanced: (_, key) => {
      // So it is where nothing is said.
      take(key, advancedOf(out, invalid), {
        rdb_restore_command_behavior: 'rewrite',
        ...advanced,
      } as Advanced);
    },
  };
  take('', tables, { advanced: {}, ...top });
  return out.build();
}

function endpointOf(
  out: MappingBuilder,
  side: 'from' | 'to',
  { tls }: Table,
): Readonly<Record<string, Take>> {
  return {
    version: (_, key) => out.notNeeded(key, 'found out by asking'),
    address: (value, key) => out.set(key, side, `${tls === true ? 'rediss' : 'redis'}://${String(value)}`),
    username: (value, key) => value !== '' && out.set(key, `${side}-username`, String(value)),
    password: (value, key) => value !== '' && out.secret(key, `${side}-password`, String(value)),
    tls: (value, key) => value === true && out.uncheckedTls(key, side),
  };
}

function sourceOf(out: MappingBuilder): Readonly<Record<string, Take>> {
  return {
    type: (_, key) => out.same(key, `naru ${out.command}`),
    rdb_file_path: (value, key) => value !== '' && out.set(key, 'from', String(value)),
    elasticache_psync: (value, key) => value !== '' && out.set(key, 'psync-command', String(value)),
  };
}

function targetOf(out: MappingBuilder): Readonly<Record<string, Take>> {
  return {
    type: (value, key) => {
      if (value === 'cluster') out.set(key, 'to-topology', 'cluster');
      else out.same(key, 'found out by asking');
    },
  };
}

/** The options of `sync`: what a user of the library gives, and what a run works with. */
import { NaruError } from '../errors/errors.ts';
import type { TlsOptions } from '../net/connection.ts';
import type { AddressMap } from '../net/topology/address-map.ts';
import type { Endpoint } from '../net/url.ts';
import { readTls, withCredentials } from './endpoints.ts';
import { type KindInput, type KindValue, readOption } from './kinds.ts';
import { type Camel, camelName, envName, flagName, tomlName } from './names.ts';
import { didYouMean } from './nearest.ts';
import {
  type CommandName,
  type CommonName,
  OPTION_NAMES,
  OPTIONS,
  type OptionName,
  optionOf,
  type SpecOf,
} from './options.ts';
import { compileRules, type RuleValues } from './rules-of-options.ts';

type ForLibrary<N extends OptionName, C extends CommandName> = N extends OptionName
  ? SpecOf<N> extends { library: false }
    ? never
    : C extends SpecOf<N>['commands'][number]
      ? N
      : never
  : never;
type Words<N extends OptionName> = SpecOf<N> extends { values: readonly (infer W)[] } ? W : never;
type Kinds<N extends OptionName> = SpecOf<N>['kind'];
type Input<N extends OptionName> = Kinds<N> extends 'enum' ? Words<N> : KindInput[Kinds<N>];
type Value<N extends OptionName> = Kinds<N> extends 'enum' ? Words<N> : KindValue[Kinds<N>];
type Unset<N extends OptionName> = SpecOf<N> extends { default: string } ? never : undefined;

/** The options of a command as a user of the library gives them, but for `from` and `to`. `Without`: those of a side that is a file. */
export type LibraryOptions<C extends CommandName, Without extends string = never> = {
  [N in Exclude<ForLibrary<OptionName, C>, 'from' | 'to' | Without> as Camel<N>]?: Input<N> | undefined;
};

/**
 * What a user of the library gives: the options of docs/reference/options.md in camel case. Sizes are bytes or text such as '16 MiB';
 * durations are milliseconds or text such as '5s'.
 */
export type SyncOptions = { from: string | Endpoint; to: string | Endpoint } & LibraryOptions<'sync'> & {
    /** TLS material in memory; takes the place of all tls options of this side. */
    fromTls?: TlsOptions | undefined;
    toTls?: TlsOptions | undefined;
  };

type RunOptionName = Exclude<ForLibrary<CommonName, 'sync'>, 'from' | 'to' | `tls-${string}`>;

/**
 * What a run works with: every default is filled in, credentials are part of the endpoints, files are read. Sizes are bytes, durations
 * milliseconds (never: Infinity). It is a valid SyncOptions too, and resolves to itself.
 */
export type ResolvedSyncOptions = {
  from: Endpoint;
  to: Endpoint;
  /** Set exactly where the endpoint speaks TLS. */
  fromTls: TlsOptions | undefined;
  toTls: TlsOptions | undefined;
  fromAddressMap: AddressMap | undefined;
  toAddressMap: AddressMap | undefined;
} & { [N in RunOptionName as Camel<N>]: Value<N> | Unset<N> };

/** What it takes to find the servers of a source. */
export type SourceOptions = Pick<
  ResolvedSyncOptions,
  'from' | 'fromTls' | 'fromTopology' | 'fromAddressMap' | 'preferReplica' | 'connectTimeout'
>;

/** What it takes to write to a target, whatever the source is. */
export type TargetOptions = Pick<
  ResolvedSyncOptions,
  | 'to'
  | 'toTls'
  | 'toTopology'
  | 'toAddressMap'
  | 'onConflict'
  | 'functions'
  | 'lossy'
  | 'inFlight'
  | 'bigKeySize'
  | 'spoolMemory'
  | 'spoolMax'
  | 'connectTimeout'
  | 'giveUpAfter'
> &
  RuleValues;

/** Where the value of an option came from, by its name in camel case: `--spool-memory`, `NARU_DIR`, `naru.toml: dir`. */
export type Origins = Readonly<Record<string, string>>;

/** Every option that was read, by its name in camel case. */
export type OptionValues = { [N in OptionName as Camel<N>]?: Value<N> };

/**
 * Checks options, fills in defaults, merges credentials and reads files (password files too, each once).
 * @throws NaruError USAGE where `from` or `to` is missing, CONFIG_INVALID for all else that can not be used
 */
export function resolveSyncOptions(options: SyncOptions, origins: Origins = {}): ResolvedSyncOptions {
  const given = options as Readonly<Record<string, unknown>>;
  refuseUnknown('sync', given, OBJECT_KEYS);
  const values = readOptions('sync', given, origins);
  const from = withCredentials('from', values, origins);
  const to = withCredentials('to', values, origins);
  const fromTls = readTls('from', from, options.fromTls, values, origins);
  const toTls = readTls('to', to, options.toTls, values, origins);
  refuseTlsWithoutUse(values, fromTls ?? toTls, origins);
  const run = RUN_KEYS.map((key) => [key, values[key]]);
  const { fromAddressMap, toAddressMap } = values;
  return { ...Object.fromEntries(run), from, to, fromTls, toTls, fromAddressMap, toAddressMap };
}

const libraryNames = (command: CommandName): OptionName[] =>
  OPTION_NAMES.filter((name) => OPTIONS[name].library !== false && optionOf(command, name) !== undefined);

/** What a run of sync works with that is no part of its endpoints. */
export const RUN_KEYS: readonly (keyof OptionValues)[] = libraryNames('sync')
  .filter((name) => /-topology$/.test(name) || !/^(from|to|tls)(-|$)/.test(name))
  .map(camelName);

/** Not in the table, and allowed: they are objects, which only the library can give. */
const OBJECT_KEYS: readonly string[] = ['fromTls', 'toTls', 'signal'];

/** `objects`: keys that are allowed and not in the table. @throws NaruError CONFIG_INVALID */
export function refuseUnknown(
  command: CommandName,
  given: Readonly<Record<string, unknown>>,
  objects: readonly string[],
): void {
  const known = libraryNames(command).map(camelName) as string[];
  for (const key of Object.keys(given)) {
    if (known.includes(key) || objects.includes(key)) continue;
    throw new NaruError('CONFIG_INVALID', `${key} is no option of ${command}${didYouMean(key, known)}`, {
      side: 'config',
    });
  }
}

/** Reads the options of a command, with its defaults. @throws NaruError USAGE where `from` or `to` is missing, CONFIG_INVALID */
export function readOptions(
  command: CommandName,
  given: Readonly<Record<string, unknown>>,
  origins: Origins,
): OptionValues {
  const values: Record<string, unknown> = {};
  for (const name of OPTION_NAMES) {
    const spec = optionOf(command, name);
    if (spec === undefined) continue;
    const key = camelName(name);
    const raw = given[key] ?? spec.default;
    if (raw !== undefined) values[key] = readOption(name, spec, raw, origins[key] ?? `option ${key}`);
    else if (name === 'from' || name === 'to') throw missing(name, spec.kind);
  }
  // Whether the rules can be meant is told before anything is opened.
  compileRules(values);
  return values;
}

function missing(name: 'from' | 'to', kind: string): NaruError {
  const what = kind.startsWith('path') ? 'path' : 'url';
  return new NaruError(
    'USAGE',
    `${name} is missing: give ${flagName(name)} <${what}>, ${envName(name)}, or ${tomlName(name)} in naru.toml`,
    { side: 'config' },
  );
}

/** Who gives a CA means TLS: to go on without it would send everything in the clear. */
export function refuseTlsWithoutUse(
  values: OptionValues,
  used: TlsOptions | undefined,
  origins: Origins,
): void {
  if (used !== undefined) return;
  for (const key of ['tlsCa', 'tlsCert', 'tlsKey'] as const) {
    if (values[key] === undefined) continue;
    throw new NaruError(
      'CONFIG_INVALID',
      `${key} (${origins[key] ?? 'option'}) is given, but neither from nor to is a rediss:// address`,
      { side: 'config' },
    );
  }
}

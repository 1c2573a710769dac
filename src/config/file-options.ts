/** The options of the commands that work with files. */
import type { TlsOptions } from '../net/connection.ts';
import type { Endpoint } from '../net/url.ts';
import { readTls, withCredentials } from './endpoints.ts';
import type { Side } from './options.ts';
import type { RuleValues } from './rules-of-options.ts';
import {
  type OptionValues,
  type Origins,
  readOptions,
  refuseTlsWithoutUse,
  type SourceOptions,
  type TargetOptions,
} from './sync-options.ts';

type Required<Key extends keyof OptionValues> = { [K in Key]-?: NonNullable<OptionValues[K]> };
type Optional<Key extends keyof OptionValues> = { [K in Key]: OptionValues[K] | undefined };

/** Sizes in bytes, durations in milliseconds, times in seconds since 1970. */
export type ResolvedRestoreOptions = {
  /** files and directories, or `-` */
  from: readonly string[];
} & TargetOptions &
  Required<'publish' | 'dir' | 'progressInterval' | 'rateKeys' | 'rateBytes' | 'verifyChecksum'> &
  Optional<'until'>;

export type ResolvedDumpOptions = {
  /** a file, a directory (it ends in `/`), or `-` */
  to: string;
} & SourceOptions &
  Required<
    'psyncCommand' | 'overwrite' | 'parallelSnapshots' | 'progressInterval' | 'rateKeys' | 'rateBytes'
  > &
  RuleValues;

export type ResolvedDecodeOptions = Required<'format' | 'verifyChecksum' | 'json'> &
  Optional<'until'> &
  RuleValues;

type Given = Readonly<Record<string, unknown>>;

/** @throws NaruError USAGE and CONFIG_INVALID, as do the others */
export function resolveRestoreOptions(given: Given, origins: Origins = {}): ResolvedRestoreOptions {
  const { toTls } = given;
  const values = readOptions('restore', given, origins);
  const to = endpointOf('to', values, origins, toTls);
  return { ...values, to: to.endpoint, toTls: to.tls } as unknown as ResolvedRestoreOptions;
}

export function resolveDumpOptions(given: Given, origins: Origins = {}): ResolvedDumpOptions {
  const { fromTls } = given;
  const values = readOptions('dump', given, origins);
  const from = endpointOf('from', values, origins, fromTls);
  return { ...values, from: from.endpoint, fromTls: from.tls } as unknown as ResolvedDumpOptions;
}

export function resolveDecodeOptions(given: Given, origins: Origins = {}): ResolvedDecodeOptions {
  return readOptions('decode', given, origins) as ResolvedDecodeOptions;
}

function endpointOf(
  side: Side,
  values: OptionValues,
  origins: Origins,
  tlsObject: unknown,
): { endpoint: Endpoint; tls: TlsOptions | undefined } {
  const endpoint = withCredentials(side, values, origins);
  const tls = readTls(side, endpoint, tlsObject as TlsOptions | undefined, values, origins);
  refuseTlsWithoutUse(values, tls, origins);
  return { endpoint, tls };
}

/** The options of `scan`: what a user of the library gives, and what a run works with. */
import { NaruError } from '../errors/errors.ts';
import type { TlsOptions } from '../net/connection.ts';
import type { Endpoint } from '../net/url.ts';
import { readTls, withCredentials } from './endpoints.ts';
import {
  type LibraryOptions,
  type OptionValues,
  type Origins,
  type ResolvedSyncOptions,
  RUN_KEYS,
  readOptions,
  refuseTlsWithoutUse,
  refuseUnknown,
  resolveSyncOptions,
} from './sync-options.ts';

/** The options of docs/reference/options.md in camel case, in the forms that SyncOptions takes. */
export type ScanOptions = { from: string | Endpoint; to: string | Endpoint } & LibraryOptions<'scan'> & {
    /** TLS material in memory; takes the place of all tls options of this side. */
    fromTls?: TlsOptions | undefined;
    toTls?: TlsOptions | undefined;
  };

/** What a run works with: all that a run of sync does, and these. */
export type ResolvedScanOptions = ResolvedSyncOptions & {
  /** COUNT of a SCAN */
  count: number;
  /** keys a second; 0: no limit */
  rateKeys: number;
  /** bytes a second; 0: no limit */
  rateBytes: number;
  /** ms; Infinity: it is not looked at */
  maxLatency: number;
  keysFile: string | undefined;
  resume: boolean;
  live: boolean;
  liveBy: 'tracking' | 'keyspace' | 'monitor' | 'passes' | undefined;
};

const OWN = ['count', 'rateKeys', 'rateBytes', 'maxLatency', 'keysFile', 'resume', 'live', 'liveBy'] as const;

/** @throws NaruError USAGE and CONFIG_INVALID, as resolveSyncOptions does */
export function resolveScanOptions(options: ScanOptions, origins: Origins = {}): ResolvedScanOptions {
  const given = options as Readonly<Record<string, unknown>>;
  refuseUnknown('scan', given, ['fromTls', 'toTls', 'signal']);
  const values = readOptions('scan', given, origins);
  const from = withCredentials('from', values, origins);
  const to = withCredentials('to', values, origins);
  const fromTls = readTls('from', from, options.fromTls, values, origins);
  const toTls = readTls('to', to, options.toTls, values, origins);
  refuseTlsWithoutUse(values, fromTls ?? toTls, origins);
  if (values.live) refuseWithLive(values);
  const own = Object.fromEntries(OWN.map((name) => [name, values[name]]));
  const run = resolveSyncOptions({ ...shared(values), from, to, fromTls, toTls });
  // A file of keys names all that is to be copied.
  return { ...run, ...own, ...(own['keysFile'] && { functions: 'skip' }) } as ResolvedScanOptions;
}

/** A follower tells of all keys, and what it told of before the run was interrupted is not known. */
function refuseWithLive({ resume, keysFile }: OptionValues): void {
  const other = resume ? '--resume' : keysFile !== undefined ? '--keys-file' : undefined;
  if (other === undefined) return;
  throw new NaruError('CONFIG_INVALID', `--live does not go with ${other}`, { side: 'config' });
}

/** What a run of sync has too, and what is part of no endpoint. */
function shared(values: OptionValues): object {
  const names = [...RUN_KEYS, 'fromAddressMap', 'toAddressMap'] as const;
  return Object.fromEntries(names.map((name) => [name, values[name]]));
}

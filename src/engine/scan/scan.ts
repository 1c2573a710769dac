import { resolveScanOptions, type ScanOptions } from '../../config/scan-options.ts';
import { type Run, startRun } from '../run.ts';
import { ScanRun } from './scan-run.ts';

/**
 * Copies all keys from one server to another by reading each (SCAN, DUMP), for sources that offer no replication. Events, `result` and `signal` are
 * as for `sync`; a run that is stopped rejects with STOPPED_EARLY, and `resume: true` goes on where it was. Throws NaruError at once for
 * options that can't be right (USAGE, CONFIG_INVALID).
 */
export function scan(options: ScanOptions & { signal?: AbortSignal }): Run {
  const { signal, ...rest } = options;
  const resolved = resolveScanOptions(rest);
  return startRun((emit) => new ScanRun(resolved, emit), signal);
}

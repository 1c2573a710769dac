/** The library's way to the commands that work with files. */
import type { Writable } from 'node:stream';
import type { DecodeOptions, DumpOptions, RestoreOptions } from '../config/file-library-options.ts';
import { resolveDecodeOptions, resolveDumpOptions, resolveRestoreOptions } from '../config/file-options.ts';
import { refuseUnknown } from '../config/sync-options.ts';
import { NaruError } from '../errors/errors.ts';
import type { ByteTaker } from '../target/file/paced-writer.ts';
import { type Decoded, decode as decodeTo } from './file-jobs/decode.ts';
import { DumpJob } from './file-jobs/dump-job.ts';
import { RestoreJob } from './file-jobs/restore-job.ts';
import { type Run, startRun } from './run.ts';

/** Gives a stream bytes of its own: blocks are used again, and some streams (PassThrough) call back while they still hold what they were given. */
const copying = (stream: Writable): ByteTaker => ({
  write: (bytes, written) => stream.write(Buffer.from(bytes), written),
});

/**
 * Writes a server's data to an RDB file, or to a stream. Events, `result` and `stop()` are as for `sync`; a run that is stopped rejects with
 * STOPPED_EARLY and leaves no file. Throws NaruError at once for options that can't be right (USAGE, CONFIG_INVALID), as the others do.
 */
export function dump(options: DumpOptions): Run {
  const { signal, to, ...rest } = options;
  refuseUnknown('dump', rest, ['fromTls']);
  const path = typeof to === 'object' ? '-' : to;
  const resolved = resolveDumpOptions({ ...rest, to: path });
  const out = typeof to === 'object' ? copying(to) : process.stdout;
  return startRun((emit) => new DumpJob(resolved, out, emit), signal);
}

/** Writes what RDB and AOF files hold to a server. A run that is stopped rejects with STOPPED_EARLY. */
export function restore(options: RestoreOptions): Run {
  const { signal, ...rest } = options;
  refuseUnknown('restore', rest, ['toTls']);
  const resolved = resolveRestoreOptions(rest);
  return startRun((emit) => new RestoreJob(resolved, emit), signal);
}

/** Writes what a file holds in another form to a stream, or counts it. Resolves when all is written; rejects with NaruError, and with the stream's error. */
export async function decode(options: DecodeOptions): Promise<Decoded> {
  const { file, to, ...rest } = options;
  refuseUnknown('decode', rest, []);
  const resolved = resolveDecodeOptions(rest);
  if (typeof file !== 'string') throw new NaruError('USAGE', 'file is missing', { side: 'config' });
  if (to !== undefined) return decodeTo(file, resolved, copying(to));
  if (resolved.format === 'summary') return decodeTo(file, resolved, process.stdout);
  throw new NaruError('USAGE', `to is missing: the form ${resolved.format} needs a stream`, {
    side: 'config',
  });
}

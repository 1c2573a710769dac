import { isNaruError, NaruError } from '../errors/errors.ts';

/** What the messages need to know of a spool. */
export interface SpoolPlace {
  readonly dir: string;
  readonly diskBytesMax: number;
}

/** `waiting` bytes are received and not yet acknowledged by the target. */
export function spoolFull(place: SpoolPlace, offset: number, waiting: number): NaruError {
  const message =
    `the spool in ${place.dir} holds the ${humanBytes(place.diskBytesMax)} that it may (--spool-max): ` +
    `${humanBytes(waiting)} from the source wait for the target`;
  return new NaruError('SPOOL_FULL', message, { side: 'spool', offset });
}

/** The caller broke the contract of the spool. */
export function misuse(message: string): NaruError {
  return new NaruError('INTERNAL', `spool: ${message}`, { side: 'spool' });
}

/** Any error of a file operation as one of the spool's; `diskBytes` are there already. */
export function toSpoolError(
  error: unknown,
  place: SpoolPlace,
  offset: number,
  diskBytes: number,
): NaruError {
  if (isNaruError(error)) return error;
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  const at = { side: 'spool', offset } as const;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    const more = humanBytes(place.diskBytesMax - diskBytes);
    const why = code === 'ENOSPC' ? 'no space left on the device' : 'the disk quota is used up';
    const message =
      `${why}: the spool in ${place.dir} holds ${humanBytes(diskBytes)} and may need ${more} more ` +
      '(--spool-max); free that much, or name another directory with --dir';
    return new NaruError('SPOOL_DISK_FULL', message, at, { cause: error });
  }
  const reason = error instanceof Error ? error.message : String(error);
  const message = `the spool directory ${place.dir} can not be used: ${reason}`;
  return new NaruError('SPOOL_FAILED', message, at, { cause: error });
}

function humanBytes(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = Math.max(0, bytes);
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${units[unit]}`;
}

import { isNaruError, NaruError } from '../../errors/errors.ts';
import { printable } from '../../errors/printable.ts';
import { FormatError } from '../../protocol/format-error.ts';

/** Any failure to read a file as an error that names it; `offset` is that in the file as it lies there, where it is known. */
export function toFileError(error: unknown, path: string, offset?: number): NaruError {
  if (isNaruError(error)) return error;
  const code = (error as NodeJS.ErrnoException | undefined)?.code ?? '';
  const place = { side: 'source', node: path, ...(offset === undefined ? {} : { offset }) } as const;
  const reason = REASONS[code] ?? (error instanceof Error ? error.message : String(error));
  if (code === 'Z_BUF_ERROR' || /^ZSTD_.*srcSize/i.test(code)) {
    return new NaruError('FILE_TRUNCATED', `${path} breaks off: its compressed data has no end`, place, {
      cause: error,
    });
  }
  if (/^(Z_|ZSTD_|ERR_ZSTD)/.test(code)) {
    return new NaruError('BAD_FORMAT', `The compressed data of ${path} is damaged: ${reason}`, place, {
      cause: error,
    });
  }
  return new NaruError('FILE_UNREADABLE', `${path} can not be read: ${reason}`, place, { cause: error });
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'no permission',
  EPERM: 'no permission',
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of the path is no directory',
};

/** What a decoder threw, with the name of the file; `validTo` is the offset up to which an AOF is good, where that is known. */
export function toFileFormatError(error: unknown, path: string, validTo?: number): unknown {
  if (!(error instanceof FormatError)) return error;
  const code = CODES[error.fault] ?? 'BAD_FORMAT';
  const good = validTo ? ` (good up to ${validTo})` : '';
  const type = error.type === undefined || /type/i.test(error.message) ? '' : ` (type ${error.type})`;
  const key = error.key === undefined ? {} : { key: printable(error.key) };
  const place = { side: 'source', node: path, offset: error.offset, ...key } as const;
  return new NaruError(code, `${path}: ${error.message}${type}${good}`, place, { cause: error });
}

const CODES: Readonly<Partial<Record<FormatError['fault'], 'CHECKSUM_MISMATCH' | 'FILE_TRUNCATED'>>> = {
  checksum: 'CHECKSUM_MISMATCH',
  truncated: 'FILE_TRUNCATED',
};

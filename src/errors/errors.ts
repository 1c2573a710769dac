/** What went wrong, where, and what to do: the one family of errors that leaves Naru. */
import { ERROR_TABLE, type ErrorCode } from './table.ts';

/** Where it happened. All fields are optional; none ever holds a secret or a value, only names. */
export interface ErrorPlace {
  /** `source` or `target`, or a file's path */
  side?: 'source' | 'target' | 'spool' | 'config';
  /** host:port, the path of a unix socket, or that of the file that is read */
  node?: string;
  /** absolute offset in bytes in the RDB, the stream or the file */
  offset?: number;
  db?: number;
  /** the key, as printable text (see `printable`) */
  key?: string;
  command?: string;
}

export class NaruError extends Error {
  readonly code: ErrorCode;
  readonly place: ErrorPlace;

  constructor(code: ErrorCode, message: string, place: ErrorPlace = {}, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'NaruError';
    this.code = code;
    this.place = place;
  }

  /** Whether trying again may help: the link is made anew, with backoff. */
  get retry(): boolean {
    return ERROR_TABLE[this.code].policy === 'retry';
  }

  get exitCode(): 1 | 2 {
    return ERROR_TABLE[this.code].exit;
  }

  /** One sentence for the operator: what to do. */
  get advice(): string {
    return ERROR_TABLE[this.code].advice;
  }
}

export function isNaruError(error: unknown): error is NaruError {
  return error instanceof NaruError;
}

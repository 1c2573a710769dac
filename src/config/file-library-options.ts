/** What a user of the library gives to the commands that work with files. Forms of values are those of SyncOptions. */
import type { Writable } from 'node:stream';
import type { TlsOptions } from '../net/connection.ts';
import type { Endpoint } from '../net/url.ts';
import type { SideOptionName } from './options.ts';
import type { LibraryOptions } from './sync-options.ts';

interface Stoppable {
  signal?: AbortSignal | undefined;
}

export type DumpOptions = {
  from: string | Endpoint;
  /** the path of the RDB file, or a stream that takes its bytes (and is not ended) */
  to: string | Writable;
  fromTls?: TlsOptions | undefined;
} & LibraryOptions<'dump', `to-${SideOptionName}`> &
  Stoppable;

export type RestoreOptions = {
  /** RDB or AOF files, or directories with the parts of an AOF or with RDB files; `-` is standard input */
  from: string | readonly string[];
  to: string | Endpoint;
  toTls?: TlsOptions | undefined;
} & LibraryOptions<'restore', `from-${SideOptionName}`> &
  Stoppable;

export type DecodeOptions = {
  /** as for restore */
  file: string;
  /** takes the text (and is not ended); not needed for `format: 'summary'` */
  to?: Writable | undefined;
} & LibraryOptions<'decode', `${'from' | 'to'}-${SideOptionName}`>;

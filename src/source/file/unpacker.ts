import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { NaruError } from '../../errors/errors.ts';
import type { Compression } from './detect.ts';

const CHUNK_BYTES = 256 * 1024;

/** What of `node:zlib` depends on its version: zstd came with Node 22.15 and 23.8. */
export interface ZstdReader {
  createZstdDecompress?: (options: { chunkSize: number }) => Transform;
}

/** Throws NaruError FILE_UNKNOWN for zstd where this Node has none. */
export function unpacker(
  compression: Compression,
  path: string,
  node: ZstdReader = zlib as ZstdReader,
): Transform {
  const options = { chunkSize: CHUNK_BYTES };
  if (compression === 'gzip') return zlib.createGunzip(options);
  if (node.createZstdDecompress !== undefined) return node.createZstdDecompress(options);
  const needs = 'needs Node 22.15 (or 23.8) or newer';
  const text = `${path} is compressed with zstd, which ${needs}; this is ${process.versions.node}`;
  throw new NaruError('FILE_UNKNOWN', text, { side: 'source', node: path });
}

import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { NaruError } from '../../errors/errors.ts';

/** What of `node:zlib` depends on its version: zstd came with Node 22.15 and 23.8. */
export interface ZstdWriter {
  createZstdCompress?: () => Transform;
}

/** What packs a file of this name: gzip for `.gz`, zstd for `.zst`, nothing for others. Throws NaruError CONFIG_INVALID where this Node has no zstd. */
export function packer(path: string, node: ZstdWriter = zlib as ZstdWriter): Transform | undefined {
  if (path.endsWith('.gz')) return zlib.createGzip();
  if (!path.endsWith('.zst')) return undefined;
  if (node.createZstdCompress !== undefined) return node.createZstdCompress();
  const needs = 'needs Node 22.15 (or 23.8) or newer';
  const text = `${path} would be compressed with zstd, which ${needs}; this is ${process.versions.node}. Take .gz instead`;
  throw new NaruError('CONFIG_INVALID', text, { side: 'config' });
}

/** What a file is, by its first bytes. */

export type Compression = 'gzip' | 'zstd';

export function detectCompression(head: Buffer): Compression | undefined {
  if (head.length >= 2 && head.readUInt16BE(0) === 0x1f8b) return 'gzip';
  if (head.length >= 4 && head.readUInt32BE(0) === 0x28b52ffd) return 'zstd';
  return undefined;
}

/** As many bytes as it takes to see what an RDB says of itself. */
export const HEAD_BYTES = 1024;

/** The aux field by which an RDB says that commands follow it: `aof-preamble` from Redis 4 on, `aof-base` from 7 on, with the integer 1. */
const PREAMBLE: readonly string[] = ['\xfa\x0caof-preamble\xc0\x01', '\xfa\x08aof-base\xc0\x01'];

/** `aof` for an RDB too that stands at the beginning of an AOF. undefined: neither. */
export function detectKind(head: Buffer): 'rdb' | 'aof' | undefined {
  const text = head.toString('latin1', 0, HEAD_BYTES);
  if (text.startsWith('REDIS') || text.startsWith('VALKEY'))
    return PREAMBLE.some((field) => text.includes(field)) ? 'aof' : 'rdb';
  return text.startsWith('*') || text.startsWith('#') ? 'aof' : undefined;
}

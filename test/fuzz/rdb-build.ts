/** Writes RDBs by hand, for forms that no fixture holds. The grammar stands in src/protocol/rdb/grammar.ts. */
import { Crc64 } from '../../src/protocol/checksum/crc64.ts';

export type Bytes = Buffer | string | number | readonly Bytes[];

/** Numbers are single bytes. */
export function bytes(...parts: readonly Bytes[]): Buffer {
  return Buffer.concat(
    parts.map((part) => {
      if (typeof part === 'number') return Buffer.from([part]);
      if (typeof part === 'string') return Buffer.from(part);
      return Buffer.isBuffer(part) ? part : bytes(...(part as readonly Bytes[]));
    }),
  );
}

export function len(n: number | bigint): Buffer {
  if (n < 64) return Buffer.from([Number(n)]);
  if (n < 16384) return Buffer.from([0x40 | (Number(n) >> 8), Number(n) & 255]);
  const out = Buffer.alloc(n < 2 ** 32 ? 5 : 9);
  out[0] = n < 2 ** 32 ? 0x80 : 0x81;
  if (n < 2 ** 32) out.writeUInt32BE(Number(n), 1);
  else out.writeBigUInt64BE(BigInt(n), 1);
  return out;
}

export const str = (text: string | Buffer): Buffer => bytes(len(Buffer.byteLength(text)), text);

/** LZF of literals only. */
export function lzf(text: string | Buffer): Buffer {
  const plain = Buffer.from(text as string);
  const packed: Buffer[] = [];
  for (let i = 0; i < plain.length; i += 32) {
    const run = plain.subarray(i, i + 32);
    packed.push(bytes(run.length - 1, run));
  }
  const data = Buffer.concat(packed);
  return bytes(0xc3, len(data.length), len(plain.length), data);
}

/** LZF of one byte many times over. */
export function lzfRun(byte: number, count: number): Buffer {
  const packed: Buffer[] = [Buffer.from([0, byte])];
  let left = count - 1;
  for (; left >= 264; left -= 264) packed.push(Buffer.from([0xe0, 255, 0]));
  for (; left > 0; left--) packed.push(Buffer.from([0, byte]));
  const data = Buffer.concat(packed);
  return bytes(0xc3, len(data.length), len(count), data);
}

export function int(width: 1 | 2 | 4, n: number): Buffer {
  const out = Buffer.alloc(width);
  out.writeIntLE(n, 0, width);
  return bytes(0xc0 + (width >> 1), out);
}

export function u64(n: number | bigint): Buffer {
  const out = Buffer.alloc(8);
  out.writeBigInt64LE(BigInt.asIntN(64, BigInt(n)));
  return out;
}

export function double(n: number): Buffer {
  const out = Buffer.alloc(8);
  out.writeDoubleLE(n);
  return out;
}

export function u32(n: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32LE(n);
  return out;
}

/** A stream's id as it stands in the radix tree. */
export function id(ms: number | bigint, seq: number | bigint): Buffer {
  const out = Buffer.alloc(16);
  out.writeBigUInt64BE(BigInt(ms), 0);
  out.writeBigUInt64BE(BigInt(seq), 8);
  return out;
}

/** Entries are given with their encoding; the length behind each is added. */
export function listpack(...entries: readonly Buffer[]): Buffer {
  const all = entries.map((entry) => bytes(entry, backLength(entry.length)));
  const body = Buffer.concat(all);
  const count = Buffer.alloc(2);
  count.writeUInt16LE(entries.length);
  return bytes(u32(body.length + 7), count, body, 255);
}

function backLength(n: number): Buffer {
  if (n <= 127) return Buffer.alloc(1);
  if (n < 16383) return Buffer.alloc(2);
  return Buffer.alloc(n < 2097151 ? 3 : 4);
}

/** A string or an integer as a listpack's entry. */
export function lp(value: string | number | bigint): Buffer {
  if (typeof value === 'string') {
    const n = Buffer.byteLength(value);
    if (n < 64) return bytes(0x80 | n, value);
    return n < 4096 ? bytes(0xe0 | (n >> 8), n & 255, value) : bytes(0xf0, u32(n), value);
  }
  if (typeof value === 'bigint') return bytes(0xf4, u64(value));
  if (value >= 0 && value < 128) return Buffer.from([value]);
  if (value >= -4096 && value < 4096) {
    const n = value & 0x1fff;
    return Buffer.from([0xc0 | (n >> 8), n & 255]);
  }
  const width = value >= -32768 && value < 32768 ? 2 : value >= -(2 ** 23) && value < 2 ** 23 ? 3 : 4;
  const out = Buffer.alloc(width);
  out.writeIntLE(value, 0, width);
  return bytes(0xef + width, out);
}

/** Entries without the length of the one before, which nobody reads; `wide`: as if that were long. */
export function ziplist(entries: readonly Buffer[], wide = false): Buffer {
  const previous = wide ? bytes(254, u32(300)) : bytes(1);
  const body = Buffer.concat(entries.map((entry) => bytes(previous, entry)));
  const count = Buffer.alloc(2);
  count.writeUInt16LE(entries.length);
  return bytes(u32(body.length + 11), u32(10), count, body, 255);
}

/** Integers of `width` bytes. */
export const intset = (width: number, ...ints: Buffer[]): Buffer =>
  bytes(u32(width), u32(ints.length), ...ints);

/** magic, body, 255, checksum */
export function rdb(body: readonly Bytes[], magic = 'REDIS0011'): Buffer {
  const content = bytes(magic, ...body, 255);
  if (magic < 'REDIS0005') return content;
  const crc = new Crc64();
  crc.update(content, 0, content.length);
  const sum = Buffer.alloc(8);
  crc.writeTo(sum, 0);
  return bytes(content, sum);
}

export const entry = (type: number, key: Bytes, ...value: readonly Bytes[]): Buffer =>
  bytes(type, typeof key === 'string' ? str(key) : key, ...value);

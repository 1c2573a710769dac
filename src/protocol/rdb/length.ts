/**
 * The lengths and string headers of an RDB (Redis src/rdb.h):
 *
 *     00llllll                      6 bits
 *     01llllll llllllll             14 bits
 *     10000000 + 4 bytes            32 bits, big endian
 *     10000001 + 8 bytes            64 bits, big endian
 *     11eeeeee                      (strings only) an encoding: 0, 1, 2: integer of 1, 2, 4 bytes, little endian; 3: LZF
 *
 *     string := length bytes | integer | 11000011 compressed-length length compressed-bytes
 */
import { FormatError } from '../format-error.ts';

export const ENC_INT8 = 0xc0;
export const ENC_INT16 = 0xc1;
export const ENC_INT32 = 0xc2;
export const ENC_LZF = 0xc3;

/** No length or string header is longer: an LZF one with two 64-bit lengths. */
export const HEADER_BYTES_MAX = 19;

/** How many bytes the length takes whose first byte is `first`; 0: no length begins like that. */
export function lengthSize(first: number): number {
  if (first < 64) return 1;
  if (first < 128) return 2;
  if (first === 0x80) return 5;
  return first === 0x81 ? 9 : 0;
}

/** The length at `pos`, all of whose bytes are there. Beyond 2^53 it is not exact: see `checkedLength`. */
export function lengthAt(buf: Buffer, pos: number): number {
  const first = buf[pos] as number;
  if (first < 64) return first;
  if (first < 128) return ((first & 63) << 8) | (buf[pos + 1] as number);
  if (first === 0x80) return buf.readUInt32BE(pos + 1);
  return buf.readUInt32BE(pos + 1) * 0x1_0000_0000 + buf.readUInt32BE(pos + 5);
}

/** The same where all 64 bits count. */
export function bigLengthAt(buf: Buffer, pos: number): bigint {
  return buf[pos] === 0x81 ? buf.readBigUInt64BE(pos + 1) : BigInt(lengthAt(buf, pos));
}

/** The length at `pos`, where it counts bytes or elements: no data can be that large, so 2^53 and more is an error. */
export function checkedLength(buf: Buffer, pos: number, offset: number): number {
  const length = lengthAt(buf, pos);
  if (length > Number.MAX_SAFE_INTEGER)
    throw new FormatError('too-large', `impossible length ${length}`, offset);
  return length;
}

/** The size of the length at `pos`, or -1 if not all of it is before `end`. */
export function wholeLength(buf: Buffer, pos: number, end: number, offset: number): number {
  if (pos >= end) return -1;
  const size = lengthSize(buf[pos] as number);
  if (size === 0) throw new FormatError('malformed', `no length begins with byte ${buf[pos]}`, offset);
  return pos + size <= end ? size : -1;
}

/** The integer of a string whose first byte is ENC_INT8, ENC_INT16 or ENC_INT32. */
export function integerAt(buf: Buffer, pos: number): number {
  const encoding = buf[pos];
  if (encoding === ENC_INT8) return buf.readInt8(pos + 1);
  return encoding === ENC_INT16 ? buf.readInt16LE(pos + 1) : buf.readInt32LE(pos + 1);
}

/** How many bytes an integer string takes with its first byte; 0: `first` is not one. */
export function integerSize(first: number): number {
  if (first === ENC_INT8) return 2;
  if (first === ENC_INT16) return 3;
  return first === ENC_INT32 ? 5 : 0;
}

/** The size of the string at `pos` with its header, or -1 if the header is not all before `end`; the data may lie beyond. */
export function stringSize(buf: Buffer, pos: number, end: number, offset: number): number {
  if (pos >= end) return -1;
  const first = buf[pos] as number;
  const integer = integerSize(first);
  if (integer > 0) return integer;
  const packedAt = first === ENC_LZF ? pos + 1 : pos;
  const size = wholeLength(buf, packedAt, end, offset);
  if (size < 0) return -1;
  const header = packedAt - pos + size;
  const plainSize = first === ENC_LZF ? wholeLength(buf, pos + header, end, offset) : 0;
  return plainSize < 0 ? -1 : header + plainSize + checkedLength(buf, packedAt, offset);
}

/** 64 bits with sign, little endian; exact within 2^53. */
export function int64At(buf: Buffer, pos: number): number {
  return buf.readInt32LE(pos + 4) * 0x1_0000_0000 + buf.readUInt32LE(pos);
}

/** The same as a time in milliseconds. Times beyond 2^53 ms, 285,000 years from now, become that. */
export function timeAt(buf: Buffer, pos: number): number {
  return Math.min(Math.max(int64At(buf, pos), 0), Number.MAX_SAFE_INTEGER);
}

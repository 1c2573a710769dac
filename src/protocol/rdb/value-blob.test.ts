import { describe, expect, it } from 'vitest';
import * as b from '../../../test/fuzz/rdb-build.ts';
import { FormatError } from '../format-error.ts';
import { ROLE_INTSET, ROLE_LISTPACK, ROLE_ZIPLIST, ROLE_ZIPMAP } from './grammar.ts';
import { BlobReader } from './value-blob.ts';

const OFFSET = 77;

/** How many items it gave; or the error. `step`: bytes at once. */
function read(format: number, blob: Buffer, step: number): number | unknown {
  let items = 0;
  const count = (): void => void items++;
  const reader = new BlobReader(
    { integer: count, item: count, itemLength: count, itemPart() {}, itemsEnd() {} },
    32,
  );
  try {
    reader.begin(format, OFFSET);
    for (let pos = 0; pos < blob.length; pos += step)
      reader.write(blob, pos, Math.min(pos + step, blob.length));
    reader.end();
    return items;
  } catch (error) {
    return error;
  }
}

const items = [b.lp('a'), b.lp(5), b.lp('x'.repeat(100)), b.lp(-70_000)];
const listpack = b.listpack(...items);
const ziplist = b.ziplist([b.bytes(1, 'a'), b.bytes(0xfe, 5), b.bytes(0x40, 100, 'x'.repeat(100))]);
const intset = b.intset(2, Buffer.from([1, 0]), Buffer.from([2, 0]));
const zipmap = b.bytes(1, 1, 'f', 1, 0, 'v', 255);

/** The blob with one number in its header changed. */
function patched(blob: Buffer, at: number, by: number): Buffer {
  const copy = Buffer.from(blob);
  copy[at] = (copy[at] as number) + by;
  return copy;
}

describe('BlobReader', () => {
  it.each([
    ['a listpack', ROLE_LISTPACK, listpack, 4],
    ['a ziplist', ROLE_ZIPLIST, ziplist, 3],
    ['an intset', ROLE_INTSET, intset, 2],
    ['a zipmap', ROLE_ZIPMAP, zipmap, 2],
    [
      'a listpack whose count says nothing',
      ROLE_LISTPACK,
      b.bytes(listpack.subarray(0, 4), 255, 255, listpack.subarray(6)),
      4,
    ],
    ['a zipmap whose count says nothing', ROLE_ZIPMAP, b.bytes(254, zipmap.subarray(1)), 2],
  ])('reads %s', (_, format, blob, expected) => {
    for (const step of [1, 7, 1000]) expect(read(format, blob, step)).toBe(expected);
  });

  it.each([
    ['a listpack that is said to be longer', ROLE_LISTPACK, patched(listpack, 0, 1)],
    ['a listpack that is said to be shorter', ROLE_LISTPACK, patched(listpack, 0, -1)],
    [
      'a listpack that is said to have 4 GiB',
      ROLE_LISTPACK,
      b.bytes(b.u32(0xffffffff), listpack.subarray(4)),
    ],
    ['a listpack of more items than it says', ROLE_LISTPACK, patched(listpack, 4, -1)],
    ['a listpack of fewer items than it says', ROLE_LISTPACK, patched(listpack, 4, 1)],
    ['a listpack that goes on behind its end', ROLE_LISTPACK, b.bytes(listpack, 0)],
    ['a listpack without an end', ROLE_LISTPACK, listpack.subarray(0, -1)],
    ['a listpack with an item of 4 GiB', ROLE_LISTPACK, b.listpack(b.bytes(0xf0, b.u32(0xffffffff), 'a'))],
    ['a ziplist that is said to be longer', ROLE_ZIPLIST, patched(ziplist, 0, 1)],
    ['a ziplist of more items than it says', ROLE_ZIPLIST, patched(ziplist, 8, -1)],
    ['a ziplist of fewer items than it says', ROLE_ZIPLIST, patched(ziplist, 8, 1)],
    ['an intset of 2^32 - 1 integers', ROLE_INTSET, b.bytes(b.u32(2), b.u32(0xffffffff), 1, 0)],
    ['an intset of fewer integers than there are', ROLE_INTSET, patched(intset, 4, -1)],
    ['an intset of integers of 3 bytes', ROLE_INTSET, patched(intset, 0, 1)],
    ['a zipmap of more pairs than it says', ROLE_ZIPMAP, b.bytes(0, zipmap.subarray(1))],
    ['a zipmap of fewer pairs than it says', ROLE_ZIPMAP, patched(zipmap, 0, 1)],
    ['a zipmap that ends behind a field', ROLE_ZIPMAP, b.bytes(1, 1, 'f', 255)],
    ['nothing at all', ROLE_LISTPACK, Buffer.alloc(0)],
  ])('refuses %s', (_, format, blob) => {
    for (const step of [1, 7, 1000]) {
      const error = read(format, blob, step);
      expect(error).toBeInstanceOf(FormatError);
      expect(error).toMatchObject({ fault: 'malformed', offset: OFFSET });
    }
  });
});

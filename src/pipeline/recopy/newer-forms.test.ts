import { describe, expect, it } from 'vitest';
import { viewOf } from '../../../test/support/command-view.ts';
import { NewerForms } from './newer-forms.ts';
import { viewOfBig } from './view-of-big.ts';

const R7 = 700;
const readable = { redis: 9, valkey: false };
const has = (source: number, target: number, text: string): boolean =>
  new NewerForms(source, target, readable).has(viewOf(...text.split(' ')));

describe('forms that are newer than the target', () => {
  it.each([
    [302, 'ZADD k NX 1 a', false],
    [208, 'ZADD k NX 1 a', true],
    [500, 'SET k v KEEPTTL', true],
    [500, 'set k v PXAT 5', false],
    [600, 'set k v keepttl', false],
    [600, 'SET k v KEEPTTL GET', true],
    [600, 'SET GET v', false],
    [602, 'SET k v GET', false],
    [600, 'ZADD k CH GT 1 a', true],
    [600, 'ZADD k CH 1 a', false],
    [600, 'XADD k NOMKSTREAM 1-1 f v', true],
    [600, 'XADD k MAXLEN = 5 LIMIT 0 1-1 f v', true],
    [600, 'XADD k MAXLEN 5 1-1 f v', false],
    [600, 'XTRIM k MINID 5-1', true],
    [600, 'XGROUP CREATECONSUMER k g c', true],
    [602, 'XGROUP CREATECONSUMER k g c', false],
    [602, 'XGROUP CREATE k g 0 MKSTREAM ENTRIESREAD 3', true],
    [600, 'INCR k', false],
  ])('at %i: %s: %s', (target, text, expected) => {
    expect(has(R7, target, text)).toBe(expected);
  });

  it('are those that the source can use', () => {
    expect(has(803, 700, 'XADD k KEEPREF 1-1 f v')).toBe(true);
    expect(has(700, 600, 'XADD k KEEPREF 1-1 f v')).toBe(false);
  });

  it('are none for a target that is as new', () => {
    expect(new NewerForms(700, 700, readable).none).toBe(true);
    expect(new NewerForms(602, Number.POSITIVE_INFINITY, readable).none).toBe(true);
    expect(new NewerForms(702, 700, readable).none).toBe(false);
  });

  it('are not looked for far behind: these are fields', () => {
    const fields = Array.from({ length: 20 }, (_, i) => `f${i}`).join(' ');
    expect(has(R7, 600, `XADD k 1-1 ${fields} MINID`)).toBe(false);
  });
});

describe('RESTORE', () => {
  const payload = (version: number): Buffer => {
    const bytes = Buffer.alloc(14);
    bytes.writeUInt16LE(version, 4);
    return bytes;
  };
  const taken = (source: number, target: number, version: number): boolean =>
    !new NewerForms(source, target, readable).has(viewOf('restore', 'k', '0', payload(version), 'ABSTTL'));

  it('goes by the version of its payload', () => {
    expect([9, 10, 80].map((version) => taken(R7, 600, version))).toEqual([true, false, false]);
    expect(taken(R7, R7, 10)).toBe(true);
  });

  it('is not given to a target before 5.0, which knows no ABSTTL', () => {
    expect(taken(600, 400, 8)).toBe(false);
  });

  it('is copied where its payload has passed by', () => {
    const kept = new Map(['RESTORE', 'k', '0'].map((arg, index) => [index, Buffer.from(arg)]));
    const big = viewOfBig({ argc: 4, kept, offset: 0, endOffset: 1e6 });
    expect(new NewerForms(R7, 600, readable).has(big)).toBe(true);
  });
});

import { describe, expect, it } from 'vitest';
import { Random } from '../../../test/support/random.ts';
import { isWord, NameIndex } from './name-index.ts';

const get = (index: NameIndex<number>, name: string): number | undefined => {
  const buf = Buffer.from(`<${name}>`, 'latin1');
  return index.get(buf, 1, buf.length - 1);
};

describe('NameIndex', () => {
  it('finds a name in any case, and no other', () => {
    const index = new NameIndex<number>();
    index.add('json.Set', 1);
    index.add('RESTORE-ASKING', 2);
    index.add('a', 3);
    for (const name of ['JSON.SET', 'json.set', 'JsOn.sEt']) expect(get(index, name)).toBe(1);
    expect(get(index, 'restore-asking')).toBe(2);
    expect(get(index, 'A')).toBe(3);
    // The hash takes a byte without its case bit: these are told apart by the comparison.
    for (const name of ['JSON\x0eSET', 'RESTORE\x0dASKING', '\x01', '!', 'json.se', 'json.sett', ''])
      expect(get(index, name)).toBeUndefined();
    expect(index.size).toBe(3);
  });

  it('tells names of one hash apart', () => {
    // In the hash 31 * 'A' + 'P' and 31 * 'C' + '2' (0x12 without its case bit) are one number; so all of these are.
    const pairs = ['Ap', 'C2'];
    const names = pairs.flatMap((a) => pairs.flatMap((b) => pairs.map((c) => `${a}${b}${c}`)));
    const index = new NameIndex<number>();
    names.forEach((name, i) => {
      index.add(name, i);
    });
    expect(index.size).toBe(8);
    for (const [i, name] of names.entries()) expect(get(index, name.toLowerCase())).toBe(i);
    expect(get(index, 'APAPC3')).toBeUndefined();
  });

  it('holds thousands of names of 1 to 200 bytes', () => {
    const random = new Random(3);
    const names = new Set(
      random.times(5000, () => random.text(random.chance(0.02) ? 200 : 1 + random.int(12)).toUpperCase()),
    );
    const index = new NameIndex<number>();
    for (const name of names) index.add(name, name.length);
    for (const name of names) expect(get(index, name)).toBe(name.length);
    expect(index.size).toBe(names.size);
    expect(get(index, 'x'.repeat(201))).toBeUndefined();
    expect(get(index, 'x'.repeat(200))).toBeUndefined();
  });

  it('keeps the first value of a name', () => {
    const index = new NameIndex<number>();
    index.add('GET', 1);
    index.add('get', 2);
    expect([get(index, 'get'), ...index.values()]).toEqual([1, 1]);
  });
});

describe('isWord', () => {
  it('takes letters in either case, and nothing else that differs in that bit', () => {
    const word = Buffer.from('A_1');
    expect(isWord(Buffer.from('xa_1x'), 1, 4, word)).toBe(true);
    for (const text of ['a\x7f1', 'a_\x11', '!_1', 'a_1\0'])
      expect(isWord(Buffer.from(text), 0, text.length, word)).toBe(false);
  });
});

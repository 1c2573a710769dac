import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../format-error.ts';
import { parseManifest } from './manifest.ts';
import { splitWords } from './words.ts';

const parse = (text: string): ReturnType<typeof parseManifest> => parseManifest(Buffer.from(text, 'latin1'));

describe('parseManifest', () => {
  it('gives the base and the increments in order, and leaves history out', () => {
    const text = [
      '# a comment',
      'file a.aof.2.base.rdb seq 2 type b',
      'file a.aof.1.incr.aof seq 1 type h',
      'file a.aof.4.incr.aof seq 4 type i',
      'file a.aof.5.incr.aof seq 5 type i',
      '',
    ].join('\n');
    expect(parse(text)).toEqual([
      { name: 'a.aof.2.base.rdb', seq: 2, type: 'base' },
      { name: 'a.aof.4.incr.aof', seq: 4, type: 'incr' },
      { name: 'a.aof.5.incr.aof', seq: 5, type: 'incr' },
    ]);
  });

  it('reads what a server wrote', () => {
    const url = new URL('../../../test/fixtures/aof/preamble/appendonly.aof.manifest', import.meta.url);
    expect(parseManifest(readFileSync(url)).map(({ name }) => name)).toEqual([
      'appendonly.aof.2.base.rdb',
      'appendonly.aof.2.incr.aof',
    ]);
  });

  it('takes pairs in any order and case, unknown ones, blanks and CRLF', () => {
    expect(parse('  TYPE i startoffset 77 Seq 3\tFILE x.aof \r\n')).toEqual([
      { name: 'x.aof', seq: 3, type: 'incr' },
    ]);
  });

  it('puts the base first wherever it stands, and needs none', () => {
    const text = 'file i seq 1 type i\nfile b seq 1 type b\n';
    expect(parse(text).map(({ name }) => name)).toEqual(['b', 'i']);
    expect(parse('file i seq 1 type i\n')).toHaveLength(1);
    expect(parse('file h seq 1 type h\n')).toEqual([]);
  });

  it('reads quoted names with escapes', () => {
    const line = String.raw`file "a b\"\x01\n\xc3\xa9.aof" seq 1 type b`;
    expect(parse(`${line}\n`)[0]?.name).toBe('a b"\u0001\né.aof');
  });

  it.each([
    ['', 'is empty', 0],
    ['file a seq 1 type b', 'Line 1 of the manifest has no end', 0],
    ['# c\n\n', 'Line 2 of the manifest is not', 4],
    ['file a seq 1\n', 'Line 1 of the manifest is not', 0],
    ['file a seq 1 type b more\n', 'Line 1 of the manifest is not', 0],
    ['file a seq 1 type x\n', 'has a type', 0],
    ['file a seq 0 type b\n', 'has no sequence number', 0],
    ['file a seq x type b\n', 'has no sequence number', 0],
    ['file ../a seq 1 type b\n', 'has a path', 0],
    ['file "" seq 1 type b\n', 'has no file name', 0],
    ['name a seq 1 type b\n', 'has no file name', 0],
    ['file "a seq 1 type b\n', 'has quotes', 0],
    ['file a seq 1 type b\nfile b seq 2 type b\n', 'Line 2 of the manifest names a second base', 20],
    ['file a seq 2 type i\nfile b seq 2 type i\n', 'Line 2 of the manifest has the sequence number 2', 20],
    [`file ${'a'.repeat(1010)} seq 1 type b\n`, 'Line 1 of the manifest is too long', 0],
  ])('refuses %j with its line', (text, message, offset) => {
    let error: unknown;
    try {
      parse(text);
    } catch (e) {
      error = e;
    }
    expect(error).toBeInstanceOf(FormatError);
    expect((error as FormatError).message).toContain(message);
    expect((error as FormatError).offset).toBe(offset);
  });
});

describe('splitWords', () => {
  it.each<[string, string[] | undefined]>([
    ['', []],
    ['  a  b ', ['a', 'b']],
    [String.raw`"a\tb\r\n\b\a\q" c`, ['a\tb\r\n\b\x07q', 'c']],
    [String.raw`'a\'b\n'`, [String.raw`a'b\n`]],
    ['"" x', ['', 'x']],
    ['a\u00a0b', ['a\u00a0b']],
    ['"a"b', undefined],
    ['"a', undefined],
    [String.raw`"a\"`, undefined],
    ["'a", undefined],
  ])('splits %j', (line, words) => {
    expect(splitWords(line)).toEqual(words);
  });
});

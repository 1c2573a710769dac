import { describe, expect, it } from 'vitest';
import * as b from '../../../test/fuzz/rdb-build.ts';
import { CommandCollector } from '../../../test/fuzz/rdb-commands.ts';
import { FormatError } from '../format-error.ts';
import { Rebuild, type RebuildOptions } from './rebuild.ts';
import { type DecoderOptions, ValueDecoder } from './value-decoder.ts';

const { str, len, lp } = b;
const KEY = Buffer.from('key');

/** What a value becomes, whole; it must be the same byte by byte. */
function rebuilt(
  type: number,
  value: readonly b.Bytes[],
  options: RebuildOptions & DecoderOptions = {},
): string[] {
  const bytes = b.bytes(...value);
  const run = (step: number): string[] => {
    const commands = new CommandCollector();
    const sink = new Rebuild(commands, KEY, options);
    const decoder = new ValueDecoder(type, 'redis', sink, 0, undefined, options);
    for (let pos = 0; pos < bytes.length; pos += step) {
      const slice = Buffer.from(bytes.subarray(pos, pos + step));
      expect(decoder.write(slice, 0, slice.length)).toBe(slice.length);
      slice.fill(0xee);
    }
    expect(decoder.done).toBe(true);
    return commands.lines;
  };
  const whole = run(bytes.length);
  expect(run(1)).toEqual(whole);
  return whole;
}

describe('Rebuild', () => {
  it('writes strings by SET, large ones in parts', () => {
    expect(rebuilt(0, [str('abc')])).toEqual(['SET key abc']);
    expect(rebuilt(0, [str('')])).toEqual(['SET key ']);
    expect(rebuilt(0, [b.int(2, -300)])).toEqual(['SET key -300']);
    const parts = { partBytes: 32, chunkBytes: 30 };
    const expected = [`SET key ${'A'.repeat(30)}`, `APPEND key ${'A'.repeat(30)}`, 'APPEND key AAAAA'];
    expect(rebuilt(0, [str('A'.repeat(65))], parts)).toEqual(expected);
    expect(rebuilt(0, [b.lzfRun(65, 65)], parts)).toEqual(expected);
  });

  it('writes collections in chunks of so many elements', () => {
    const five = [len(5), str('a'), str('b'), str('c'), str('d'), str('e')];
    expect(rebuilt(1, five)).toEqual(['RPUSH key a b c d e']);
    expect(rebuilt(1, five, { chunkElements: 2 })).toEqual(['RPUSH key a b', 'RPUSH key c d', 'RPUSH key e']);
    expect(rebuilt(2, five, { chunkElements: 3 })).toEqual(['SADD key a b c', 'SADD key d e']);
    const hash = [len(3), str('f'), str('1'), str('g'), str('2'), str('h'), str('3')];
    expect(rebuilt(4, hash, { chunkElements: 2 })).toEqual(['HSET key f 1 g 2', 'HSET key h 3']);
    expect(rebuilt(1, [len(0)])).toEqual([]);
  });

  it('writes collections in chunks of so many bytes', () => {
    const list = [len(4), str('aaaa'), str('bbbb'), str('c'), str('d'.repeat(20))];
    expect(rebuilt(1, list, { chunkBytes: 9 })).toEqual([
      'RPUSH key aaaa bbbb c',
      `RPUSH key ${'d'.repeat(20)}`,
    ]);
    expect(rebuilt(1, list, { chunkBytes: 8 })).toEqual([
      'RPUSH key aaaa bbbb',
      'RPUSH key c',
      `RPUSH key ${'d'.repeat(20)}`,
    ]);
    // The field waits in the chunk while what stood before it is written.
    const hash = [len(3), str('f'), str('1'), str('gg'), str('x'.repeat(30)), str('h'), str('3')];
    expect(rebuilt(4, hash, { chunkBytes: 16 })).toEqual([
      'HSET key f 1',
      `HSET key gg ${'x'.repeat(30)}`,
      'HSET key h 3',
    ]);
  });

  it('passes on large elements as they come', () => {
    const large = 'L'.repeat(100);
    const options = { partBytes: 32 };
    expect(rebuilt(1, [len(3), str('a'), str(large), str('b')], options)).toEqual([
      'RPUSH key a',
      `RPUSH key ${large}`,
      'RPUSH key b',
    ]);
    expect(rebuilt(2, [len(2), b.lzfRun(76, 100), str('b')], options)).toEqual([
      `SADD key ${large}`,
      'SADD key b',
    ]);
    expect(rebuilt(5, [len(2), str(large), b.double(1.5), str('b'), b.double(2)], options)).toEqual([
      `ZADD key 1.5 ${large} 2 b`,
    ]);
    const hash = [
      len(4),
      str('f'),
      str('1'),
      str('g'),
      str(large),
      str(large),
      str(large),
      str('h'),
      str('2'),
    ];
    expect(rebuilt(4, hash, options)).toEqual([
      'HSET key f 1',
      `HSET key g ${large}`,
      `HSET key ${large} ${large}`,
      'HSET key h 2',
    ]);
  });

  it('writes scores so that the same double comes back', () => {
    const scores = [
      0.1,
      -0,
      5e-324,
      1.7976931348623157e308,
      1e21,
      0.1 + 0.2,
      -Infinity,
      Infinity,
      2 ** 53 + 2,
    ];
    const value = [len(scores.length), ...scores.flatMap((score, i) => [str(`m${i}`), b.double(score)])];
    const [line] = rebuilt(5, value) as [string];
    const words = line.split(' ').slice(2);
    const back = words
      .filter((_, i) => i % 2 === 0)
      .map((w) => (w === 'inf' ? Infinity : w === '-inf' ? -Infinity : Number(w)));
    // A server that keeps the key in a listpack as yet would make 0 of it.
    const expected = [...scores.filter((score) => !Object.is(score, -0)), -0];
    expect(back.every((score, i) => Object.is(score, expected[i]))).toBe(true);
    expect(words.slice(-2)).toEqual(['-0', 'm1']);
    expect(() => rebuilt(5, [len(1), str('m'), b.double(Number.NaN)])).toThrow(FormatError);
  });

  it('sets the expiry of fields, those in a row that expire together by one command', () => {
    const value = [b.u64(1000), len(4), len(1), str('a'), str('1'), len(1), str('b'), str('2')];
    value.push(len(0), str('c'), str('3'), len(51), str('d'), str('4'));
    expect(rebuilt(24, value)).toEqual([
      'HSET key a 1 b 2 c 3 d 4',
      'HPEXPIREAT key 1000 FIELDS 2 a b',
      'HPEXPIREAT key 1050 FIELDS 1 d',
    ]);
    const large = 'L'.repeat(100);
    expect(
      rebuilt(24, [b.u64(7), len(2), len(1), str('a'), str(large), len(0), str('b'), str('2')], {
        partBytes: 32,
      }),
    ).toEqual([`HSET key a ${large}`, 'HPEXPIREAT key 7 FIELDS 1 a', 'HSET key b 2']);
    expect(
      rebuilt(25, [b.u64(9), str(b.listpack(lp('a'), lp('1'), lp(9), lp('b'), lp('2'), lp(0)))]),
    ).toEqual(['HSET key a 1 b 2', 'HPEXPIREAT key 9 FIELDS 1 a']);
  });

  const node = b.listpack(
    ...[lp(2), lp(1), lp(1), lp('f'), lp(0)],
    ...[lp(2), lp(0), lp(0), lp('v'), lp(4), lp(3), lp(0), lp(1), lp('gone'), lp(4)],
    ...[lp(0), lp(0), lp(2), lp(1), lp('g'), lp('L'.repeat(100)), lp(6)],
  );
  const stream = [
    ...[len(1), str(b.id(5, 1)), str(node), len(2), len(9), len(0), len(5), len(1), len(5), len(2), len(8)],
    ...[len(1), str('grp'), len(5), len(3), len(3)],
    ...[len(3), b.id(5, 1), b.u64(70), len(1), b.id(5, 2), b.u64(70), len(1), b.id(5, 3), b.u64(80), len(2)],
    ...[len(2), str('ann'), b.u64(100), b.u64(90), len(3), b.id(5, 1), b.id(5, 2), b.id(5, 3)],
    ...[str('bob'), b.u64(100), b.u64(-1), len(0)],
  ];

  it('writes a stream with its counters, groups, consumers and pending entries', () => {
    expect(rebuilt(21, stream, { partBytes: 32 })).toEqual([
      'XADD key 5-1 f v',
      'XADD key 5-2  ',
      `XADD key 5-3 g ${'L'.repeat(100)}`,
      'XSETID key 9-0 ENTRIESADDED 8 MAXDELETEDID 5-2',
      'XGROUP CREATE key grp 5-3 ENTRIESREAD 3',
      'XGROUP CREATECONSUMER key grp ann',
      'XCLAIM key grp ann 0 5-1 5-2 TIME 70 RETRYCOUNT 1 FORCE JUSTID LASTID 5-3',
      'XCLAIM key grp ann 0 5-3 TIME 80 RETRYCOUNT 2 FORCE JUSTID LASTID 5-3',
      'XGROUP CREATECONSUMER key grp bob',
      'XDEL key 5-2',
      'XSETID key 9-0 ENTRIESADDED 8 MAXDELETEDID 5-2',
    ]);
  });

  it('asks an older target only for what it knows', () => {
    expect(rebuilt(21, stream, { streamCounters: false, createConsumer: false })).toEqual([
      'XADD key 5-1 f v',
      'XADD key 5-2  ',
      `XADD key 5-3 g ${'L'.repeat(100)}`,
      'XSETID key 9-0',
      'XGROUP CREATE key grp 5-3',
      'XCLAIM key grp ann 0 5-1 5-2 TIME 70 RETRYCOUNT 1 FORCE JUSTID LASTID 5-3',
      'XCLAIM key grp ann 0 5-3 TIME 80 RETRYCOUNT 2 FORCE JUSTID LASTID 5-3',
      'XDEL key 5-2',
      'XSETID key 9-0',
    ]);
  });

  it('makes an empty stream at an older target without a group', () => {
    const empty = [len(0), len(0), len(9), len(0), len(0), len(0), len(0), len(0), len(3), len(0)];
    expect(rebuilt(21, empty, { streamCounters: false, createConsumer: false })).toEqual([
      'XADD key MAXLEN 0 0-1  ',
      'XSETID key 9-0',
    ]);
    expect(rebuilt(21, empty)).toEqual([
      'XGROUP CREATE key naru 0 MKSTREAM',
      'XGROUP DESTROY key naru',
      'XSETID key 9-0 ENTRIESADDED 3 MAXDELETEDID 0-0',
    ]);
  });

  it('says that a module value cannot be rebuilt', () => {
    expect(() => rebuilt(7, [len(1n << 60n), len(0)])).toThrow(/only its module/);
  });
});

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Walked, walkAof } from '../../../test/fuzz/aof-collect.ts';
import { FormatError } from '../format-error.ts';
import type { AofWalkerOptions } from './aof-walker.ts';

const fixture = (name: string): Buffer =>
  readFileSync(new URL(`../../../test/fixtures/aof/${name}.aof`, import.meta.url));

const frame = (...args: string[]): string =>
  `*${args.length}\r\n${args.map((arg) => `$${Buffer.byteLength(arg, 'latin1')}\r\n${arg}\r\n`).join('')}`;
const bytes = (...parts: string[]): Buffer => Buffer.from(parts.join(''), 'latin1');

/** What a walk says, without what differs by the limits alone. */
const said = ({ sink, end }: Walked): unknown => [sink.entries.entries, sink.told, end];

const written = bytes(
  '#TS:1000\r\n',
  frame('SELECT', '0'),
  frame('SET', 'k', '\r\n#TS:5000\r\n\0*1\r\n'),
  '# any other line\r\n#\n',
  frame('multi'),
  frame('INCR', 'a'),
  frame('EXEC'),
  '#TS:2000\r\n',
  frame('RPUSH', 'list', ...Array.from({ length: 200 }, (_, i) => `${i}`)),
  '#TS:3000\r\n',
  frame('DEL', 'k'),
);

const CASES: [string, Buffer, Partial<AofWalkerOptions>][] = [
  ['a hand-made file', written, {}],
  ['a hand-made file until a time', written, { until: 1500 }],
  ['commands behind an RDB', fixture('preamble'), {}],
  ['timestamps', fixture('timestamps'), {}],
  ['an unfinished transaction', bytes(frame('SET', 'a', 'b'), frame('MULTI'), frame('SET', 'c', 'd')), {}],
  ['an unfinished command', bytes(frame('SET', 'a', 'b'), '*3\r\n$3\r\nSET\r\n$40\r\nhalf'), {}],
];

describe('AofWalker', () => {
  it.each(
    CASES,
  )('says the same of %s cut at every position, byte by byte, and with big commands', (_, aof, options) => {
    const expected = said(walkAof(aof, [], options));
    for (let at = 0; at <= aof.length; at++) expect(said(walkAof(aof, [at], options))).toEqual(expected);
    const each = Array.from({ length: aof.length }, (__, i) => i);
    expect(said(walkAof(aof, each, options))).toEqual(expected);
    fc.assert(
      fc.property(fc.array(fc.nat(aof.length), { maxLength: 6 }), (cuts) => {
        const sorted = cuts.sort((a, b) => a - b);
        expect(said(walkAof(aof, sorted, options))).toEqual(expected);
        const big = walkAof(aof, sorted, { ...options, bigCommandBytes: 30 });
        expect(big.sink.told).toEqual((expected as unknown[])[1]);
        expect(big.end.validTo).toBe((expected as Walked['end'][])[2]?.validTo);
      }),
      { numRuns: 100 },
    );
  });

  it('gives commands, timestamps and where they stand', () => {
    const { sink, end } = walkAof(written);
    expect(sink.commands.map(([name]) => name)).toEqual([
      'SELECT',
      'SET',
      'multi',
      'INCR',
      'EXEC',
      'RPUSH',
      'DEL',
    ]);
    expect(sink.told.filter((line) => line.startsWith('TS'))).toEqual([
      'TS 0 1000',
      `TS ${written.indexOf('#TS:2000')} 2000`,
      `TS ${written.indexOf('#TS:3000')} 3000`,
    ]);
    const { length } = written;
    expect(end).toEqual({
      validTo: length,
      truncated: false,
      stoppedAt: undefined,
      unfinished: undefined,
      timestamps: 3,
    });
  });

  it('gives the RDB first, and offsets of the file behind it', () => {
    const aof = fixture('preamble');
    const { sink, end } = walkAof(aof);
    expect(sink.entries.finished).toBe(true);
    expect(sink.entries.entries.length).toBeGreaterThan(5);
    expect(sink.commands[0]).toEqual(['SELECT', '0']);
    expect(sink.told[0]).toMatch(new RegExp(`^${aof.indexOf('*2\r\n$6\r\nSELECT')}\\.\\.`));
    expect(end).toMatchObject({ validTo: aof.length, truncated: false });
  });

  it('passes a command larger than the limit on while it comes', () => {
    expect(walkAof(written, [300], { bigCommandBytes: 100 }).sink.bigCommands).toBe(1);
  });

  it('takes an empty file, and one that ends in an annotation', () => {
    expect(walkAof(bytes()).end).toMatchObject({ validTo: 0, truncated: false });
    expect(walkAof(bytes(frame('PING'), '#TS:1')).end).toMatchObject({ validTo: 19, truncated: false });
  });

  describe('until', () => {
    it.each([
      [999, 0, []],
      [1000, '#TS:2000', ['SELECT', 'SET', 'multi', 'INCR', 'EXEC']],
      [1999, '#TS:2000', ['SELECT', 'SET', 'multi', 'INCR', 'EXEC']],
      [2000, '#TS:3000', ['SELECT', 'SET', 'multi', 'INCR', 'EXEC', 'RPUSH']],
    ])('%d stops in front of the first later timestamp', (until, stop, names) => {
      const { sink, end } = walkAof(written, [], { until });
      expect(sink.commands.map(([name]) => name)).toEqual(names);
      expect(end).toMatchObject({ truncated: false, unfinished: undefined });
      expect(end.stoppedAt).toBe(Math.floor(until / 1000) * 1000 + 1000);
      expect(end.validTo).toBe(typeof stop === 'number' ? stop : written.indexOf(stop));
    });

    it('goes to the end where no timestamp is later, and says when there is none', () => {
      expect(walkAof(written, [], { until: 3000 }).end).toMatchObject({
        stoppedAt: undefined,
        timestamps: 3,
      });
      expect(walkAof(fixture('plain'), [], { until: 1 }).end).toMatchObject({
        stoppedAt: undefined,
        timestamps: 0,
      });
    });

    it('leaves a transaction out that it stops in', () => {
      const aof = bytes(frame('PING'), frame('MULTI'), '#TS:9\r\n', frame('PING'), frame('EXEC'));
      const { end } = walkAof(aof, [], { until: 8 });
      expect(end).toMatchObject({ validTo: 14, stoppedAt: 9, unfinished: 'transaction', truncated: false });
    });

    it('refuses a timestamp that it can not read; without it, that is an annotation as any other', () => {
      const aof = bytes('#TS:soon\r\n', frame('PING'));
      expect(walkAof(aof).end).toMatchObject({ truncated: false, timestamps: 0 });
      expect(() => walkAof(aof, [], { until: 1 })).toThrow('A timestamp that is none at offset 0');
    });
  });

  it.each([
    ['a MULTI in a transaction', bytes(frame('MULTI'), frame('MULTI')), 15],
    ['an EXEC without MULTI', bytes(frame('PING'), frame('exec')), 14],
    ['a blank line', bytes(frame('PING'), '\r\n', frame('PING')), 14],
    ['zeros behind the commands', bytes(frame('PING'), '\0\0\0'), 14],
    ['a command of no arguments', bytes('*0\r\n'), 0],
    ['an annotation without an end', bytes('#', 'x'.repeat(2000)), 0],
  ])('refuses %s', (_, aof, offset) => {
    let error: unknown;
    try {
      walkAof(aof);
    } catch (e) {
      error = e;
    }
    expect(error).toBeInstanceOf(FormatError);
    expect((error as FormatError).offset).toBe(offset);
  });

  it('refuses an RDB that breaks off', () => {
    expect(() => walkAof(fixture('preamble').subarray(0, 200))).toThrow('breaks off at offset 200');
  });
});

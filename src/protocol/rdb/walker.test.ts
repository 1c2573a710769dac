import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as b from '../../../test/fuzz/rdb-build.ts';
import { Collector, collect, type Entry, ValueCollector, writeAll } from '../../../test/fuzz/rdb-collect.ts';
import { FormatError } from '../format-error.ts';
import type { EntryView } from './sink.ts';
import { skipValue } from './skip.ts';
import { RdbWalker } from './walker.ts';

const { str, len } = b;
const b64 = (text: string): string => Buffer.from(text).toString('base64');
const small = (key: string, value: string): Buffer => b.entry(0, key, str(value));
/** Nine characters of 6 bits, then 10 bits of version. */
const SIXTY_FOUR = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const six = (name: string): bigint => [...name].reduce((n, c) => n * 64n + BigInt(SIXTY_FOUR.indexOf(c)), 0n);
const MODULE_ID = six('ReJSON-RL') * 1024n + 3n;

const everything = b.rdb([
  ...[
    0xfa,
    str('redis-ver'),
    str('7.2.4'),
    0xfa,
    str('redis-bits'),
    b.int(1, 64),
    0xfa,
    b.lzf('lua'),
    b.lzf('x'.repeat(200)),
  ],
  ...[
    247,
    len(MODULE_ID),
    len(2),
    len(1),
    len(5),
    str('y'.repeat(300)),
    len(4),
    b.double(1),
    len(3),
    'abcd',
    len(1),
    len(3),
    len(0),
  ],
  ...[245, str('#!lua name=l\nreturn 1'), 245, b.lzf('#!lua name=m\nreturn 2')],
  ...[0xfe, len(0), 0xfb, len(3), len(2), 244, len(16383), len(7), len(1)],
  ...[0xfc, b.u64(4102444800123), small('ms', 'a')],
  ...[0xfd, b.u32(1700000000), 0xf9, 200, small('s', 'b')],
  ...[0xf8, len(70000), small('idle', 'c'), small('plain', 'd')],
  ...[0xfe, len(300), 0xfc, b.u64(2n ** 63n - 1n), small('far', 'e')],
  // an entry of some size, for the carry
  b.entry(1, 'list', len(40), ...Array.from({ length: 40 }, (_, i) => str(`element ${i}`))),
]);

const brief = (e: Entry): unknown[] => [e.db, e.key, e.expireAtMs, e.idleSeconds, e.freq];

function checkEverything(c: Collector): void {
  expect(c.aux_).toEqual({ 'redis-ver': '7.2.4', 'redis-bits': '64', lua: 'x'.repeat(200) });
  expect(c.told).toEqual(['module ReJSON-RL', 'db 0', 'resize 3 2', 'slot 16383 7 1', 'db 300']);
  expect(c.functions).toEqual([str('#!lua name=l\nreturn 1'), b.lzf('#!lua name=m\nreturn 2')]);
  expect(c.entries.map(brief)).toEqual([
    [0, b64('ms'), 4102444800123, -1, -1],
    [0, b64('s'), 1700000000000, -1, 200],
    [0, b64('idle'), -1, 70000, -1],
    [0, b64('plain'), -1, -1, -1],
    [300, b64('far'), Number.MAX_SAFE_INTEGER, -1, -1],
    [300, b64('list'), -1, -1, -1],
  ]);
  expect(c.finished).toBe(true);
}

/** Walks to the end or to an error. */
function attempt(rdb: Buffer, step: number = rdb.length, bigEntryBytes = 1 << 24): FormatError | undefined {
  const cuts = Array.from({ length: Math.ceil(rdb.length / step) - 1 }, (_, i) => (i + 1) * step);
  try {
    collect(rdb, cuts, bigEntryBytes);
    return undefined;
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return error;
  }
}

describe('RdbWalker', () => {
  it('tells everything in order, at every cut', () => {
    checkEverything(collect(everything));
    for (let cut = 1; cut < everything.length; cut++) {
      checkEverything(collect(everything, [cut]));
      checkEverything(collect(everything, [cut], 0));
    }
    const each = Array.from({ length: everything.length - 1 }, (_, i) => i + 1);
    checkEverything(collect(everything, each));
    checkEverything(collect(everything, each, 100));
  });

  it("tells Valkey's slot imports and Redis 8's key metadata apart", () => {
    const valkey = b.rdb(
      [243, str('job'), len(2), len(0), len(100), len(200), len(16383), small('k', 'v')],
      'VALKEY080',
    );
    const spec = (name: string, version: number): Buffer =>
      b.u32(Number((six(name) * 32n + BigInt(version)) * 8n));
    const data = [len(5), str('z'.repeat(100)), len(2), len(9), len(0)];
    const redis = b.rdb(
      [
        0xfc,
        b.u64(5),
        243,
        len(2),
        spec('abcd', 1),
        ...data,
        spec('zzzz', 31),
        ...data,
        small('k', 'v'),
        small('l', 'w'),
      ],
      'REDIS0013',
    );
    for (const [rdb, told] of [
      [valkey, []],
      [redis, ['meta abcd', 'meta zzzz']],
    ] as [Buffer, string[]][]) {
      for (let cut = 1; cut < rdb.length; cut++) {
        const c = collect(rdb, [cut]);
        expect(c.told).toEqual(told);
        expect(c.entries[0]).toMatchObject({ key: b64('k') });
        if (told.length > 0) expect(c.entries[0]?.offset).toBe(9);
        if (told.length > 0) expect(c.entries.map((e) => e.expireAtMs)).toEqual([5, -1]);
      }
    }
  });

  it('reads versions 1 to 13 and Valkey 80, with a checksum since 5, and no others', () => {
    for (let version = 1; version <= 13; version++) {
      const magic = `REDIS${String(version).padStart(4, '0')}`;
      const rdb = b.rdb([0xfe, 0, small('k', 'v')], magic);
      expect(rdb.length).toBe(9 + 2 + 5 + 1 + (version >= 5 ? 8 : 0));
      expect(collect(rdb)).toMatchObject({ version, flavour: 'redis', finished: true });
    }
    expect(collect(b.rdb([], 'VALKEY080'))).toMatchObject({ version: 80, flavour: 'valkey' });
    for (const magic of ['REDIS0000', 'REDIS0014', 'REDIS0080', 'VALKEY081', 'VALKEY079']) {
      expect(attempt(b.rdb([], magic))?.fault).toBe('unknown');
    }
    for (const magic of ['REDIX0011', 'VALKER080', 'REDIS00x1', '*3\r\n$3\r\nSET', 'REDIS-001']) {
      expect(attempt(Buffer.from(magic))?.fault).toBe('malformed');
      expect(attempt(Buffer.from(magic), 1)?.fault).toBe('malformed');
    }
  });

  it('stops behind the end, wherever that lies in the slice', () => {
    const sum = everything.subarray(everything.length - 8);
    expect(sum.readBigUInt64LE()).not.toBe(0n);
    const followed = b.bytes(everything, everything, 'more');
    for (const start of [0, 1, everything.length - 9, everything.length - 3]) {
      const walker = new RdbWalker(new Collector(), { bigEntryBytes: 100 });
      expect(writeAll(walker, followed, 0, start)).toBe(start);
      expect(writeAll(walker, followed, start, followed.length)).toBe(everything.length);
      expect(walker).toMatchObject({ finished: true, offset: everything.length });
      expect(walker.write(followed, everything.length, followed.length)).toBe(everything.length);
      walker.end();
    }
  });

  it('verifies the checksum, unless it is 0 or not wanted', () => {
    for (let at = 9; at < everything.length; at += 3) {
      const damaged = Buffer.from(everything);
      damaged[at] = (damaged[at] as number) ^ 4;
      expect(attempt(damaged)).toBeInstanceOf(FormatError);
    }
    const body = Buffer.from(b.rdb([small('k', 'value')]));
    body[body.indexOf('value')] = 86;
    expect(attempt(body)?.fault).toBe('checksum');
    expect(attempt(body, 1)?.fault).toBe('checksum');
    const walker = new RdbWalker(new Collector(), { bigEntryBytes: 100, verifyChecksum: false });
    expect(walker.write(body, 0, body.length)).toBe(body.length);
    expect(walker.finished).toBe(true);
    body.fill(0, body.length - 8);
    expect(attempt(body)).toBeUndefined();
  });

  it('says truncated at every cut, and nothing else', () => {
    for (let cut = 0; cut < everything.length; cut++) {
      for (const big of [1 << 24, 0]) {
        for (const step of [1, 64]) {
          const fault = cut === 0 ? 'truncated' : attempt(everything.subarray(0, cut), step, big)?.fault;
          expect(fault).toBe('truncated');
        }
      }
    }
    expect(() => new RdbWalker(new Collector(), { bigEntryBytes: 1 }).end()).toThrow(FormatError);
  });

  it('does not believe a length: neither memory nor time', () => {
    const huge = b.bytes(0x81, b.u64(-1));
    const large = b.bytes(0x81, 0, 0, 0x10, 0, 0, 0, 0, 0);
    for (const value of [huge, b.bytes(0xc3, 5, huge, 'hello'), b.bytes(0xc3, huge, 5)]) {
      for (const type of [0, 1, 4, 5, 10, 16, 21]) {
        expect(attempt(b.rdb([b.entry(type, 'k', ...(type > 0 ? [len(1)] : []), value)]))).toBeInstanceOf(
          FormatError,
        );
      }
      expect(attempt(b.rdb([b.entry(0, value)]))?.fault).toBe('too-large');
    }
    const used = process.memoryUsage().rss;
    for (const big of [0, 1 << 24]) {
      expect(attempt(b.rdb([b.entry(0, 'k', large)]), 10, big)?.fault).toBe('truncated');
      expect(attempt(b.rdb([b.entry(1, 'k', large, str('a'))]), 10, big)).toBeInstanceOf(FormatError);
      expect(attempt(b.rdb([b.entry(0, 'k', 0xc3, 5, large, 'hello')]), 10, big)).toBeInstanceOf(FormatError);
    }
    expect(attempt(b.rdb([b.entry(0, large)]))?.fault).toBe('too-large');
    expect(process.memoryUsage().rss - used).toBeLessThan(64 << 20);
  });

  it('does not believe what compressed bytes are said to become', () => {
    const promise = b.bytes(0xc3, 3, len(400 << 20), 0, 65, 0);
    expect(attempt(b.rdb([b.entry(0, promise, str('v'))]))?.message).toContain('impossible LZF ratio');
    expect(attempt(b.rdb([b.entry(0, 'k', promise)]), 4)?.message).toContain('impossible LZF ratio');
  });

  it('takes the big path by the size of the value, and for a string also by what it becomes', () => {
    const run = b.lzfRun(65, 5000);
    expect(run.length).toBeLessThan(1000);
    const rdb = b.rdb([
      b.entry(0, 'k', run),
      b.entry(1, 'l', len(1), run),
      b.entry(1, 'm', len(1), str('x'.repeat(2000))),
    ]);
    for (const [bigEntryBytes, big] of [
      [5000, 0],
      [4999, 1],
      [2003, 1],
      [2002, 2],
      [1, 3],
    ] as const) {
      expect(collect(rdb, [], bigEntryBytes).big).toBe(big);
      for (let cut = 1; cut < rdb.length; cut += 7) expect(collect(rdb, [cut], bigEntryBytes).big).toBe(big);
    }
  });

  it('goes back to any entry, and counts no byte twice', () => {
    const list = b.entry(1, 'list', len(30), ...Array.from({ length: 30 }, (_, i) => str(`element ${i}`)));
    const rdb = b.rdb([
      ...[
        0xfe,
        len(2),
        0xfc,
        b.u64(77),
        small('a', '1'),
        list,
        0xfe,
        len(5),
        0xfc,
        b.u64(88),
        0xf9,
        9,
        small('b', '2'),
      ],
      ...[list, small('c', '3')],
    ]);
    const whole = collect(rdb).entries;
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(rdb.length), fc.nat(10), fc.integer({ min: 1, max: 80 })), { maxLength: 8 }),
        fc.constantFrom(1 << 24, 60, 0),
        (restarts, bigEntryBytes) => {
          const sink = new Collector();
          const walker = new RdbWalker(sink, { bigEntryBytes });
          const seen = [0];
          const step = (to: number, by: number): void => {
            while (walker.offset < to && !walker.finished) {
              const from = walker.offset;
              walker.write(rdb, from, Math.min(from + by, to));
              seen.push(walker.entryOffset);
            }
          };
          for (const [to, place, by] of restarts) {
            step(to, by);
            const before = seen.filter((offset) => offset <= walker.entryOffset);
            const back = before[place % before.length] as number;
            // behind the second SELECTDB its database, before the first one none
            walker.restart(back, back >= (whole[2]?.offset as number) ? 5 : back > 9 ? 2 : 0);
            expect(walker).toMatchObject({ offset: back, entryOffset: back, finished: false });
          }
          step(rdb.length, 13);
          walker.end();
          const last = new Map(sink.entries.map((e) => [e.offset, e]));
          for (const e of whole) expect(last.get(e.offset)).toEqual(e);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('hands out values that make a RESTORE payload, and the same place for them at every cut', () => {
    const list = b.entry(1, b.lzf('k'.repeat(100)), len(1), str('a'));
    const rdb = b.rdb([small('a', '1'), list]);
    for (let cut = 1; cut < rdb.length; cut++) {
      const values: string[] = [];
      const sink = new Collector();
      sink.entry = (e: EntryView) => {
        values.push(
          `${e.offset} ${e.keyBuf.toString('latin1', e.keyStart, e.keyEnd)} ${e.valueBuf.toString('hex', e.valueStart, e.valueEnd)}`,
        );
      };
      const walker = new RdbWalker(sink, { bigEntryBytes: 1000 });
      writeAll(walker, rdb, 0, cut);
      writeAll(walker, rdb, cut, rdb.length);
      expect(values).toEqual(['9 a 0131', `14 ${'k'.repeat(100)} 010161`]);
    }
  });

  it('gives out what it held of a big entry in pieces, one a call', () => {
    const elements = 100_000;
    const held = b.entry(1, 'k', len(elements), Buffer.alloc(elements * 5, str('four')));
    const rdb = b.rdb([held, small('after', 'x')]);
    const sink = new Collector();
    const value = new ValueCollector();
    sink.bigEntry = () => value;
    const walker = new RdbWalker(sink, { bigEntryBytes: 400_000 });
    let most = 0;
    for (let pos = 0; pos < rdb.length && !walker.finished; ) {
      const before = value.value.items.length;
      pos = walker.write(rdb, pos, Math.min(pos + 1000, rdb.length));
      most = Math.max(most, value.value.items.length - before);
    }
    walker.end();
    expect(value.value.items).toHaveLength(elements);
    // 64 KiB of what was held and 1,000 new bytes, at 5 bytes an element.
    expect(most).toBeLessThan(14_000);
  });

  it('gives out nothing behind a big entry in the call in which it ended', () => {
    const large = b.lzfRun(1, 5000);
    const rdb = b.rdb([
      b.entry(0, 'a', large),
      b.entry(0, 'b', large),
      small('c', 'x'),
      b.entry(0, 'd', large),
    ]);
    for (let cut = 0; cut < rdb.length; cut++) {
      const sink = new Collector();
      const walker = new RdbWalker(sink, { bigEntryBytes: 1000 });
      const ends: string[] = [];
      let pos = 0;
      while (!walker.finished) {
        const seen = sink.big;
        pos = walker.write(rdb, pos, pos < cut ? cut : rdb.length);
        if (sink.big > seen) ends.push(`${sink.big} of ${sink.entries.length}`);
      }
      expect(ends).toEqual(['1 of 1', '2 of 2', '3 of 4']);
    }
  });

  it('is linear in an entry that comes in many slices', () => {
    const elements = 200_000;
    const entry = b.entry(1, 'k', len(elements), Buffer.alloc(elements * 2, str('x')));
    const rdb = b.rdb([entry]);
    const started = process.cpuUsage();
    const walker = new RdbWalker(new Collector(), { bigEntryBytes: 1 << 24 });
    for (let pos = 0; pos < rdb.length; pos++) walker.write(rdb, pos, pos + 1);
    expect(walker.finished).toBe(true);
    // Some 100 ms; a quadratic walk would take minutes.
    expect(process.cpuUsage(started).user / 1000).toBeLessThan(5000);
  });
});

describe('skipValue', () => {
  it('finds the end, or says that it is not there', () => {
    const value = b.bytes(len(2), str('a'), b.int(4, 5));
    const buf = b.bytes('..', value, '..');
    expect(skipValue(buf, 2, buf.length, 1)).toBe(2 + value.length);
    for (let end = 2; end < 2 + value.length; end++) expect(skipValue(buf, 2, end, 1)).toBe(-1);
    expect(() => skipValue(buf, 2, buf.length, 99)).toThrow(FormatError);
  });

  it('reads type 22 as the flavour says', () => {
    const redis = b.bytes(len(1), len(0), str('f'), str('v'));
    const valkey = b.bytes(len(1), str('f'), str('v'), b.u64(-1));
    expect(skipValue(redis, 0, redis.length, 22)).toBe(redis.length);
    expect(skipValue(valkey, 0, valkey.length, 22, 'valkey')).toBe(valkey.length);
  });
});

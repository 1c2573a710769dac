import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MonitorWalker } from './monitor-walker.ts';

function walk(pieces: readonly Buffer[], wanted: (name: string) => boolean = () => true): string[] {
  const words: string[] = [];
  const walker = new MonitorWalker({
    wants: (buf, start, end) => wanted(buf.toString('latin1', start, end)),
    command: (db, command, cut) => {
      const args = Array.from({ length: command.argc }, (_, i) => command.text(i));
      words.push(`${db} ${JSON.stringify(args)}${[...cut].map((i) => ` cut ${i}`).join('')}`);
    },
    reply: (line) => words.push(line),
  });
  for (const piece of pieces) {
    const buf = Buffer.concat([Buffer.from('??'), piece, Buffer.from('"\n?')]);
    walker.write(buf, 2, 2 + piece.length);
  }
  return words;
}

/** As sdscatrepr of sds.c writes it. */
function repr(arg: Buffer): string {
  const short: Record<number, string> = {
    10: '\\n',
    13: '\\r',
    9: '\\t',
    7: '\\a',
    8: '\\b',
    34: '\\"',
    92: '\\\\',
  };
  const one = (byte: number): string =>
    short[byte] ??
    (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`);
  return `"${[...arg].map(one).join('')}"`;
}

const line = (place: string, ...args: Buffer[]): Buffer =>
  Buffer.from(`+1339518083.107412 [${place}] ${args.map(repr).join(' ')}\r\n`, 'latin1');

const BYTES = Buffer.concat([
  Buffer.from('+OK\r\n'),
  line(
    '0 127.0.0.1:60866',
    Buffer.from('SET'),
    Buffer.from([0, 10, 13, 34, 92, 255, 7, 8, 9]),
    Buffer.from(''),
  ),
  Buffer.from('-ERR unknown "x"\r\n+PONG\r\n'),
  line('15 [::1]:6379', Buffer.from('get'), Buffer.from('"a" \\x')),
  line('3 lua', Buffer.from('DEL'), Buffer.from('a b')),
  line('0 unix:/tmp/a b.sock', Buffer.from('INCR'), Buffer.from('n')),
  Buffer.from('+1339518083.1 "FLUSHALL"\r\n'),
]);
const WORDS = [
  '+OK',
  `0 ${JSON.stringify(['SET', '\0\n\r"\\\xff\x07\b\t', ''])}`,
  '-ERR unknown "x"',
  '+PONG',
  `15 ${JSON.stringify(['get', '"a" \\x'])}`,
  '3 ["DEL","a b"]',
  '0 ["INCR","n"]',
  '-1 ["FLUSHALL"]',
];

describe('MonitorWalker', () => {
  it('shows commands with their arguments as they were', () => {
    expect(walk([BYTES])).toEqual(WORDS);
  });

  it('goes on at any byte', () => {
    expect(walk([...BYTES].map((byte) => Buffer.from([byte])))).toEqual(WORDS);
    for (let at = 1; at < BYTES.length; at++)
      expect(walk([BYTES.subarray(0, at), BYTES.subarray(at)])).toEqual(WORDS);
  });

  it('takes any argument', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), fc.nat(), (args, cut) => {
        const all = [Buffer.from('SET'), ...args.map((arg) => Buffer.from(arg))];
        const bytes = line('0 a:1', ...all);
        const at = cut % bytes.length;
        const expected = [`0 ${JSON.stringify(all.map((arg) => arg.toString('latin1')))}`];
        expect(walk([bytes.subarray(0, at), bytes.subarray(at)])).toEqual(expected);
      }),
    );
  });

  it('leaves out what is not wanted', () => {
    expect(walk([BYTES], (name) => name === 'DEL')).toEqual(['+OK', '-ERR unknown "x"', '+PONG', WORDS[5]]);
    expect(
      walk(
        [...BYTES].map((byte) => Buffer.from([byte])),
        (name) => name === 'INCR',
      ),
    ).toContain(WORDS[6]);
  });

  it('keeps the beginning of what is large, and everything behind it', () => {
    const key = Buffer.from('key');
    const large = Buffer.alloc(300_000, 'ab"\\\xff', 'latin1');
    const args = [Buffer.from('SET'), key, large, Buffer.from('PX'), Buffer.from('100')];
    const kept = large.subarray(0, 64 * 1024).toString('latin1');
    const expected = [`0 ${JSON.stringify(['SET', 'key', kept, 'PX', '100'])} cut 2`, WORDS[5]];
    const bytes = Buffer.concat([
      line('0 a:1', ...args),
      line('3 lua', Buffer.from('DEL'), Buffer.from('a b')),
    ]);
    expect(walk([bytes])).toEqual(expected);
    for (const at of [1, 40, 70_000, 262_144, 300_001])
      expect(walk([bytes.subarray(0, at), bytes.subarray(at)])).toEqual(expected);
  });

  it('holds no more than its limit of a line', () => {
    const shown: number[] = [];
    let cuts = 0;
    const walker = new MonitorWalker({
      wants: () => true,
      command: (_db, command, cut) => {
        shown.push(command.argc, command.frameEnd);
        cuts = cut.size;
      },
      reply: () => {},
    });
    const write = (text: string): void => {
      const buf = Buffer.from(text);
      walker.write(buf, 0, buf.length);
    };
    const part = ` "${'x'.repeat(60_000)}"`;
    write('+1.0 [0 a:1] "MSET"');
    for (let i = 0; i < 2000; i++) write(part);
    write('\r\n');
    expect(shown).toEqual([2001, 16 * 1024 * 1024]);
    expect(cuts).toBeGreaterThan(1500);
  });

  it.each([
    '+1.0 [0 a] "SET"x\r\n',
    '+1.0 [0 a] "\\xzz"\r\n',
    `+${'a'.repeat(5000)}`,
  ])('refuses %j', (text) => {
    expect(() => walk([Buffer.from(text)])).toThrow(/at offset/);
  });
});

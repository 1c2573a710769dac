import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../format-error.ts';
import { type Reply, ReplyDecoder, ReplyError } from './reply.ts';

const CASES: readonly (readonly [string, Reply[]])[] = [
  ['+OK\r\n', ['OK']],
  ['+\r\n', ['']],
  ['+a\rb\r\n', ['a\rb']],
  ['-ERR no\r\n', [new ReplyError('ERR no')]],
  ['-WRONGPASS invalid\r\n', [new ReplyError('WRONGPASS invalid')]],
  [':0\r\n:-12\r\n:+7\r\n', [0, -12, 7]],
  [
    ':9007199254740991\r\n:9007199254740993\r\n:-9223372036854775808\r\n:+9223372036854775807\r\n',
    [9007199254740991, 9007199254740993n, -9223372036854775808n, 9223372036854775807n],
  ],
  ['$0\r\n\r\n', [Buffer.alloc(0)]],
  ['$5\r\na\r\nbc\r\n', [Buffer.from('a\r\nbc')]],
  ['$-1\r\n*-1\r\n_\r\n', [null, null, null]],
  ['*0\r\n', [[]]],
  ['*3\r\n*2\r\n:1\r\n$1\r\nx\r\n*0\r\n+z\r\n+after\r\n', [[[1, Buffer.from('x')], [], 'z'], 'after']],
  ['*2\r\n*1\r\n*1\r\n*1\r\n-E x\r\n$-1\r\n', [[[[[new ReplyError('E x')]]], null]]],
  ['#t\r\n#f\r\n', [1, 0]],
  [',1.5e-3\r\n,inf\r\n,-inf\r\n,nan\r\n', ['1.5e-3', 'inf', '-inf', 'nan']],
  ['(3492890328409238509324850943850943825024385\r\n', ['3492890328409238509324850943850943825024385']],
  ['!8\r\nERR a\r\nb\r\n', [new ReplyError('ERR a\r\nb')]],
  ['=8\r\ntxt:some\r\n', [Buffer.from('some')]],
  ['%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n:2\r\n', [['a', 1, 'b', [2]]]],
  ['~2\r\n:1\r\n:2\r\n%0\r\n', [[1, 2], []]],
  ['>2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n+OK\r\n>0\r\n', ['OK']],
  ['*1\r\n>1\r\n:1\r\n', [[[1]]]],
];

/** The bytes in slices that end at the cuts, each in a buffer of its own that is wiped afterwards. */
function decode(bytes: Buffer, cuts: readonly number[]): Reply[] {
  const replies: Reply[] = [];
  const decoder = new ReplyDecoder((reply) => replies.push(reply));
  let start = 0;
  for (const cut of [...cuts, bytes.length]) {
    const slice = Buffer.concat([Buffer.from('##'), bytes.subarray(start, cut), Buffer.from('##')]);
    decoder.write(slice, 2, slice.length - 2);
    slice.fill(0x21);
    start = cut;
  }
  return replies;
}

function faultOf(text: string | Buffer): FormatError {
  const bytes = Buffer.from(text);
  try {
    new ReplyDecoder().write(bytes, 0, bytes.length);
  } catch (error) {
    if (error instanceof FormatError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('ReplyDecoder', () => {
  it.each(CASES)('reads %j whole, byte by byte and split at every position', (text, expected) => {
    const bytes = Buffer.from(text);
    expect(decode(bytes, [])).toEqual(expected);
    expect(decode(bytes, [...bytes.keys()].slice(1))).toEqual(expected);
    for (let first = 1; first < bytes.length; first++) {
      expect(decode(bytes, [first])).toEqual(expected);
      for (let second = first + 1; second < bytes.length; second++) {
        expect(decode(bytes, [first, second])).toEqual(expected);
      }
    }
  });

  it('gives pushes to onPush only', () => {
    const pushes: Reply[][] = [];
    const replies: Reply[] = [];
    const decoder = new ReplyDecoder((reply) => replies.push(reply));
    decoder.onPush = (items) => pushes.push(items);
    const bytes = Buffer.from('>2\r\n+a\r\n*1\r\n:1\r\n+OK\r\n>0\r\n');
    decoder.write(bytes, 0, bytes.length);
    expect(pushes).toEqual([['a', [1]], []]);
    expect(replies).toEqual(['OK']);
  });

  it('takes the code of an error from its first word', () => {
    expect(new ReplyError('NOAUTH Authentication required.').code).toBe('NOAUTH');
    expect(new ReplyError('LOADING').code).toBe('LOADING');
    expect(new ReplyError('Some words').code).toBe('ERR');
    expect(new ReplyError('').code).toBe('ERR');
  });

  it('reads lines and bulk strings that are longer than the slices', () => {
    const line = 'x'.repeat(60_000);
    const bulk = Buffer.alloc(3_000_000, 'abc');
    const bytes = Buffer.concat([
      Buffer.from(`+${line}\r\n$${bulk.length}\r\n`),
      bulk,
      Buffer.from('\r\n:1\r\n'),
    ]);
    const cuts = Array.from({ length: Math.floor(bytes.length / 977) }, (_, i) => (i + 1) * 977);
    const [first, second, third] = decode(bytes, cuts);
    expect(first).toBe(line);
    expect((second as Buffer).equals(bulk)).toBe(true);
    expect(third).toBe(1);
  });

  it.each([
    ['HTTP/1.1 400 Bad Request\r\n', 'This is not a reply: "HTTP/1.1 400 Bad Request\\r\\n" at offset 0'],
    ['\x15\x03\x03\x00\x02"\\', 'This is not a reply: "\\x15\\x03\\x03\\x00\\x02\\"\\\\" at offset 0'],
    ['+OK\r\n\r\n', 'This is not a reply: "\\r\\n" at offset 5'],
    ['+OK\n', 'A line of a reply ends without CRLF: "+OK\\n" at offset 0'],
    ['+\n', 'A line of a reply ends without CRLF: "+\\n" at offset 0'],
    [':12a\r\n', 'The value of a reply can not be read: ":12a" at offset 0'],
    [':\r\n', 'The value of a reply can not be read: ":" at offset 0'],
    ['$-2\r\n', 'The length of a reply can not be read: "$-2" at offset 0'],
    ['$?\r\n', 'The length of a reply can not be read: "$?" at offset 0'],
    ['~-1\r\n', 'The length of a reply can not be read: "~-1" at offset 0'],
    ['$2\r\nabc\r\n', 'A bulk string ends without CRLF: "c\\r\\n" at offset 6'],
    ['$2\r\nab\rX', 'A bulk string ends without CRLF: "X" at offset 7'],
    ['_x\r\n', 'The value of a reply can not be read: "_x" at offset 0'],
    ['#x\r\n', 'The value of a reply can not be read: "#x" at offset 0'],
    [',1.5x\r\n', 'The value of a reply can not be read: ",1.5x" at offset 0'],
    ['(1.5\r\n', 'The value of a reply can not be read: "(1.5" at offset 0'],
    ['=3\r\nabc\r\n', 'A verbatim string is too short for its format: "=3" at offset 0'],
  ])('refuses %j', (text, message) => {
    const error = faultOf(text);
    expect(error.message).toBe(message);
    expect(error.fault).toBe('malformed');
  });

  it('counts the offset of an error over slices', () => {
    const decoder = new ReplyDecoder();
    decoder.write(Buffer.from('..+OK\r\n:1'), 2, 9);
    expect(() => decoder.write(Buffer.from('2x\r\n'), 0, 4)).toThrow('":12x" at offset 5');
    expect(() => decoder.write(Buffer.from('+OK\r\n'), 0, 5)).toThrow('":12x" at offset 5');
  });

  it('bounds lengths, counts, nesting and lines', () => {
    expect(faultOf('$1073741825\r\n').fault).toBe('too-large');
    expect(faultOf('*16777217\r\n').fault).toBe('too-large');
    expect(faultOf('*1\r\n'.repeat(33)).message).toContain('nested too deeply');
    expect(faultOf(`+${'x'.repeat(70_000)}`).message).toContain('does not end');
    const decoder = new ReplyDecoder();
    const part = Buffer.alloc(1000, '+');
    expect(() => {
      for (let i = 0; i < 70; i++) decoder.write(part, 0, part.length);
    }).toThrow(/does not end: "\+{48}" at offset 0/);
  });

  it('throws nothing but FormatError at random bytes', () => {
    const alphabet = fc.constantFrom(...'+-:$*_#,(!=%~>0123456789\r\ntxia.e ');
    const input = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc
        .array(fc.oneof(alphabet, fc.constant('\r\n')), { maxLength: 64 })
        .map((chars) => Buffer.from(chars.join(''))),
      fc
        .array(fc.constantFrom(...CASES.map(([text]) => text)), { maxLength: 4 })
        .map((texts) => Buffer.from(texts.join(''))),
    );
    fc.assert(
      fc.property(input, fc.nat(64), (data, cut) => {
        const bytes = Buffer.from(data);
        expect(outcome(bytes, [Math.min(cut, bytes.length)])).toEqual(outcome(bytes, []));
      }),
      { numRuns: 3000 },
    );
  });
});

/** Replies, or the offset of the fault; how the bytes are cut must make no difference. */
function outcome(bytes: Buffer, cuts: readonly number[]): Reply[] | number {
  try {
    return decode(bytes, cuts);
  } catch (error) {
    if (error instanceof FormatError) return error.offset;
    throw error;
  }
}

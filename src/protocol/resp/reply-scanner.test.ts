import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../format-error.ts';
import { ReplyScanner, type ReplySink } from './reply-scanner.ts';

function scan(input: Buffer, splits: number[]): string[] {
  const told: string[] = [];
  const sink: ReplySink = {
    reply: (kind, value, depth) => told.push(`${depth}${String.fromCharCode(kind)}${value}`),
    error: (text, depth) => told.push(`${depth}-${text}`),
  };
  const scanner = new ReplyScanner(sink);
  let from = 0;
  for (const to of [...splits, input.length]) {
    scanner.write(input, from, to);
    from = to;
  }
  return told;
}

const replies = Buffer.from(
  '+OK\r\n+QUEUED\r\n+PONG\r\n:12\r\n:-7\r\n$5\r\nab\r\nc\r\n$-1\r\n$0\r\n\r\n*-1\r\n*0\r\n' +
    '-BUSYKEY Target key name already exists.\r\n' +
    '*4\r\n+OK\r\n-WRONGTYPE no\r\n*2\r\n:1\r\n*1\r\n$1\r\n\n\r\n:3\r\n+OK\r\n+A\r\n',
);
const expected = scan(replies, []);

describe('ReplyScanner', () => {
  it('tells each reply once, with its depth', () => {
    expect(expected).toEqual([
      ...['0+0', '0+0', '0+0', '0:12', '0:-7', '0$0', '0$0', '0$0', '0*-1', '0*0'],
      '0-BUSYKEY Target key name already exists.',
      ...['0*4', '1+0', '1-WRONGTYPE no', '1*2', '2:1', '2*1', '3$0', '1:3', '0+0', '0+0'],
    ]);
  });

  it('tells the same split at every position and byte by byte', () => {
    for (let a = 0; a <= replies.length; a++) {
      expect(scan(replies, [a])).toEqual(expected);
      for (let b = a; b <= replies.length; b += 7) expect(scan(replies, [a, b])).toEqual(expected);
    }
    expect(scan(replies, Array.from(replies.keys()))).toEqual(expected);
  });

  it.each([
    'HTTP/1.1 400 Bad Request\r\n',
    ':x\r\n',
    ':\r\n',
    '$-2\r\n',
    '\r\n',
    '*1\n',
    '%1\r\n',
  ])('refuses %j', (text) => {
    expect(() => scan(Buffer.from(text), [])).toThrow(FormatError);
  });

  it('throws nothing but FormatError at random bytes', () => {
    const piece = fc.constantFrom('+', '-', ':', '$', '*', '\r\n', '1', '9', 'OK', '\n', '\0');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), fc.nat(60), (pieces, at) => {
        const input = Buffer.from(pieces.join(''));
        try {
          scan(input, [Math.min(at, input.length)]);
        } catch (e) {
          expect(e).toBeInstanceOf(FormatError);
        }
      }),
      { numRuns: 5000 },
    );
  });
});

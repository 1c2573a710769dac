import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ElementSink, ElementWalker } from './element-walker.ts';

/** What a sink is told, in words. */
function recorder(): { sink: ElementSink; words: string[] } {
  const words: string[] = [];
  const sink: ElementSink = {
    element: (type, depth, index, buf, start, end) =>
      words.push(`${depth}.${index} ${String.fromCharCode(type)}${buf.toString('latin1', start, end)}`),
    begin: (type, depth, index, count) =>
      words.push(`${depth}.${index} ${String.fromCharCode(type)}[${count}]`),
    end: () => words.push('.'),
  };
  return { sink, words };
}

/** Gives the pieces as a connection does: what is left stands before what comes next. */
function walkPieces(pieces: Buffer[]): string[] {
  const { sink, words } = recorder();
  const walker = new ElementWalker(sink);
  let rest = Buffer.alloc(0);
  for (const piece of pieces) {
    const buf = Buffer.concat([Buffer.from('??'), rest, piece]);
    const next = walker.walk(buf, 2, buf.length);
    rest = buf.subarray(next);
    if (rest.length > 0) expect(walker.missing).toBeGreaterThan(0);
  }
  expect(rest.length).toBe(0);
  return words;
}

const BYTES = Buffer.from(
  '>2\r\n$10\r\ninvalidate\r\n*2\r\n$3\r\na\r\n\r\n$0\r\n\r\n+PONG\r\n>2\r\n$10\r\ninvalidate\r\n_\r\n' +
    '*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n*-1\r\n-ERR no\r\n%1\r\n:1\r\n*0\r\n$-1\r\n!3\r\nBAD\r\n',
);
const WORDS = [
  ['0.0 >[2]', '1.0 $invalidate', '1.1 *[2]', '2.0 $a\r\n', '2.1 $', '.'],
  ['0.0 +PONG', '.'],
  ['0.0 >[2]', '1.0 $invalidate', '1.1 _', '.'],
  ['0.0 *[3]', '1.0 $message', '1.1 $c', '1.2 _', '.'],
  ['0.0 -ERR no', '.'],
  ['0.0 %[2]', '1.0 :1', '1.1 *[0]', '.'],
  ['0.0 _', '.'],
  ['0.0 -BAD', '.'],
].flat();

describe('ElementWalker', () => {
  it('tells each element with its place', () => {
    expect(walkPieces([BYTES])).toEqual(WORDS);
  });

  it('goes on at any byte', () => {
    expect(walkPieces([...BYTES].map((byte) => Buffer.from([byte])))).toEqual(WORDS);
    for (let at = 1; at < BYTES.length; at++)
      expect(walkPieces([BYTES.subarray(0, at), BYTES.subarray(at)])).toEqual(WORDS);
    fc.assert(
      fc.property(fc.array(fc.nat(BYTES.length)), (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), BYTES.length];
        expect(walkPieces(at.slice(1).map((to, i) => BYTES.subarray(at[i], to)))).toEqual(WORDS);
      }),
    );
  });

  it('says how much a long element needs', () => {
    const walker = new ElementWalker(recorder().sink);
    const buf = Buffer.from('$100\r\nabc');
    expect(walker.walk(buf, 0, buf.length)).toBe(0);
    expect(walker.missing).toBe(99);
  });

  it.each([
    'HTTP/1.1\r\n',
    '$1x\r\n',
    '$-2\r\n',
    '*\r\n',
    '$1\r\nab\r\n',
    '+OK\n',
    '$99999999999\r\n',
    `+${'a'.repeat(70_000)}`,
  ])('refuses %j', (text) => {
    const walker = new ElementWalker(recorder().sink);
    const buf = Buffer.from(text);
    expect(() => walker.walk(buf, 0, buf.length)).toThrow(/at offset/);
  });
});

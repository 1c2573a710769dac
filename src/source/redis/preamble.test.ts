import { describe, expect, it } from 'vitest';
import { FormatError } from '../../protocol/format-error.ts';
import { Preamble, type PreambleResult } from './preamble.ts';

const id = 'a'.repeat(20) + '0'.repeat(20);
const mark = 'm'.repeat(40);

function read(
  text: string,
  splits: number[],
): { result: PreambleResult | undefined; rest: string; full: string[] } {
  const full: string[] = [];
  const preamble = new Preamble((replid, offset) => full.push(`${replid} ${offset}`));
  const input = Buffer.from(text);
  let from = 0;
  for (const to of [...splits, input.length]) {
    const pos = preamble.write(input, from, to);
    if (preamble.result !== undefined)
      return { result: preamble.result, rest: input.toString('latin1', pos), full };
    from = to;
  }
  return { result: undefined, rest: '', full };
}

describe('Preamble', () => {
  it.each<[string, PreambleResult, string]>([
    [`+FULLRESYNC ${id} 12\r\n\n\n$5\r\nREDIS`, { kind: 'full', replid: id, offset: 12, size: 5 }, 'REDIS'],
    [
      `\n+FULLRESYNC ${id} 0\r\n\n$EOF:${mark}\r\nRE`,
      { kind: 'full-eof', replid: id, offset: 0, mark: Buffer.from(mark) },
      'RE',
    ],
    ['+CONTINUE\r\n*1\r\n', { kind: 'continue', replid: undefined }, '*1\r\n'],
    [`+CONTINUE ${id}\r\n`, { kind: 'continue', replid: id }, ''],
    ['$5\r\nREDIS', { kind: 'sync' }, 'REDIS'],
    [`\n$EOF:${mark}\r\n`, { kind: 'sync' }, ''],
    ['-NOMASTERLINK no\r\n', { kind: 'refused', text: 'NOMASTERLINK no', agreed: false }, ''],
    [`+FULLRESYNC ${id} 3\r\n-ERR no fork\r\n`, { kind: 'refused', text: 'ERR no fork', agreed: true }, ''],
  ])('reads %j whole, split at every position and byte by byte', (text, result, rest) => {
    for (let at = 0; at <= text.length; at++) expect(read(text, [at])).toMatchObject({ result, rest });
    expect(
      read(
        text,
        Array.from(text, (_, i) => i),
      ),
    ).toMatchObject({ result, rest });
  });

  it.each([
    '+OK\r\n',
    'HTTP/1.1 400\r\n',
    `+FULLRESYNC ${id}\r\n`,
    `+FULLRESYNC ${id} 1\r\n+OK\r\n`,
    'x'.repeat(5000),
  ])('refuses %j', (text) => {
    expect(() => read(text, [])).toThrow(FormatError);
  });
});

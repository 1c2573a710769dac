import { describe, expect, it } from 'vitest';
import { counterJson, JsonText, scoreJson } from './json-text.ts';

function written(write: (out: JsonText) => void): string {
  const blocks: Buffer[] = [];
  const out = new JsonText((bytes, done) => {
    blocks.push(Buffer.from(bytes));
    done();
  });
  write(out);
  out.flush();
  return Buffer.concat(blocks).toString();
}

describe('scoreJson', () => {
  it.each([
    [1.5, '1.5'],
    [0, '0'],
    [-0, '"-0"'],
    [Number.POSITIVE_INFINITY, '"inf"'],
    [Number.NEGATIVE_INFINITY, '"-inf"'],
    [Number.NaN, '"nan"'],
  ])('%d', (score, text) => {
    expect(scoreJson(score)).toBe(text);
  });

  it.each([
    5e-324,
    1.7976931348623157e308,
    0.1 + 0.2,
    2 ** 53 + 2,
  ])('reads back as the same double: %d', (score) => {
    expect(JSON.parse(scoreJson(score))).toBe(score);
  });
});

describe('counterJson', () => {
  it('is a number up to 2^53 - 1', () => {
    expect(counterJson(9007199254740991n)).toBe('9007199254740991');
    expect(counterJson(18446744073709551615n)).toBe('"18446744073709551615"');
  });
});

describe('JsonText', () => {
  const json = (bytes: Buffer): string => written((out) => out.bytes(bytes, 0, bytes.length));

  it('shows UTF-8 as text, and nothing else', () => {
    expect(JSON.parse(json(Buffer.from('나루 "\n\0\ufeff')))).toBe('나루 "\n\0\ufeff');
    expect(JSON.parse(json(Buffer.from([0xff])))).toEqual({ base64: '/w==' });
    expect(JSON.parse(json(Buffer.from([0xed, 0xa0, 0x80])))).toEqual({ base64: '7aCA' });
  });

  it('writes every character as JSON.stringify does', () => {
    const text = Array.from({ length: 0x300 }, (_, i) => String.fromCodePoint(i)).join('');
    const long = `${text}\u2028😀`.repeat(200);
    expect(json(Buffer.from(long)) === JSON.stringify(long)).toBe(true);
  });

  it('writes bytes of any length as base64, over the borders of blocks', () => {
    for (const length of [1, 2, 3, 4, 5, 65_535, 65_536, 65_537, 200_000]) {
      const bytes = Buffer.alloc(length, Buffer.from([0xff, 0x00, 0x83, 0x10, 0xfe]));
      expect(json(bytes) === `{"base64":"${bytes.toString('base64')}"}`).toBe(true);
    }
  });

  it('writes whole numbers', () => {
    expect(written((out) => [0, 7, 1_700_000_000_123].forEach((n) => void out.integer(n)))).toBe(
      '071700000000123',
    );
  });

  it('joins parts of any size to one base64 text', () => {
    const bytes = Buffer.from(Array.from({ length: 50 }, (_, i) => 200 + i));
    for (let step = 1; step <= 7; step++) {
      const text = written((out) => {
        out.beginBase64();
        for (let i = 0; i < bytes.length; i += step)
          out.base64Part(bytes, i, Math.min(i + step, bytes.length));
        out.endBase64();
      });
      expect(JSON.parse(text)).toEqual({ base64: bytes.toString('base64') });
    }
  });

  it('keeps the order of texts that fit into a block and of those that do not', () => {
    const texts = ['a', 'n'.repeat(90_000), 'b', 'c'.repeat(200_000), 'd'];
    expect(written((out) => texts.forEach((text) => void out.raw(text))) === texts.join('')).toBe(true);
  });
});

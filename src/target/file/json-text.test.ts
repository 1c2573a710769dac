import { describe, expect, it } from 'vitest';
import { bytesJson, counterJson, JsonText, scoreJson } from './json-text.ts';

function written(write: (out: JsonText) => void): string {
  const blocks: Buffer[] = [];
  const out = new JsonText((bytes) => blocks.push(bytes));
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

describe('bytesJson', () => {
  it('shows UTF-8 as text, and nothing else', () => {
    expect(JSON.parse(bytesJson(Buffer.from('나루 "\n\0\ufeff')))).toBe('나루 "\n\0\ufeff');
    expect(JSON.parse(bytesJson(Buffer.from([0xff])))).toEqual({ base64: '/w==' });
    expect(JSON.parse(bytesJson(Buffer.from([0xed, 0xa0, 0x80])))).toEqual({ base64: '7aCA' });
  });
});

describe('JsonText', () => {
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
    const texts = ['a', '나'.repeat(30_000), 'b', 'c'.repeat(200_000), 'd'];
    expect(written((out) => texts.forEach((text) => void out.raw(text))) === texts.join('')).toBe(true);
  });
});

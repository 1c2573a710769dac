import { describe, expect, it } from 'vitest';
import { viewOf } from '../../../test/support/command-view.ts';
import { RefusedForms } from './refused-forms.ts';

/** Whether `text` is not worth sending when `refused` was refused so often. */
function refusedSo(times: number, refused: string, text: string): boolean {
  const forms = new RefusedForms();
  for (let i = 0; i < times; i++) forms.add(viewOf(...refused.split(' ')));
  return forms.has(viewOf(...text.split(' ')));
}

describe('refused forms', () => {
  it.each([
    ['ZADD k GT 1 a', 'zadd other gt 2 b', true],
    ['ZADD k GT 1 a', 'ZADD k 1 a', false],
    ['ZADD k GT CH 1 a', 'ZADD k CH GT 1 a', true],
    ['ZADD k GT 1 a', 'ZADD k GT CH 1 a', false],
    ['SET k v KEEPTTL', 'SET k v', false],
    ['SET k v KEEPTTL', 'SET k w KEEPTTL', true],
    ['XGROUP CREATECONSUMER k g c', 'XGROUP DESTROY k g', false],
    ['EVALSHA ab 1 k', 'EVALSHA cd 1 k', false],
    ['EVALSHA ab 1 k', 'EVALSHA ab 1 other', true],
    ['INCR k', 'INCR other', true],
    ['INCR k', 'DECR k', false],
    ['GT GT', 'GT other', true],
  ])('%s, then %s: %s', (refused, text, expected) => {
    expect(refusedSo(3, refused, text)).toBe(expected);
  });

  it('are tried twice more', () => {
    expect(refusedSo(2, 'INCR k', 'INCR k')).toBe(false);
    expect(new RefusedForms().none).toBe(true);
  });
});

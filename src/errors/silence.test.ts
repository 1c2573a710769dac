import { describe, expect, it } from 'vitest';
import { NaruError } from './errors.ts';
import { mayComeBack } from './silence.ts';

const silence = Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' });
const reset = Object.assign(new Error('reset'), { code: 'ECONNRESET' });

describe('mayComeBack', () => {
  it.each([
    ['a code to retry', new NaruError('LINK_LOST', ''), true],
    ['a code to stop', new NaruError('AUTH_FAILED', ''), false],
    ['a wrong answer', new NaruError('NOT_REDIS', ''), false],
    ['a silent port', new NaruError('NOT_REDIS', '', {}, { cause: silence }), true],
    ['a silent TLS handshake', new NaruError('TLS_FAILED', '', {}, { cause: silence }), true],
    ['another cause', new NaruError('TLS_FAILED', '', {}, { cause: reset }), false],
  ])('%s', (_, error, expected) => {
    expect(mayComeBack(error)).toBe(expected);
  });
});

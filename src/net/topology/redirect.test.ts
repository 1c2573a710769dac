import { expect, it } from 'vitest';
import { parseRedirect } from './redirect.ts';

it.each([
  ['MOVED 3999 127.0.0.1:6381', { kind: 'MOVED', slot: 3999, host: '127.0.0.1', port: 6381 }],
  ['ASK 0 redis-1.example:7000', { kind: 'ASK', slot: 0, host: 'redis-1.example', port: 7000 }],
  ['MOVED 1 :7001', { kind: 'MOVED', slot: 1, host: 'asked', port: 7001 }],
  ['MOVED 1 ?:7001', { kind: 'MOVED', slot: 1, host: 'asked', port: 7001 }],
  ['MOVED 16383 fe80::1:7001', { kind: 'MOVED', slot: 16383, host: 'fe80::1', port: 7001 }],
  ['TRYAGAIN Multiple keys request during rehashing of slot', undefined],
  ['MOVED somewhere', undefined],
])('%s', (text, expected) => {
  expect(parseRedirect(text, 'asked')).toEqual(expected);
});

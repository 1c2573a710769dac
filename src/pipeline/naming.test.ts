import { describe, expect, it } from 'vitest';
import { nameCommand } from './naming.ts';

function frame(...args: string[]): Buffer {
  return Buffer.from(`*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join('')}`);
}

describe('the name of a command', () => {
  it.each([
    ['SET k v', 'k'],
    ['xgroup CREATECONSUMER stream g c', 'stream'],
    ['BITOP AND to a b', 'to'],
    ['EVALSHA ab 1 first x', 'first'],
    ['ZUNIONSTORE to 2 a b', 'to'],
    ['MODULE.DO something', 'something'],
    ['FLUSHALL', undefined],
    ['EVAL script 0 argument', undefined],
    ['SWAPDB 0 1', undefined],
  ])('%s', (text, key) => {
    const args = text.split(' ');
    const next = frame('INCR', 'other');
    expect(nameCommand(Buffer.concat([frame(...args), next]))).toEqual({
      command: args[0],
      ...(key === undefined ? {} : { key }),
    });
  });

  it('is known of one that is too large to be held', () => {
    const bytes = frame('BITOP', 'OR', 'to', 'x'.repeat(100_000));
    expect(nameCommand(bytes)).toEqual({ command: 'BITOP', key: 'to' });
  });

  it('is not known of what is no command', () => {
    expect(nameCommand(Buffer.from('nonsense'))).toEqual({});
    expect(nameCommand(frame('SET', 'k', 'v').subarray(0, 20))).toEqual({});
  });
});

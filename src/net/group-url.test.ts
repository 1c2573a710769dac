import { describe, expect, it } from 'vitest';
import { isNaruError } from '../errors/errors.ts';
import { parseGroup } from './group-url.ts';
import { describeEndpoint, parseEndpoint } from './url.ts';

/** The endpoint with its password revealed. */
function read(text: string): Record<string, unknown> {
  const { password, ...rest } = parseGroup(text);
  return password === undefined ? rest : { ...rest, password: password.reveal() };
}

const at = (host: string, port: number): object => ({ host, port });
const sentinel = { master: 'mymaster', tls: false };

describe('parseGroup', () => {
  it.each([
    ['redis://h1:7000,h2', { ...at('h1', 7000), db: 0, tls: false, seeds: [at('h1', 7000), at('h2', 6379)] }],
    ['h1:1, [::1]:2', { ...at('h1', 1), db: 0, tls: false, seeds: [at('h1', 1), at('::1', 2)] }],
    [
      'rediss://u:p,@:w@h1,h2/1',
      {
        ...at('h1', 6379),
        db: 1,
        tls: true,
        username: 'u',
        password: 'p,@:w',
        seeds: [at('h1', 6379), at('h2', 6379)],
      },
    ],
    [
      'redis+sentinel://s/mymaster',
      { ...at('s', 26379), db: 0, tls: false, seeds: [at('s', 26379)], sentinel },
    ],
    [
      'redis+sentinel://u:p@s1:1,s2/mymaster/3',
      {
        ...at('s1', 1),
        db: 3,
        tls: false,
        username: 'u',
        password: 'p',
        seeds: [at('s1', 1), at('s2', 26379)],
        sentinel,
      },
    ],
    [
      'rediss+sentinel://s/my%20?db=2'.replace('%20', '%2Fx'),
      {
        ...at('s', 26379),
        db: 2,
        tls: true,
        seeds: [at('s', 26379)],
        sentinel: { master: 'my/x', tls: true },
      },
    ],
    [
      'redis-sentinel://s/mymaster/',
      { ...at('s', 26379), db: 0, tls: false, seeds: [at('s', 26379)], sentinel },
    ],
  ])('reads %s', (text, expected) => {
    expect(read(text)).toEqual(expected);
  });

  it.each([
    'redis://u:a,b@h/1',
    'h',
    'unix:///run/a,b.sock',
    '/run/a,b',
    'valkeys://h:1',
  ])('reads %s as one address', (text) => {
    expect(parseGroup(text)).toEqual(parseEndpoint(text));
  });

  it.each([
    ['redis+sentinel://:s3cret@h', 'names no master'],
    ['redis+sentinel://:s3cret@h/', 'names no master'],
    ['redis+sentinel://:s3cret@/mymaster', 'no host'],
    ['redis+sentinel://h/my s3', 'space'],
    ['redis+sentinel://h/m/s3', 'database'],
    ['redis+sentinel://h/m/1?db=1', 'twice'],
    ['redis://:s3cret@h1,,h2', 'no host'],
    ['redis://:s3cret@h1,h2:0', 'port'],
    ['redis://h1,s3!', 'character'],
    ['redis://h1,h2/1?db=1', 'twice'],
    ['mongodb://h1,h2', 'mongodb:// are not understood'],
  ])('refuses %s without repeating what may be secret', (text, part) => {
    let thrown: unknown;
    try {
      parseGroup(text);
    } catch (error) {
      thrown = error;
    }
    expect(isNaruError(thrown) && thrown.code).toBe('CONFIG_INVALID');
    expect((thrown as Error).message).toContain(part);
    expect((thrown as Error).message).not.toMatch(/s3/);
  });
});

describe('describeEndpoint', () => {
  it.each([
    ['redis://:pw@h1:1,[::1]', 'h1:1,[::1]:6379'],
    ['redis+sentinel://:pw@s1,s2:2/mymaster', 'mymaster of s1:26379,s2:2'],
  ])('of %s is %s', (text, expected) => {
    expect(describeEndpoint(parseGroup(text))).toBe(expected);
  });
});

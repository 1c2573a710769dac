import { describe, expect, it } from 'vitest';
import { isNaruError } from '../errors/errors.ts';
import { describeEndpoint, parseEndpoint } from './url.ts';

/** The endpoint with its password revealed. */
function read(text: string): Record<string, unknown> {
  const { password, ...rest } = parseEndpoint(text);
  return password === undefined ? rest : { ...rest, password: password.reveal() };
}

const tcp = (fields: object): object => ({ port: 6379, db: 0, tls: false, ...fields });

describe('parseEndpoint', () => {
  it.each([
    ['redis://h', tcp({ host: 'h' })],
    ['redis://h:7000/3', tcp({ host: 'h', port: 7000, db: 3 })],
    ['redis://h/', tcp({ host: 'h' })],
    ['redis://h:7000?db=2', tcp({ host: 'h', port: 7000, db: 2 })],
    ['  REDIS://h  ', tcp({ host: 'h' })],
    ['rediss://h:1', tcp({ host: 'h', port: 1, tls: true })],
    ['valkey://h', tcp({ host: 'h' })],
    ['valkeys://h', tcp({ host: 'h', tls: true })],
    ['redis://[::1]:7000/1', tcp({ host: '::1', port: 7000, db: 1 })],
    ['redis://u:p@[fe80::1%25eth0]', tcp({ host: 'fe80::1%eth0', username: 'u', password: 'p' })],
    ['h:7000', tcp({ host: 'h', port: 7000 })],
    ['r-abc.redis.example.com', tcp({ host: 'r-abc.redis.example.com' })],
    ['my_container:7000', tcp({ host: 'my_container', port: 7000 })],
    ['127.0.0.1:7000/2', tcp({ host: '127.0.0.1', port: 7000, db: 2 })],
    ['[::1]:6380', tcp({ host: '::1', port: 6380 })],
    ['[::1]', tcp({ host: '::1' })],
    ['redis://user@h', tcp({ host: 'h', username: 'user' })],
    ['redis://user:@h', tcp({ host: 'h', username: 'user' })],
    ['redis://@h', tcp({ host: 'h' })],
    ['redis://:pw@h', tcp({ host: 'h', password: 'pw' })],
    ['redis://user:pw@h:1/2', tcp({ host: 'h', port: 1, db: 2, username: 'user', password: 'pw' })],
    ['redis://us%3Aer:p%40w%2F@h', tcp({ host: 'h', username: 'us:er', password: 'p@w/' })],
    ['redis://:%EB%82%98%EB%A3%A8@h', tcp({ host: 'h', password: '나루' })],
    ['redis://:나루@h', tcp({ host: 'h', password: '나루' })],
    ['redis://:$p$w$@h', tcp({ host: 'h', password: '$p$w$' })],
    ['redis://:a@b@c@h:1', tcp({ host: 'h', port: 1, password: 'a@b@c' })],
    ['redis://:a#b@h', tcp({ host: 'h', password: 'a#b' })],
    ['redis://:a/b?c=d@h/1', tcp({ host: 'h', db: 1, password: 'a/b?c=d' })],
    ['redis://u:a:b::@h', tcp({ host: 'h', username: 'u', password: 'a:b::' })],
    ['redis://:a[b]://c@h', tcp({ host: 'h', password: 'a[b]://c' })],
    ['redis://:50%@h', tcp({ host: 'h', password: '50%' })],
    ['redis://:50%zz+x y@h', tcp({ host: 'h', password: '50%zz+x y' })],
    [':pw@h:1', tcp({ host: 'h', port: 1, password: 'pw' })],
    ['unix:///run/redis.sock', { path: '/run/redis.sock', db: 0, tls: false }],
    ['redis+unix:///run/redis.sock?db=4', { path: '/run/redis.sock', db: 4, tls: false }],
    ['unix:///run/redis@6379.sock', { path: '/run/redis@6379.sock', db: 0, tls: false }],
    ['unix:///run/my%20redis%3f.sock', { path: '/run/my redis?.sock', db: 0, tls: false }],
    [
      'unix://u:p@x@/run/redis@1.sock',
      { path: '/run/redis@1.sock', db: 0, tls: false, username: 'u', password: 'p@x' },
    ],
    ['/run/redis.sock', { path: '/run/redis.sock', db: 0, tls: false }],
  ])('reads %s', (text, expected) => {
    expect(read(text)).toEqual(expected);
  });

  it.each([
    ['', 'empty'],
    ['redis://', 'no host'],
    ['redis://:s3cret@', 'no host'],
    ['redis://:s3cret@:6379', 'no host'],
    ['redis://:s3cret@h:0', 'port'],
    ['redis://:s3cret@h:65536', 'port'],
    ['redis://:s3cret@h:', 'port'],
    ['redis://user:s3cret', 'port'],
    ['redis://h:6379:s3cret', 'port'],
    ['redis://:s3cret@h/x', 'database'],
    ['redis://h/s3cret', 'database'],
    ['redis://h/-1', 'database'],
    ['redis://h/2147483648', 'database'],
    ['redis://h/1?db=2', 'twice'],
    ['redis://h?s3cret=1', '?db=n'],
    ['redis://h#s3cret', 'character'],
    ['redis://s3 cret', 'character'],
    ['redis://::1:6379', 'brackets'],
    ['::1', 'brackets'],
    ['redis://[s3cret]:1', 'IPv6'],
    ['redis://[::1:6379', 'brackets'],
    ['redis://:s3cret%ff@h', '%25'],
    ['unix://run/s3cret.sock', 'absolute'],
    ['unix:///', 'absolute'],
    ['unix:///s3cret%00', 'absolute'],
    ['unix:///run/x.sock?db=s3cret', 'database'],
    ['redis-socket:///run/s3cret.sock', 'redis-socket:// are not understood: write unix:///path.sock'],
    ['redis+sentinel://:s3cret@h:26379/mymaster', 'sentinels'],
    ['https://:s3cret@h', 'port of Redis itself'],
    ['mongodb://:s3cret@h', 'mongodb:// are not understood'],
    ['constructor://s3cret', 'not understood'],
  ])('refuses %s without repeating what may be secret', (text, part) => {
    let thrown: unknown;
    try {
      parseEndpoint(text);
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
    ['redis://u:p@h:7000/3', 'h:7000'],
    ['rediss://:p@[::1]', '[::1]:6379'],
    ['unix://:p@/run/redis.sock?db=1', '/run/redis.sock'],
  ])('of %s is %s', (text, expected) => {
    expect(describeEndpoint(parseEndpoint(text))).toBe(expected);
  });
});

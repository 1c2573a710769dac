import { describe, expect, it } from 'vitest';
import { isNaruError } from '../errors/errors.ts';
import { Secret } from '../net/secret.ts';
import { readOption } from './kinds.ts';
import type { OptionSpec } from './options.ts';

const base = { group: 'Limits', doc: '', commands: ['sync'] } as const;
const size: OptionSpec = { ...base, kind: 'size', min: '1 KiB' };
const duration: OptionSpec = { ...base, kind: 'duration' };
const patience: OptionSpec = { ...base, kind: 'duration', never: true };
const count: OptionSpec = { ...base, kind: 'count', min: '1' };
const word: OptionSpec = { ...base, kind: 'enum', values: ['copy', 'skip'] };
const boolean: OptionSpec = { ...base, kind: 'boolean' };
const text: OptionSpec = { ...base, kind: 'text' };
const secret: OptionSpec = { ...base, kind: 'secret' };
const endpoint: OptionSpec = { ...base, kind: 'endpoint' };

describe('readOption', () => {
  it.each<[OptionSpec, unknown, unknown]>([
    [size, '16 MiB', 16 * 2 ** 20],
    [size, '16mib', 16 * 2 ** 20],
    [size, '2GB', 2e9],
    [size, '1.5 KiB', 1536],
    [size, '4096', 4096],
    [size, 4096, 4096],
    [duration, '500ms', 500],
    [duration, '5s', 5000],
    [duration, '1.5 m', 90_000],
    [duration, '2h', 7_200_000],
    [duration, '0', 0],
    [duration, 250, 250],
    [patience, 'never', Number.POSITIVE_INFINITY],
    [patience, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
    [count, '3', 3],
    [count, 3, 3],
    [word, 'skip', 'skip'],
    [boolean, true, true],
    [boolean, 'yes', true],
    [boolean, '0', false],
    [text, 'x', 'x'],
  ])('%o reads %o as %o', (spec, raw, value) => {
    expect(readOption('x', spec, raw, '--x')).toBe(value);
  });

  it.each<[OptionSpec, unknown]>([
    [size, '16 MB/s'],
    [size, '16 apples'],
    [size, '-1'],
    [size, -1],
    [size, '1023'],
    [size, '9999999 TiB'],
    [size, Number.NaN],
    [duration, '5'],
    [duration, '5 d'],
    [duration, 'never'],
    [duration, '597h'],
    [duration, -1],
    [duration, Number.NaN],
    [count, '0'],
    [count, '1.5'],
    [count, 1.5],
    [word, 'SKIP'],
    [word, ''],
    [boolean, 'maybe'],
    [boolean, 1],
    [text, ''],
    [text, 5],
    [secret, ''],
    [endpoint, 5],
    [endpoint, 'redis://host:notaport'],
  ])('%o refuses %o', (spec, raw) => {
    expect(() => readOption('x', spec, raw, '--x')).toThrow(/^x \(--x\): /);
  });

  it('names the option, where the value came from, and what is allowed', () => {
    expect(() => readOption('spool-memory', size, '12 apples', 'NARU_SPOOL_MEMORY')).toThrow(
      'spool-memory (NARU_SPOOL_MEMORY): the value "12 apples" can not be used; allowed: a size such as 512KiB, 16MiB or 2GB, at least 1 KiB',
    );
  });

  it('is a usage error of its own code', () => {
    try {
      readOption('x', size, 'y', '--x');
      expect.unreachable();
    } catch (error) {
      expect(isNaruError(error) && [error.code, error.exitCode]).toEqual(['CONFIG_INVALID', 2]);
    }
  });

  it.each<[OptionSpec, unknown]>([
    [endpoint, 'redis://user:hunter2@host:notaport'],
    [endpoint, 'user:hunter2@[oops'],
    [word, 'redis://user:hunter2@host'],
    [word, 'user:hunter2@host'],
    [secret, ['hunter2']],
  ])('%o does not repeat a password in %o', (spec, raw) => {
    expect.assertions(2);
    try {
      readOption('x', spec, raw, '--x');
    } catch (error) {
      expect(String(error)).toContain('x (--x)');
      expect(String(error)).not.toContain('hunter2');
    }
  });

  it('names a table of TOML, which has no text of its own', () => {
    const table: unknown = Object.create(null);
    const failed =
      (raw: unknown): (() => unknown) =>
      () =>
        readOption('x', word, raw, 'naru.toml: x');
    expect(failed(table)).toThrow('the value a table can not be used');
    expect(failed([table])).toThrow('the value an array can not be used');
  });

  it('hides a secret', () => {
    const value = readOption('p', secret, 'hunter2', 'NARU_P');
    expect(value).toBeInstanceOf(Secret);
    expect((value as Secret).reveal()).toBe('hunter2');
    expect(readOption('p', secret, value, 'option')).toBe(value);
  });
});

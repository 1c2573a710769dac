import { describe, expect, it } from 'vitest';
import { readOption } from './kinds.ts';
import { camelName, envName, tomlName } from './names.ts';
import { OPTION_NAMES, OPTIONS } from './options.ts';

describe('the option table', () => {
  it.each(
    OPTION_NAMES.filter((name) => OPTIONS[name].default !== undefined),
  )('has a default that it allows: %s', (name) => {
    expect(() => readOption(name, OPTIONS[name], OPTIONS[name].default, 'default')).not.toThrow();
  });

  it.each(OPTION_NAMES)('has a one-line doc: %s', (name) => {
    expect(OPTIONS[name].doc).toMatch(/^[^\n{}]{10,120}$/);
  });

  it('keeps secrets off the command line and out of the file', () => {
    const secrets = OPTION_NAMES.filter((name) => OPTIONS[name].kind === 'secret');
    expect(secrets).toEqual([
      'from-password',
      'from-sentinel-password',
      'to-password',
      'to-sentinel-password',
    ]);
    for (const name of secrets) expect(OPTIONS[name]).toMatchObject({ flag: false, toml: false });
  });

  it('has each option of a side for both sides, worded for the side', () => {
    expect(OPTIONS['from-tls-ca'].doc).toContain('source');
    expect(OPTIONS['to-tls-ca'].doc).toContain('target');
  });

  it('derives all other names', () => {
    expect([camelName('from-tls-server-name'), envName('spool-max'), tomlName('spool-max')]).toEqual([
      'fromTlsServerName',
      'NARU_SPOOL_MAX',
      'spool_max',
    ]);
  });
});

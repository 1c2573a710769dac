import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { layerOptions } from './layers.ts';

let dir: string;
let config: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'naru-config-'));
  config = join(dir, 'naru.toml');
});
afterEach(() => rmSync(dir, { recursive: true }));

function withFile(toml: string, env: Record<string, string> = {}, flags: Record<string, unknown> = {}) {
  writeFileSync(config, toml);
  return layerOptions('sync', { config, ...flags }, env);
}

describe('layerOptions', () => {
  it('lets the environment override the file, and a flag both', () => {
    const toml = 'dir = "file"\nspool_max = "1 GiB"\nin_flight = 1024';
    const env = { NARU_DIR: 'env', NARU_SPOOL_MAX: '2 GiB' };
    const { values, origins } = withFile(toml, env, { dir: 'flag' });
    expect(values).toEqual({ dir: 'flag', spoolMax: '2 GiB', inFlight: '1024' });
    expect(origins).toEqual({
      dir: '--dir',
      spoolMax: 'NARU_SPOOL_MAX',
      inFlight: `${config}: in_flight`,
    });
  });

  it("lets the command's table override the top level, wherever it stands", () => {
    const { values, origins } = withFile('dir = "top"\njson = true\n[sync]\ndir = "sync"');
    expect(values).toEqual({ dir: 'sync', json: true });
    expect(origins).toMatchObject({ dir: `${config}: sync.dir` });
  });

  it('lets a flag that is turned off override the file', () => {
    expect(withFile('publish = true', {}, { publish: false }).values).toEqual({ publish: false });
  });

  it('takes the path of the file from the environment', () => {
    writeFileSync(config, 'dir = "x"');
    expect(layerOptions('sync', {}, { NARU_CONFIG: config }).values).toEqual({ dir: 'x' });
  });

  it('treats an empty variable as unset', () => {
    expect(withFile('dir = "x"', { NARU_DIR: '' }).values).toEqual({ dir: 'x' });
  });

  it('lets a password of a higher layer replace the password file of a lower one, and the other way round', () => {
    const fromEnv = withFile('from_password_file = "a"', { NARU_FROM_PASSWORD: 'p' });
    expect(fromEnv.values).toEqual({ fromPassword: 'p' });
    const fromFlag = withFile('', { NARU_FROM_PASSWORD: 'p' }, { fromPasswordFile: 'b' });
    expect(fromFlag.values).toEqual({ fromPasswordFile: 'b' });
  });

  it('warns of variables that look like its own and are not', () => {
    const { warnings } = withFile('', { NARU_SPOL_MAX: '1', NARU_BANANAS: '1', PATH: 'x', NARU_DIR: 'y' });
    expect(warnings).toEqual([
      'NARU_SPOL_MAX is no variable of Naru and is ignored; did you mean NARU_SPOOL_MAX?',
      'NARU_BANANAS is no variable of Naru and is ignored',
    ]);
  });

  it.each([
    ['spol_max = "1 GiB"', 'naru.toml: spol_max is no option; did you mean spool_max?'],
    ['[sync]\nspol_max = "1 GiB"', 'naru.toml: sync.spol_max is no option; did you mean spool_max?'],
    ['[snc]\ndir = "x"', 'naru.toml: snc is no option; did you mean sync?'],
    ['sync = 5', 'naru.toml: sync must be a table: [sync]'],
    [
      'from_password = "hunter2"',
      'naru.toml: from_password is not allowed in a file: use NARU_FROM_PASSWORD or from_password_file',
    ],
    ['config = "x"', 'naru.toml: config is not allowed in a file: use --config or NARU_CONFIG'],
  ])('refuses %j', (toml, message) => {
    expect(() => withFile(toml)).toThrow(message);
  });

  it('tells where a file is not TOML, without quoting it', () => {
    expect.assertions(3);
    try {
      withFile('dir = "x"\nfrom = "redis://:hunter2@host');
    } catch (error) {
      expect(String(error)).toMatch(/naru\.toml:2:\d+: not valid TOML: ./);
      expect(String(error)).not.toContain('hunter2');
      expect(String(error)).not.toContain('\n');
    }
  });

  it('refuses a file that is not there', () => {
    expect(() => layerOptions('sync', { config: join(dir, 'none.toml') }, {})).toThrow(
      /none\.toml \(ENOENT\)/,
    );
  });
});

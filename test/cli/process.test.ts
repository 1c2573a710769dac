/** The command line as a process: what a shell, a pipe, a signal and the process list see of it. */
import {
  type ChildProcess,
  type ChildProcessWithoutNullStreams,
  execFileSync,
  spawn,
} from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { buildWhenStale } from '../../scripts/build.ts';
import type { SyncEvent } from '../../src/engine/events.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const SCRIPTED = fileURLToPath(new URL('./scripted-main.ts', import.meta.url));
const ENDPOINTS = ['--from', 'redis://127.0.0.1:1', '--to', 'redis://127.0.0.1:2'];

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

function start(main: string, args: readonly string[], env: Record<string, string> = {}) {
  buildWhenStale();
  const { PATH } = process.env;
  const loader = main.endsWith('.ts') ? ['--import', 'tsx'] : [];
  const child = spawn(process.execPath, [...loader, main, ...args], { env: { PATH, ...env } });
  children.push(child);
  return child;
}

function startScript(script: string, args: readonly string[] = [], env: Record<string, string> = {}) {
  return start(SCRIPTED, ['sync', ...ENDPOINTS, ...args], { NARU_TEST_SCRIPT: script, ...env });
}

async function ended(child: ChildProcessWithoutNullStreams) {
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const [code] = await once(child, 'close');
  return { code, stdout, stderr };
}

function eventsOf(stdout: string): SyncEvent[] {
  expect(stdout.endsWith('\n')).toBe(true);
  return stdout
    .slice(0, -1)
    .split('\n')
    .map((line) => JSON.parse(line));
}

describe('exit codes', () => {
  it.each([
    ['--version', 0, /^\d+\.\d+\.\d+\n$/, /^$/],
    ['sync --help', 0, /--spool-memory <size>/, /^$/],
    ['', 2, /^$/, /Usage: naru/],
    ['snyc', 2, /^$/, /error USAGE: unknown command 'snyc' \(Did you mean sync\?\)/],
    ['sync --form', 2, /^$/, /error USAGE: unknown option '--form' \(Did you mean --from\?\)/],
    ['sync --dir', 2, /^$/, /error USAGE: option '--dir <path>' argument missing/],
    ['sync', 2, /^$/, /error USAGE: from is missing/],
    ['sync --from a --to b --in-flight x', 2, /^$/, /error CONFIG_INVALID: in-flight \(--in-flight\)/],
  ])('naru %s: %i', async (args, code, stdout, stderr) => {
    const result = await ended(start(MAIN, args.split(' ').filter(Boolean)));
    expect(result).toEqual({
      code,
      stdout: expect.stringMatching(stdout),
      stderr: expect.stringMatching(stderr),
    });
  });

  it('is 0 for a run that is done', async () => {
    const { code, stdout } = await ended(startScript('quick'));
    expect(stdout).toContain('Done after 1m 02s');
    expect(code).toBe(0);
  });

  it('is 1 for a run that failed, and the failure is told once', async () => {
    const { code, stderr } = await ended(startScript('failing'));
    expect(stderr).toBe(
      'error KEY_EXISTS: the key exists\n  where: target 127.0.0.1:6379, db 3, key user:1, command RESTORE\n  what to do: remove it\n',
    );
    expect(code).toBe(1);
  });
});

describe('--json', () => {
  it('puts events on stdout and nothing else there', async () => {
    const args = ['--json', '--tls-insecure', '--from', 'rediss://127.0.0.1:1'];
    const { code, stdout, stderr } = await ended(startScript('quick', args, { NARU_SPOL_MAX: '1' }));
    expect(eventsOf(stdout).map(({ event }) => event)).toEqual(['progress', 'warning', 'done']);
    expect(stderr).toMatch(
      /^warning: NARU_SPOL_MAX .*did you mean NARU_SPOOL_MAX\?\nWARNING: --tls-insecure: .*source.*\n$/,
    );
    expect(code).toBe(0);
  });

  it('has an error event for a run that could not begin', async () => {
    const { code, stdout } = await ended(start(MAIN, ['sync', '--json', ...ENDPOINTS, '--dir', '']));
    expect(eventsOf(stdout)).toMatchObject([{ event: 'error', code: 'CONFIG_INVALID', retry: false }]);
    expect(code).toBe(2);
  });

  it('writes everything before it ends, though the reader is slow', async () => {
    const child = startScript('flood', ['--json']);
    // Nothing is read until the pipe is full and the process waits.
    await once(child.stdout, 'readable');
    const { code, stdout } = await ended(child);
    expect(eventsOf(stdout)).toHaveLength(20_001);
    expect(code).toBe(0);
  });
});

describe('signals', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('%s drains, says so and ends with 0', async (signal) => {
    const child = startScript('untilStopped');
    const result = ended(child);
    await once(child.stdout, 'data');
    child.kill(signal);
    const { code, stdout, stderr } = await result;
    expect(stderr).toBe(`${signal}: applying what was received, then ending. Once more ends at once.\n`);
    expect(stdout).toContain('Done after');
    expect(code).toBe(0);
  });

  it('a second one ends at once with 1', async () => {
    const child = startScript('deaf');
    const result = ended(child);
    await once(child.stdout, 'data');
    child.kill('SIGTERM');
    await once(child.stderr, 'data');
    child.kill('SIGINT');
    const { code, stderr } = await result;
    expect(stderr).toContain('SIGINT again: ended at once.');
    expect(code).toBe(1);
  });
});

describe('output that is lost', () => {
  it.runIf(process.platform === 'linux')('ends the run, and says why, when the disk is full', async () => {
    const full = openSync('/dev/full', 'w');
    const args = ['--import', 'tsx', SCRIPTED, 'sync', ...ENDPOINTS, '--json'];
    const env = { ...process.env, NARU_TEST_SCRIPT: 'chatty' };
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', full, 'pipe'] });
    children.push(child);
    let stderr = '';
    child.stderr?.on('data', (chunk) => {
      stderr += chunk;
    });
    const [code] = await once(child, 'close');
    closeSync(full);
    expect(stderr).toBe('stdout can not be written (ENOSPC): applying what was received, then ending.\n');
    expect(code).toBe(0);
  });

  it('ends the run quietly when the reader goes away', async () => {
    const child = startScript('chatty', ['--json']);
    await once(child.stdout, 'data');
    child.stdout.destroy();
    const { code, stderr } = await ended(child);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });
});

describe.runIf(process.platform === 'linux')('the process list', () => {
  it('shows no password from the command line', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'naru-title-'));
    const fifo = join(dir, 'password');
    execFileSync('mkfifo', [fifo]);
    const url = 'redis://user:hunter2@127.0.0.1:1';
    const child = start(MAIN, ['sync', '--from', url, '--to', url, '--from-password-file', fifo]);
    const result = ended(child);
    // A process that never came to open the fifo must not leave this one waiting for it.
    child.once('exit', () => closeSync(openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK)));
    // Opens once the process reads the password file: it holds its arguments, and waits.
    const writer = await open(fifo, 'w');
    const cmdline = readFileSync(`/proc/${child.pid}/cmdline`, 'latin1');
    await writer.close();
    const { code, stderr } = await result;
    rmSync(dir, { recursive: true });
    expect(cmdline.replaceAll('\0', '')).toBe('naru');
    expect(stderr).toContain('from-password-file (--from-password-file): the first line of');
    expect(stderr).not.toContain('hunter2');
    expect(code).toBe(2);
  });
});

import { describe, expect, it } from 'vitest';
import { RecordedOutput, terminal } from '../../test/cli/recorded-output.ts';
import { done, scriptedRun } from '../../test/cli/scripted-run.ts';
import type { SyncOptions } from '../config/sync-options.ts';
import type { Endpoint } from '../net/url.ts';
import { runCli } from './program.ts';

async function run(args: readonly string[], env: Record<string, string> = {}) {
  const out = terminal(110);
  const err = new RecordedOutput();
  let options: SyncOptions | undefined;
  const context = {
    out,
    err,
    env,
    onSignal: () => () => {},
    onOutputLost: () => {},
    exit: () => {},
    loadSync: async () => (given: SyncOptions) => {
      options = given;
      return scriptedRun(async function* () {
        yield done;
      });
    },
  };
  const code = await runCli(args, context);
  return { code, out: out.text, err: err.text, options };
}

const endpoints = ['--from', 'redis://a', '--to', 'redis://b'];

describe('help', () => {
  it.each([
    ['--help'],
    ['sync', '--help'],
    ['restore', '--help'],
    ['dump', '--help'],
    ['decode', '--help'],
  ])('naru %s %s', async (...args) => {
    const { out } = await run(args);
    await expect(out).toMatchFileSnapshot(`./__snapshots__/naru-${args.join('-')}.txt`);
  });
});

describe('the command line', () => {
  it('gives flags, environment and defaults to the run', async () => {
    const flags = ['--until-synced', '--no-publish', '--on-conflict', 'skip', '--in-flight=1 MiB'];
    const env = { NARU_PUBLISH: 'true', NARU_TO_PASSWORD: 'p', NARU_DIR: '/tmp/x' };
    const { options, code } = await run(['sync', ...endpoints, ...flags], env);
    expect(options).toMatchObject({
      untilSynced: true,
      publish: false,
      onConflict: 'skip',
      inFlight: 2 ** 20,
      dir: '/tmp/x',
      functions: 'copy',
    });
    expect((options?.to as Endpoint | undefined)?.password?.reveal()).toBe('p');
    expect(code).toBe(0);
  });

  it.each([
    [['redis://:hunter2@h']],
    [['user:hunter2@h']],
    [['sync', '--form=redis://u:hunter2@h']],
    [['sync', '--from-password=hunter2']],
    [['sync', '--from-password', 'hunter2']],
    [['sync', 'redis://u:hunter2@h']],
    [['sync', '--from', 'redis://u:hunter2@h:port', '--to', 'x']],
    [['sync', ...endpoints, '--on-conflict', 'redis://u:hunter2@h']],
  ])('repeats no password: %j', async (args) => {
    const { code, out, err } = await run(args);
    expect(code).toBe(2);
    expect(err).toMatch(/^error (USAGE|CONFIG_INVALID): /);
    expect(out + err).not.toContain('hunter2');
  });

  it('warns loudly where certificates are not verified, and only there', async () => {
    const secure = await run(['sync', '--from', 'redis://a', '--to', 'rediss://b']);
    expect(secure.err).toBe('');
    const insecure = await run(['sync', '--from', 'redis://a', '--to', 'rediss://b', '--tls-insecure']);
    expect(insecure.err).toMatch(/^WARNING: --tls-insecure: the certificate of the target is NOT verified/);
  });
});

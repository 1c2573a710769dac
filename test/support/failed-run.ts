/** A run of the command line that has to fail, and what it has to say in any case. */
import { expect } from 'vitest';
import type { ErrorEvent } from '../../src/engine/events.ts';
import { ERROR_TABLE, type ErrorCode } from '../../src/errors/table.ts';
import { makeTempDir } from './cleanup.ts';
import { Naru, type NaruOptions } from './naru.ts';

export interface FailureOptions extends NaruOptions {
  /** words that may stand nowhere in the output */
  secrets?: readonly string[];
}

/** `naru sync --json` with a spool of its own; `args` are further options. */
export function startSync(
  source: string,
  target: string,
  args: readonly string[] = [],
  options: NaruOptions = {},
): Naru {
  const temp = makeTempDir();
  const naru = Naru.start(
    ['sync', '--from', source, '--to', target, '--json', '--dir', temp.path, ...args],
    options,
  );
  // What can not be removed now is at the end of this process.
  naru.exited.then(() => temp.remove()).catch(() => {});
  return naru;
}

/** Runs it to its end and returns the error that ended it. */
export async function failSync(
  source: string,
  target: string,
  args: readonly string[] = [],
  options: FailureOptions = {},
): Promise<ErrorEvent> {
  return failureOf(startSync(source, target, args, options), options.secrets);
}

/**
 * The error that ends a run: told once, as the last event and as text on stderr with the advice, with the exit code of the table and
 * without a stack or a secret.
 */
export async function failureOf(naru: Naru, secrets: readonly string[] = []): Promise<ErrorEvent> {
  const { code } = await naru.exited;
  const output = naru.stdout + naru.stderr;
  const final = naru.eventsOf('error').filter((event) => !event.retry);
  expect(final, output).toHaveLength(1);
  const error = final[0] as ErrorEvent;
  expect(naru.events.at(-1)).toBe(error);
  expect(code, output).toBe(ERROR_TABLE[error.code as ErrorCode].exit);
  expect(naru.stderr).toContain(error.message);
  expect(naru.stderr).toContain(error.advice);
  expect(output).not.toMatch(/\n\s+at .*\.[jt]s:\d/);
  expectNoSecret(naru, secrets);
  return error;
}

export function expectNoSecret(naru: Naru, secrets: readonly string[]): void {
  for (const secret of secrets) expect(naru.stdout + naru.stderr).not.toContain(secret);
}

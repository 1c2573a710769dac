/** Runs a program whose output nobody wants, and tells what it took. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { atExit } from './cleanup.ts';
import { readUsage, type Usage } from './naru.ts';

/** Memory and CPU time are read so often; what happens after the last look is not seen. */
const SAMPLE_MS = 20;

export interface Measured extends Partial<Usage> {
  ms: number;
}

/** Standard output goes to /dev/null. Rejects where the exit code is not 0. */
export async function runMeasured(command: string, args: readonly string[]): Promise<Measured> {
  const nothing = openSync('/dev/null', 'w');
  const begin = performance.now();
  const child = spawn(command, args, { stdio: ['ignore', nothing, 'inherit'] });
  const forget = atExit(() => child.kill('SIGKILL'));
  let usage: Usage | undefined;
  const sampler = setInterval(() => {
    usage = readUsage(child.pid) ?? usage;
  }, SAMPLE_MS);
  try {
    const [code] = (await once(child, 'exit')) as [number | null];
    if (code !== 0) throw new Error(`${command} ended with code ${code}`);
    return { ms: performance.now() - begin, ...usage };
  } finally {
    clearInterval(sampler);
    forget();
    closeSync(nothing);
  }
}

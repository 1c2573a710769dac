/** Runs the command line as it is shipped, with bytes in and out. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { buildWhenStale } from '../../scripts/build.ts';

const main: string = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

export const fixture = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));

export interface Ran {
  code: number | null;
  stdout: Buffer;
  stderr: string;
}

export async function runNaru(args: readonly string[], input: Buffer | string = ''): Promise<Ran> {
  buildWhenStale();
  return run(process.execPath, [main, ...args], input);
}

/** The same, to be talked to. */
export function spawnNaru(args: readonly string[]): ChildProcessByStdio<Writable, Readable, Readable> {
  buildWhenStale();
  return spawn(process.execPath, [main, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
}

export function run(program: string, args: readonly string[], input: Buffer | string = ''): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    // Who does not read its input to the end says so in its exit code.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    child.once('error', reject);
    child.once('close', (code) =>
      resolve({ code, stdout: Buffer.concat(out), stderr: Buffer.concat(err).toString() }),
    );
  });
}

/** A line of `naru decode`, or an event of a run. */
export interface Line {
  db?: number;
  key?: unknown;
  type?: string;
  value?: unknown;
  expireAtMs?: number;
  code?: string;
  command?: unknown[];
  timestamp?: number;
  event?: string;
  percent?: number;
  keys?: number;
  replid?: string;
}

export function linesOf(ran: Ran): Line[] {
  return ran.stdout
    .toString()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
}

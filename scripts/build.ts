/** Keeps `dist` as new as `src`. `npx tsx scripts/build.ts` does it by hand. */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root: string = fileURLToPath(new URL('..', import.meta.url));
const built: string = join(root, 'dist/cli/main.js');
const lockFile: string = join(root, 'node_modules/.cache/naru-build.lock');

/** A build takes a few seconds; a lock of this age was left by a process that was killed. */
const LOCK_MS_MAX = 60_000;
const POLL_MS = 50;

function modifiedMs(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

export function isStale(): boolean {
  const builtMs = modifiedMs(built);
  const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' });
  const sources = files.filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'));
  return builtMs === 0 || sources.some((file) => modifiedMs(join(root, 'src', file)) > builtMs);
}

/** Test files run in processes of their own: one builds, the others wait for it. */
function lock(): void {
  mkdirSync(join(root, 'node_modules/.cache'), { recursive: true });
  for (;;) {
    try {
      closeSync(openSync(lockFile, 'wx'));
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    if (Date.now() - modifiedMs(lockFile) > LOCK_MS_MAX) rmSync(lockFile, { force: true });
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, POLL_MS);
  }
}

/** A process looks once: a run of tests starts the program a thousand times, and its sources do not change meanwhile. */
let isFresh = false;

/**
 * Compiles `src` into `dist` when a source is newer. Types are not checked: `npm run types` does that, and so does `npm run build` before
 * a release. Throws with the compiler's words when it can't read a source; the next call tries again.
 */
export function buildWhenStale(): void {
  if (isFresh || !isStale()) {
    isFresh = true;
    return;
  }
  lock();
  try {
    if (!isStale()) return;
    const tsc = join(root, 'node_modules/.bin/tsc');
    execFileSync(tsc, ['-p', 'tsconfig.build.json', '--noCheck'], {
      cwd: root,
      encoding: 'utf8',
      stdio: 'pipe',
    });
    isFresh = true;
  } catch (error) {
    rmSync(built, { force: true });
    throw new Error(`the build failed:\n${(error as { stdout?: string }).stdout ?? String(error)}`);
  } finally {
    rmSync(lockFile, { force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) buildWhenStale();

/**
 * What must not outlive this process: child processes and temp folders. Each is registered when it is made and taken off the list
 * when it is gone; what remains is removed synchronously when the process ends, also by a signal.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const pending = new Set<() => void>();
let hooked = false;

function runAll(): void {
  // Latest first: a server goes before the folder it writes to.
  for (const undo of [...pending].reverse()) {
    pending.delete(undo);
    try {
      undo();
    } catch {
      // The others still have to run.
    }
  }
}

function hook(): void {
  hooked = true;
  process.on('exit', runAll);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      runAll();
      process.kill(process.pid, signal);
    });
  }
}

/** Runs `undo` (synchronous) at the end of the process, unless the returned function was called before. */
export function atExit(undo: () => void): () => void {
  if (!hooked) hook();
  pending.add(undo);
  return () => {
    pending.delete(undo);
  };
}

export interface TempDir {
  readonly path: string;
  remove(): void;
}

export function makeTempDir(prefix = 'naru-test-'): TempDir {
  const path = mkdtempSync(join(tmpdir(), prefix));
  const erase = (): void => rmSync(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
  const forget = atExit(erase);
  return {
    path,
    remove() {
      erase();
      // Not before: what fails now is tried again at the end.
      forget();
    },
  };
}

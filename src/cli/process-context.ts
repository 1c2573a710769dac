/** The context of a real process. */
import type { Context } from './context.ts';

export function processContext(): Context {
  const { stdout, stderr } = process;
  const outputLost = new Promise<string>((resolve) => {
    stdout.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
  stderr.on('error', () => {});
  return {
    out: stdout,
    err: stderr,
    env: process.env,
    onSignal,
    onOutputLost: (callback) => void outputLost.then(callback),
    exit: (code) => process.exit(code),
    loadSync: async () => (await import('../engine/sync.ts')).sync,
  };
}

function onSignal(callback: (signal: string) => void): () => void {
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.on(signal, callback);
  return () => {
    for (const signal of signals) process.off(signal, callback);
  };
}

/** The context of a real process. */
import type { Context } from './context.ts';

export function processContext(): Context {
  const { stdout, stderr } = process;
  const readerGone = new Promise<void>((resolve) => {
    // EPIPE: `naru sync | head` is an ordinary way to end. Any other failure to write leaves nobody to tell it to, either.
    stdout.on('error', () => resolve());
  });
  stderr.on('error', () => {});
  return {
    out: stdout,
    err: stderr,
    env: process.env,
    onSignal,
    onReaderGone: (callback) => void readerGone.then(callback),
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

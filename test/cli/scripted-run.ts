/** A run that tells what a test has written down, for tests of the command line. */
import type {
  DoneEvent,
  ErrorEvent,
  ProgressEvent,
  SyncEvent,
  WarningEvent,
} from '../../src/engine/events.ts';
import type { SyncRun } from '../../src/engine/sync.ts';

/** Yields events; resolves at `stopped` once the run was told to stop. */
export type Script = (stopped: Promise<void>) => AsyncGenerator<SyncEvent, void>;

export function scriptedRun(script: Script): SyncRun {
  let stop = (): void => {};
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  let settle: { resolve: (event: DoneEvent) => void; reject: (error: unknown) => void };
  const result = new Promise<DoneEvent>((resolve, reject) => {
    settle = { resolve, reject };
  });
  async function* iterate(): AsyncGenerator<SyncEvent, void> {
    try {
      for await (const event of script(stopped)) {
        if (event.event === 'done') settle.resolve(event);
        yield event;
      }
    } catch (error) {
      settle.reject(error);
      throw error;
    }
  }
  return { result, stop, [Symbol.asyncIterator]: iterate };
}

export const counters = {
  keys: 1_200_000,
  skipped: 0,
  lost: 0,
  commands: 3_400_000,
  recopied: 0,
  split: 0,
  bytes: 340_000_000,
};

export const progress: ProgressEvent = {
  event: 'progress',
  phase: 'snapshot',
  elapsedMs: 3000,
  ...counters,
  keysPerSecond: 412_345,
  commandsPerSecond: 0,
  bytesPerSecond: 85_200_000,
  percent: 42.9,
  etaMs: 80_000,
  lagMs: 12,
  lagBytes: 4100,
  spoolDiskBytes: 0,
};

export const done: DoneEvent = {
  event: 'done',
  ...counters,
  ms: 62_000,
  lagMs: 0,
  lagBytes: 0,
  replid: 'f00d',
  offset: 4711,
};

export const warning: WarningEvent = { event: 'warning', code: 'SLOW', message: 'the target is slow' };

export const fatal: ErrorEvent = {
  event: 'error',
  code: 'KEY_EXISTS',
  message: 'the key exists',
  advice: 'remove it',
  retry: false,
  side: 'target',
  node: '127.0.0.1:6379',
  db: 3,
  key: 'user:1',
  command: 'RESTORE',
};

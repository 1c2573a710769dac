/** Where a command's words go: one printer for people, one for machines. */
import type { SyncEvent } from '../engine/events.ts';

export interface Printer {
  event(event: SyncEvent): void;
  /** A line for the operator that is no event. */
  note(text: string): void;
  /** Resolves once everything is written; nothing may be printed after it. */
  end(): Promise<void>;
}

/** The part of a writable stream, or of a terminal, that printers need. */
export interface Output {
  write(text: string | Uint8Array, written?: (error?: Error | null) => void): boolean;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  /** The reader is behind, and what is written piles up. */
  readonly writableNeedDrain?: boolean | undefined;
  readonly destroyed?: boolean | undefined;
}

/** Resolves once all that was written to it has left the process, or nobody reads it any more. */
export function flushed(output: Output): Promise<void> {
  return new Promise((resolve) => {
    if (output.destroyed) resolve();
    else output.write('', () => resolve());
  });
}

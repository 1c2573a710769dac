import type { Counters, Phase, ProgressEvent } from './events.ts';

/** What a progress event is made of, as it is now. */
export interface Reading extends Counters {
  phase: Phase;
  lagMs: number;
  lagBytes: number;
  spoolDiskBytes: number;
  /** of the snapshot, where it is known */
  snapshotBytes: number | undefined;
  snapshotAckedBytes: number;
  /** of a scan, where they are known */
  expectedKeys?: number | undefined;
  vanished?: number;
  waiting: string | undefined;
}

/** Makes progress events: totals from the readings, rates from the difference of two. */
export class Meter {
  readonly #startMs: number;
  readonly #now: () => number;
  #lastMs: number;
  #last = { keys: 0, commands: 0, bytes: 0 };

  constructor(now: () => number = Date.now) {
    this.#now = now;
    this.#startMs = now();
    this.#lastMs = this.#startMs;
  }

  get elapsedMs(): number {
    return this.#now() - this.#startMs;
  }

  progress(reading: Reading): ProgressEvent {
    const { snapshotBytes, snapshotAckedBytes, waiting, expectedKeys, ...rest } = reading;
    const seconds = Math.max(this.#now() - this.#lastMs, 1) / 1000;
    const rate = (name: 'keys' | 'commands' | 'bytes'): number =>
      Math.round((reading[name] - this.#last[name]) / seconds);
    const event: ProgressEvent = {
      event: 'progress',
      ...rest,
      elapsedMs: this.elapsedMs,
      keysPerSecond: rate('keys'),
      commandsPerSecond: rate('commands'),
      bytesPerSecond: rate('bytes'),
    };
    if (reading.phase === 'snapshot' && snapshotBytes !== undefined && snapshotBytes > 0) {
      this.#tellShare(event, snapshotAckedBytes / snapshotBytes);
    }
    if (expectedKeys !== undefined) event.expectedKeys = expectedKeys;
    if (reading.phase === 'scan' && expectedKeys !== undefined && expectedKeys > 0) {
      const { keys, skipped, lost, vanished = 0 } = reading;
      this.#tellShare(event, (keys + skipped + lost + vanished) / expectedKeys);
    }
    if (waiting !== undefined) event.waiting = waiting;
    this.#lastMs = this.#now();
    this.#last = { keys: reading.keys, commands: reading.commands, bytes: reading.bytes };
    return event;
  }

  #tellShare(event: ProgressEvent, share: number): void {
    const done = Math.min(share, 1);
    event.percent = Math.round(done * 1000) / 10;
    if (done > 0) event.etaMs = Math.round((this.elapsedMs / done) * (1 - done));
  }
}

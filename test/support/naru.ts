/** Runs the command line as it is shipped: `dist/cli/main.js`, built anew when `src` is newer (a start from source takes far longer). */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { buildWhenStale } from '../../scripts/build.ts';
import type { SyncEvent } from '../../src/engine/events.ts';
import { atExit } from './cleanup.ts';

type Named<E extends SyncEvent['event']> = Extract<SyncEvent, { event: E }>;

export interface NaruOptions {
  env?: Record<string, string>;
  cwd?: string;
  /** of another checkout, which is built: its `dist/cli/main.js` */
  main?: string;
  /** arguments for node, before the program: `['--max-old-space-size=64']` */
  node?: string[];
  /** called with each event as it comes */
  onEvent?: (event: SyncEvent) => void;
}

export interface NaruExit {
  /** null when it was ended by a signal */
  code: number | null;
  signal: NodeJS.Signals | null;
}

interface Waiter {
  /** returns true when it has seen what it waits for */
  look: (event: SyncEvent) => boolean;
  ended: (exit: NaruExit) => void;
}

const main: string = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** How often memory and CPU time are read; what happens after the last look is not seen. */
const SAMPLE_MS = 20;
/** Linux: USER_HZ is 100 on all its platforms of today. */
const MS_PER_TICK = 10;

export class Naru {
  readonly events: SyncEvent[] = [];
  stdout = '';
  stderr = '';
  /** highest resident memory in bytes (VmHWM); 0 where there is no /proc */
  peakRssBytes = 0;
  /** user and system time in milliseconds; 0 where there is no /proc */
  cpuMs = 0;
  readonly exited: Promise<NaruExit>;
  readonly #child: ChildProcess;
  readonly #onEvent: NaruOptions['onEvent'];
  readonly #waiters = new Set<Waiter>();
  #exit: NaruExit | undefined;
  #line = '';

  private constructor(args: readonly string[], options: NaruOptions) {
    const child = spawn(process.execPath, [...(options.node ?? []), options.main ?? main, ...args], {
      cwd: options.cwd,
      // On a busy machine what was received may take longer to apply than ten seconds.
      env: { NARU_DRAIN_TIMEOUT: '120s', ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#onEvent = options.onEvent;
    const forget = atExit(() => child.kill('SIGKILL'));
    const sampler = setInterval(() => this.#sample(), SAMPLE_MS);
    child.stdout.setEncoding('utf8').on('data', (text: string) => this.#read(text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.exited = once(child, 'close').then(([code, signal]) => {
      forget();
      clearInterval(sampler);
      this.#exit = { code: code as number | null, signal: signal as NodeJS.Signals | null };
      for (const waiter of this.#waiters) waiter.ended(this.#exit);
      this.#waiters.clear();
      return this.#exit;
    });
    this.exited.catch(() => undefined);
  }

  /** `Naru.start(['sync', '--from', source.url, '--to', target.url, '--json'])` */
  static start(args: readonly string[], options: NaruOptions = {}): Naru {
    buildWhenStale();
    return new Naru(args, options);
  }

  /** Runs to the end. */
  static async run(args: readonly string[], options: NaruOptions = {}): Promise<Naru> {
    const naru = Naru.start(args, options);
    await naru.exited;
    return naru;
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error('naru did not start');
    return this.#child.pid;
  }

  get exit(): NaruExit | undefined {
    return this.#exit;
  }

  /** All events of a name so far. */
  eventsOf<E extends SyncEvent['event']>(name: E): Named<E>[] {
    return this.events.filter((event): event is Named<E> => event.event === name);
  }

  /**
   * Resolves with the first event of that name that satisfies the predicate: one that came already, or the next one (`from` leaves out
   * the first so many of `events`). Rejects when the process ends before, with what it wrote.
   */
  untilEvent<E extends SyncEvent['event']>(
    name: E,
    predicate: (event: Named<E>) => boolean = () => true,
    from = 0,
  ): Promise<Named<E>> {
    const fits = (event: SyncEvent): event is Named<E> =>
      event.event === name && predicate(event as Named<E>);
    const past = this.events.slice(from).find(fits);
    if (past) return Promise.resolve(past as Named<E>);
    return new Promise((resolve, reject) => {
      const ended = (exit: NaruExit): void => reject(new Error(this.#describe(name, exit)));
      if (this.#exit) return ended(this.#exit);
      const look = (event: SyncEvent): boolean => {
        const seen = fits(event);
        if (seen) resolve(event);
        return seen;
      };
      this.#waiters.add({ look, ended });
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Sends the signal and resolves when the process has ended. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<NaruExit> {
    this.#sample();
    this.#child.kill(signal);
    return this.exited;
  }

  #read(text: string): void {
    this.stdout += text;
    const lines = (this.#line + text).split('\n');
    this.#line = lines.pop() as string;
    for (const line of lines) if (line.startsWith('{')) this.#take(JSON.parse(line) as SyncEvent);
  }

  #take(event: SyncEvent): void {
    this.events.push(event);
    this.#onEvent?.(event);
    for (const waiter of this.#waiters) if (waiter.look(event)) this.#waiters.delete(waiter);
  }

  #sample(): void {
    const usage = readUsage(this.#child.pid);
    if (!usage) return;
    this.peakRssBytes = Math.max(this.peakRssBytes, usage.peakRssBytes);
    this.cpuMs = usage.cpuMs;
  }

  #describe(name: string, { code, signal }: NaruExit): string {
    const tail = `${this.stdout.slice(-2000)}\n${this.stderr.slice(-2000)}`;
    return `naru ended (code ${code}, signal ${signal}) before the event ${name}:\n${tail}`;
  }
}

export interface Usage {
  peakRssBytes: number;
  cpuMs: number;
}

/** Memory and CPU time of a process from /proc; undefined when it is gone, or where there is no /proc. */
export function readUsage(pid: number | undefined): Usage | undefined {
  try {
    const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    if (!peak) return undefined;
    // The second field, the name in parentheses, may hold blanks; utime and stime are the 14th and 15th.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return {
      peakRssBytes: Number(peak[1]) * 1024,
      cpuMs: (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK,
    };
  } catch {
    return undefined;
  }
}

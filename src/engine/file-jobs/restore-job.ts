import type { ResolvedRestoreOptions } from '../../config/file-options.ts';
import { NaruError } from '../../errors/errors.ts';
import { describeEndpoint } from '../../net/url.ts';
import { type FileSource, filesAt, openFileSource } from '../../source/file/file-source.ts';
import { toNaruError } from '../error-event.ts';
import type { DoneEvent, ErrorEvent, SyncEvent, WarningEvent } from '../events.ts';
import { findTarget } from '../find-target.ts';
import { Meter, type Reading } from '../meter.ts';
import { paceOf } from '../pace.ts';
import { rulesEvent } from '../rules-told.ts';
import { type Run, startRun } from '../run.ts';
import { countersIn, sumOf } from '../sums.ts';
import { FileJob } from './file-job.ts';

/** `naru restore`. */
export function restore(options: ResolvedRestoreOptions): Run {
  return startRun((emit) => new RestoreJob(options, emit));
}

/**
 * Writes what RDB and AOF files hold to a target: finds out what that is, and gives it one file after the other. The entries of an RDB go as in a full
 * copy, and commands as in a stream, so that a target that is lost, or whose slots move, is what it is to a sync.
 */
export class RestoreJob {
  readonly #options: ResolvedRestoreOptions;
  readonly #emit: (event: SyncEvent) => void;
  readonly #meter = new Meter();
  readonly #ending = new AbortController();
  readonly #told = new Set<string>();
  #sources: FileSource[] = [];
  readonly #jobs: FileJob[] = [];
  #failure: NaruError | undefined;

  constructor(options: ResolvedRestoreOptions, emit: (event: SyncEvent) => void) {
    this.#options = options;
    this.#emit = emit;
  }

  stop(): void {
    const error = new NaruError('STOPPED_EARLY', 'Stopped before all of the file was restored');
    this.#failure ??= error;
    this.#ending.abort(error);
    this.#jobs.at(-1)?.abort(error);
    for (const source of this.#sources) source.close();
  }

  async run(): Promise<DoneEvent> {
    let timer: NodeJS.Timeout | undefined;
    try {
      const names = (await Promise.all(this.#options.from.map(filesAt))).flat();
      for (const name of names) this.#sources.push(await openFileSource(name, this.#ending.signal));
      const target = await findTarget(this.#options, this.#ending.signal);
      timer = setInterval(() => this.#progress(), this.#options.progressInterval);
      const pace = paceOf(this.#options);
      for (const [index, source] of this.#sources.entries()) {
        if (this.#failure !== undefined) throw this.#failure;
        const name = names[index] as string;
        const emit = (event: WarningEvent | ErrorEvent): void => this.#tell(event);
        const job = new FileJob(this.#options, { name, source, target, pace, emit });
        this.#jobs.push(job);
        const { facts } = await job.check(index === 0);
        if (index === 0) this.#started(source, facts.version);
        await job.run();
      }
      return this.#done();
    } catch (error) {
      throw this.#failure ?? toNaruError(error);
    } finally {
      clearInterval(timer);
      this.#ending.abort();
      for (const source of this.#sources) source.close();
    }
  }

  // ---- telling

  #started({ kind }: FileSource, targetVersion: string): void {
    this.#emit({
      event: 'started',
      source: this.#options.from.join(', '),
      target: describeEndpoint(this.#options.to),
      sourceVersion: kind === 'rdb' ? 'RDB' : 'AOF',
      targetVersion,
      replid: '',
      offset: 0,
    });
  }

  /** Of files that have not begun only the size counts. */
  get #reading(): Reading {
    const sum = sumOf(this.#jobs.map((job) => job.reading));
    const sizes = this.#sources.map(({ bytesTotal }) => bytesTotal);
    const read = this.#sources.reduce((bytes, { bytesRead }) => bytes + bytesRead, 0);
    return {
      ...sum,
      phase: 'snapshot',
      snapshotBytes: sizes.includes(undefined) ? undefined : sizes.reduce((a: number, b = 0) => a + b, 0),
      snapshotAckedBytes: read,
      bytes: read,
    };
  }

  #progress(): void {
    if (this.#jobs.some(({ reading }) => reading !== undefined))
      this.#emit(this.#meter.progress(this.#reading));
  }

  #done(): DoneEvent {
    const counters = countersIn(this.#reading);
    const { keys, skipped, bytes } = counters;
    const ms = this.#meter.elapsedMs;
    this.#emit({ event: 'snapshot_done', keys, skipped, bytes, ms });
    const rules = this.#jobs.flatMap((job) => job.rules ?? []);
    if (rules.length > 0) this.#emit(rulesEvent(rules));
    const offset = this.#jobs.at(-1)?.offset ?? 0;
    return { event: 'done', ...counters, ms, lagMs: 0, lagBytes: 0, replid: '', offset };
  }

  /** What several files meet at the one target is told once. */
  #tell(event: WarningEvent | ErrorEvent): void {
    if (event.event === 'warning') {
      const key = `${event.code} ${event.message}`;
      if (this.#told.has(key)) return;
      this.#told.add(key);
    }
    this.#emit(event);
  }
}

import type { ResolvedSyncOptions } from '../config/sync-options.ts';
import { NaruError } from '../errors/errors.ts';
import type { Topology } from '../net/topology/topology.ts';
import { describeEndpoint } from '../net/url.ts';
import { toNaruError } from './error-event.ts';
import type { DoneEvent, ErrorEvent, LinkPosition, SyncEvent, WarningEvent } from './events.ts';
import { findTarget } from './find-target.ts';
import { Meter } from './meter.ts';
import { countKeys } from './precheck.ts';
import type { Position } from './reading.ts';
import { SourceNodes, type SourcePlace } from './source-nodes.ts';
import { countersIn, sumOf } from './sums.ts';
import { SyncJob } from './sync-job.ts';
import { watchForSynced } from './synced-watch.ts';
import { Turns } from './turns.ts';

interface Link {
  readonly place: SourcePlace;
  readonly job: SyncJob;
  /** where its full copy began; undefined: it has not begun */
  began: Position | undefined;
  applied: boolean;
}

/**
 * One migration: finds out what the source is, gives each of its masters a link of its own, and tells of all of them as of one run. Links
 * share nothing but the target's data; the first failure of one ends all.
 */
export class Migration {
  readonly #options: ResolvedSyncOptions;
  readonly #emit: (event: SyncEvent) => void;
  readonly #meter = new Meter();
  readonly #turns: Turns;
  readonly #ending = new AbortController();
  readonly #told = new Set<string>();
  #nodes!: SourceNodes;
  #target!: Topology;
  #links: Link[] = [];
  #failure: NaruError | undefined;
  #stopping = false;
  #versions = { sourceVersion: '', targetVersion: '' };
  #snapshotDone = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ResolvedSyncOptions, emit: (event: SyncEvent) => void) {
    this.#options = options;
    this.#emit = emit;
    this.#turns = new Turns(options.parallelSnapshots);
  }

  /** Takes no more from the source than needed to end at a whole transaction, applies that, and ends. */
  stop(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    if (this.#links.length === 0) this.#ending.abort(stoppedEarly());
    for (const { job } of this.#links) job.stop();
  }

  /** Runs to the end. Rejects with NaruError. */
  async run(): Promise<DoneEvent> {
    try {
      await this.#find();
      const protectTarget = await this.#check();
      this.#timer = setInterval(() => this.#progress(), this.#options.progressInterval);
      await Promise.all(this.#links.map((link) => this.#runLink(link, protectTarget)));
      if (this.#failure !== undefined) throw this.#failure;
      return this.#done();
    } catch (error) {
      const failure = this.#failure ?? toNaruError(error);
      for (const { job } of this.#links) job.abort(failure);
      throw failure;
    } finally {
      clearInterval(this.#timer);
      this.#ending.abort(stoppedEarly());
    }
  }

  // ---- the beginning

  async #find(): Promise<void> {
    const { from, to } = this.#options;
    if (from.db !== 0 || to.db !== 0) {
      this.#warn(
        'DATABASE_IGNORED',
        'An address names a database; all databases are copied, each to the one with its number.',
      );
    }
    this.#nodes = await SourceNodes.find(
      this.#options,
      {
        onChanged: () => {},
        onMoved: (place) => this.#links.find((link) => link.place === place)?.job.moveOn(),
        onWarning: (code, message) => this.#warn(code, message),
      },
      this.#ending.signal,
    );
    this.#target = await findTarget(this.#options, this.#ending.signal);
    this.#links = this.#nodes.newPlaces().map((place) => this.#linkAt(place));
    if (this.#stopping) throw stoppedEarly();
  }

  #linkAt(place: SourcePlace): Link {
    const nodes = this.#nodes;
    const link: Link = {
      place,
      began: undefined,
      applied: false,
      job: new SyncJob(this.#options, {
        node: place.node,
        target: this.#target,
        turns: this.#turns,
        stream: () => nodes.stream(place),
        questions: () => nodes.questions(place),
        onStarted: (position) => {
          link.began = position;
          this.#started();
        },
        onSnapshotApplied: () => {
          link.applied = true;
          this.#snapshotApplied();
        },
        emit: (event) => this.#tell(event),
      }),
    };
    return link;
  }

  /**
   * One after another, since what an earlier run has left at the target is removed on the way: only the last one sees what is the target's own.
   * Resolves to whether that has to stay.
   */
  async #check(): Promise<boolean> {
    let protectTarget = false;
    for (const { job } of this.#links) {
      const isLast = job === this.#links.at(-1)?.job;
      const { source, target } = await job.check(isLast);
      this.#versions = { sourceVersion: source.version, targetVersion: target.facts.version };
      protectTarget = countKeys(target.facts) > 0 && this.#options.onConflict !== 'overwrite';
    }
    return protectTarget;
  }

  async #runLink({ job }: Link, protectTarget: boolean): Promise<void> {
    try {
      await job.run(protectTarget);
    } catch (error) {
      this.#failure ??= toNaruError(error);
      for (const other of this.#links) if (other.job !== job) other.job.abort(this.#failure);
    }
  }

  // ---- on the way

  #started(): void {
    if (this.#told.has('started')) return;
    this.#told.add('started');
    this.#emit({
      event: 'started',
      source: this.#sourceName,
      target: describeEndpoint(this.#options.to),
      ...this.#versions,
      ...this.#position((link) => link.began),
    });
  }

  get #sourceName(): string {
    const name = describeEndpoint(this.#options.from);
    const count = this.#links.length;
    return this.#nodes.isCluster ? `${name} (cluster, ${count} ${count === 1 ? 'master' : 'masters'})` : name;
  }

  #snapshotApplied(): void {
    if (this.#snapshotDone || this.#links.some((link) => !link.applied)) return;
    this.#snapshotDone = true;
    const { keys, skipped, snapshotBytes = 0 } = sumOf(this.#links.map(({ job }) => job.reading));
    this.#emit({ event: 'snapshot_done', keys, skipped, bytes: snapshotBytes, ms: this.#meter.elapsedMs });
    void this.#watch();
  }

  /** Tells when the lag of all links is zero at once for the first time, which may be all that is wanted. */
  async #watch(): Promise<void> {
    const newest = await watchForSynced(
      {
        lagBytes: () => this.#links.reduce((sum, { job }) => sum + job.behind, 0),
        newest: () =>
          Promise.all(this.#links.map(async (link) => ({ link, offset: await link.job.newest() }))),
        holds: (all) => all.every(({ link, offset }) => (link.job.position?.offset ?? -1) >= offset),
      },
      this.#ending.signal,
    );
    if (newest === undefined) return;
    const offsets = new Map(newest.map(({ link, offset }) => [link, offset]));
    const { replid: _, ...position } = this.#position((link) => {
      const replid = link.job.position?.replid ?? '';
      const offset = offsets.get(link);
      return offset === undefined ? undefined : { replid, offset };
    });
    this.#emit({ event: 'synced', ...countersIn(this.#reading), ...position, ms: this.#meter.elapsedMs });
    if (this.#options.untilSynced) this.stop();
  }

  get #reading(): ReturnType<typeof sumOf> {
    return sumOf(this.#links.map(({ job }) => job.reading));
  }

  /** That of the first link, and of a cluster those of all links that have one. */
  #position(of: (link: Link) => Position | undefined): {
    replid: string;
    offset: number;
    links?: LinkPosition[];
  } {
    const links = this.#links.flatMap((link) => {
      const position = of(link);
      return position === undefined ? [] : [{ node: link.place.node, ...position }];
    });
    const { replid, offset } = links[0] ?? { replid: '', offset: 0 };
    return { replid, offset, ...(this.#nodes.isCluster && { links }) };
  }

  #progress(): void {
    if (this.#links.every(({ began }) => began === undefined)) return;
    const event = this.#meter.progress(this.#reading);
    if (this.#nodes.isCluster) {
      event.links = this.#links.flatMap(({ job, began, place: { node } }) => {
        const { reading, position = began } = job;
        if (reading === undefined || position === undefined) return [];
        const { phase, lagMs, lagBytes, keys, commands } = reading;
        return [{ node, ...position, phase, lagMs, lagBytes, keys, commands }];
      });
    }
    this.#emit(event);
  }

  #done(): DoneEvent {
    const { lagMs, lagBytes, ...reading } = this.#reading;
    return {
      event: 'done',
      ...countersIn({ lagMs, lagBytes, ...reading }),
      ms: this.#meter.elapsedMs,
      lagMs,
      lagBytes,
      ...this.#position((link) => link.job.position),
    };
  }

  // ---- telling

  /** What several links find at the one target is told once. */
  #tell(event: WarningEvent | ErrorEvent): void {
    if (event.event === 'warning') this.#warn(event.code, event.message);
    else this.#emit(event);
  }

  #warn(code: string, message: string): void {
    const key = code === 'CLOCK_SKEW' || code === 'TARGET_EVICTS' ? code : `${code} ${message}`;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.#emit({ event: 'warning', code, message });
  }
}

function stoppedEarly(): NaruError {
  return new NaruError('STOPPED_EARLY', 'Stopped before the full copy began');
}

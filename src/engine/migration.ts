import { loadRules } from '../config/rules-of-options.ts';
import type { ResolvedSyncOptions } from '../config/sync-options.ts';
import { NaruError } from '../errors/errors.ts';
import type { Topology } from '../net/topology/topology.ts';
import { describeEndpoint } from '../net/url.ts';
import type { Pace } from '../source/redis/scan/pace.ts';
import { toNaruError } from './error-event.ts';
import type { DoneEvent, ErrorEvent, LinkPosition, SyncEvent, WarningEvent } from './events.ts';
import { findTarget } from './find-target.ts';
import { Meter, type Reading } from './meter.ts';
import { paceOf } from './pace.ts';
import { countKeys } from './precheck.ts';
import type { Position } from './reading.ts';
import { rulesEvent } from './rules-told.ts';
import { type MovableLink, SlotMover } from './slot-mover.ts';
import { SourceNodes, type SourcePlace } from './source-nodes.ts';
import { countersIn, sumOf } from './sums.ts';
import { SyncJob } from './sync-job.ts';
import { watchForSynced } from './synced-watch.ts';
import { targetKeys } from './target-keys.ts';
import { Turns } from './turns.ts';

interface Link extends MovableLink {
  /** where its full copy began; undefined: it has not begun */
  began: Position | undefined;
  applied: boolean;
  running: Promise<void>;
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
  readonly #pace: Pace | undefined;
  readonly #ending = new AbortController();
  readonly #told = new Set<string>();
  #nodes!: SourceNodes;
  #target!: Topology;
  #links: Link[] = [];
  readonly #running = new Set<Promise<void>>();
  /** what links did that have ended on the way, since their shard is no more */
  #ended: Reading[] = [];
  #protectTarget = false;
  /** undefined: the source is no cluster */
  #mover: SlotMover | undefined;
  readonly #moving = new AbortController();
  #failure: NaruError | undefined;
  #stopping = false;
  #versions = { sourceVersion: '', targetVersion: '' };
  #snapshotDone = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ResolvedSyncOptions, emit: (event: SyncEvent) => void) {
    this.#options = options;
    this.#emit = emit;
    this.#turns = new Turns(options.parallelSnapshots);
    this.#pace = paceOf(options);
  }

  /** Takes no more from the source than needed to end at a whole transaction, applies that, and ends. */
  stop(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    if (this.#links.length === 0) this.#ending.abort(stoppedEarly());
    void this.#stopLinks();
  }

  /** What was moved between the source's nodes has to be settled first: after that nothing comes that could do so. */
  async #stopLinks(): Promise<void> {
    if (this.#snapshotDone && this.#mover !== undefined) await this.#settle(this.#mover);
    this.#moving.abort();
    for (const { job } of this.#links) job.stop();
  }

  async #settle(mover: SlotMover): Promise<void> {
    const late = AbortSignal.timeout(this.#options.drainTimeout);
    try {
      await mover.settle(AbortSignal.any([late, this.#moving.signal]));
    } catch (error) {
      if (late.aborted) this.#fail(this.#unsettled());
      else if (!this.#moving.signal.aborted) this.#fail(toNaruError(error));
    }
  }

  #unsettled(): NaruError {
    const count = this.#mover?.pending ?? 0;
    const text = `${count} slots were moved between the source's nodes, and their keys could not be copied again within --drain-timeout`;
    return new NaruError('STOPPED_EARLY', text, { side: 'source' });
  }

  /** Runs to the end. Rejects with NaruError. */
  async run(): Promise<DoneEvent> {
    try {
      await this.#find();
      await this.#check();
      this.#timer = setInterval(() => this.#progress(), this.#options.progressInterval);
      for (const link of this.#links) this.#begin(link);
      this.#mover?.run().catch((error: unknown) => this.#fail(toNaruError(error)));
      while (this.#running.size > 0) await Promise.race(this.#running);
      if (this.#failure !== undefined) throw this.#failure;
      await this.#checkMoves();
      this.#tellRules();
      return this.#done();
    } catch (error) {
      const failure = this.#failure ?? toNaruError(error);
      for (const { job } of this.#links) job.abort(failure);
      throw failure;
    } finally {
      clearInterval(this.#timer);
      this.#moving.abort();
      this.#ending.abort(stoppedEarly());
    }
  }

  // ---- the beginning

  async #find(): Promise<void> {
    const { from, to, fromTopology } = this.#options;
    if (fromTopology?.endsWith('proxy')) throw proxyAsSource(fromTopology);
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
    if (this.#nodes.isCluster) this.#mover = await this.#makeMover();
    if (this.#stopping) throw stoppedEarly();
  }

  async #makeMover(): Promise<SlotMover> {
    const rules = await loadRules(this.#options);
    return new SlotMover({
      nodes: this.#nodes,
      keys: targetKeys(this.#options, this.#ending.signal, rules),
      signal: this.#moving.signal,
      links: () => this.#links,
      keepsKeys: () => this.#protectTarget,
      adjust: (empty) => this.#adjust(empty as Link[]),
    });
  }

  /** `isNew`: the master has joined since the run began, and what the target holds by now came from the others. */
  #linkAt(place: SourcePlace, isNew = false): Link {
    const { shard } = place;
    const nodes = this.#nodes;
    const link: Link = {
      place,
      began: undefined,
      applied: false,
      running: Promise.resolve(),
      job: new SyncJob(isNew ? { ...this.#options, onConflict: 'overwrite' } : this.#options, {
        node: place.node,
        target: this.#target,
        turns: this.#turns,
        pace: this.#pace,
        cluster: shard && {
          isLost: () => shard.lost,
          wentBack: () => this.#mover?.wentBack(),
          onElsewhere: (key) => this.#mover?.met(key),
          removeKeys: async (written) => this.#mover?.removeKeys(link, written),
          compareKeys: () => this.#mover?.compareKeys(link),
        },
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
   */
  async #check(): Promise<void> {
    for (const { job } of this.#links) {
      const isLast = job === this.#links.at(-1)?.job;
      const { source, target } = await job.check(isLast);
      this.#versions = { sourceVersion: source.version, targetVersion: target.facts.version };
      this.#protectTarget = countKeys(target.facts) > 0 && this.#options.onConflict !== 'overwrite';
    }
  }

  #begin(link: Link): void {
    const running = link.job
      .run(this.#protectTarget)
      .catch((error: unknown) => this.#fail(toNaruError(error), link))
      .finally(() => this.#running.delete(running));
    link.running = running;
    this.#running.add(running);
  }

  /** The first failure ends all links. */
  #fail(error: NaruError, of?: Link): void {
    this.#failure ??= error;
    for (const link of this.#links) if (link !== of) link.job.abort(this.#failure);
  }

  // ---- a cluster that changes

  async #adjust(empty: readonly Link[]): Promise<void> {
    for (const link of empty) {
      link.job.stop();
      await link.running;
      const { reading } = link.job;
      if (reading !== undefined) this.#ended.push({ ...reading, lagMs: 0, lagBytes: 0 });
      this.#links = this.#links.filter((other) => other !== link);
      this.#nodes.drop(link.place);
    }
    if (this.#failure !== undefined || this.#moving.signal.aborted) return;
    for (const place of this.#nodes.newPlaces()) {
      const link = this.#linkAt(place, true);
      this.#links.push(link);
      await link.job.check(false);
      this.#begin(link);
    }
  }

  /** Of a slot whose move began when the links were about to end, the one may have said that keys go, and the other not that they come. */
  async #checkMoves(): Promise<void> {
    await this.#mover?.seen(AbortSignal.timeout(this.#options.connectTimeout));
    if ((this.#mover?.pending ?? 0) > 0) throw this.#unsettled();
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
    this.#tellRules();
    void this.#watch();
  }

  /** Tells when the lag of all links is zero at once for the first time, which may be all that is wanted. */
  async #watch(): Promise<void> {
    const newest = await watchForSynced(
      {
        lagMs: () =>
          Math.max(0, ...this.#links.map(({ job }) => job.reading?.lagMs ?? Number.POSITIVE_INFINITY)),
        newest: () => this.#newest(),
        holds: (all) =>
          !this.#mover?.pending &&
          all.every(({ link, offset }) => (link.job.position?.offset ?? -1) >= offset),
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

  /** What all sources have written by now, and behind that whether slots were being moved then. */
  async #newest(): Promise<{ link: Link; offset: number }[]> {
    const all = await Promise.all(
      this.#links.map(async (link) => ({ link, offset: await link.job.newest() })),
    );
    await this.#mover?.look();
    return all;
  }

  get #reading(): Reading {
    return sumOf([...this.#ended, ...this.#links.map(({ job }) => job.reading)]);
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
    const moved = this.#mover?.pending ?? 0;
    if (moved > 0) event.waiting ??= `${moved} slots that move between the source's nodes`;
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

  #tellRules(): void {
    const rules = this.#links.flatMap(({ job }) => job.rules ?? []);
    if (rules.length > 0) this.#emit(rulesEvent(rules));
  }

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

/** A proxy that nobody called one is asked for PSYNC like any server. */
function proxyAsSource(kind: string): NaruError {
  const text = `sync can not copy from a proxy (--from-topology ${kind}): none passes PSYNC on; naru scan reads its keys`;
  return new NaruError('CONFIG_INVALID', text, { side: 'config' });
}

function stoppedEarly(): NaruError {
  return new NaruError('STOPPED_EARLY', 'Stopped before the full copy began');
}

import { setMaxListeners } from 'node:events';
import type { ResolvedScanOptions } from '../../config/scan-options.ts';
import { NaruError } from '../../errors/errors.ts';
import type { Topology } from '../../net/topology/topology.ts';
import { describeEndpoint } from '../../net/url.ts';
import { Load } from '../../source/redis/scan/load.ts';
import { Pace } from '../../source/redis/scan/pace.ts';
import { toNaruError } from '../error-event.ts';
import type { DoneEvent, ErrorEvent, SyncEvent, WarningEvent } from '../events.ts';
import { findTarget } from '../find-target.ts';
import { Meter, type Reading } from '../meter.ts';
import { rulesEvent } from '../rules-told.ts';
import { SourceNodes, type SourcePlace } from '../source-nodes.ts';
import { countersIn, sumOf } from '../sums.ts';
import { givesFunctions } from './copy-functions.ts';
import { sumOfCounts } from './key-count.ts';
import { LiveRun } from './live-run.ts';
import { ScanJob } from './scan-job.ts';
import { type LinkState, ScanState } from './scan-state.ts';
import { WalkRounds, type WalkRoundsHost } from './walk-rounds.ts';

interface Link {
  readonly place: SourcePlace;
  readonly job: ScanJob;
}

/** A cluster that is followed is looked at so often: a master that joins says so to nobody. */
const LOOK_MS = 5000;

/**
 * One scan: finds out what the source is, gives each of its masters a link of its own, all at once, and tells of all of them as of one run. The
 * first failure of one ends all; what the target holds by then is in the state, from which another run can go on.
 */
export class ScanRun {
  readonly #options: ResolvedScanOptions;
  readonly #emit: (event: SyncEvent) => void;
  readonly #meter = new Meter();
  readonly #ending = new AbortController();
  readonly #told = new Set<string>();
  readonly #pace: Pace;
  readonly #load: Load;
  readonly #state: ScanState;
  #earlier: ReadonlyMap<string, LinkState> | undefined;
  #nodes!: SourceNodes;
  #target!: Topology;
  readonly #rounds: WalkRounds;
  #links: Link[] = [];
  #running = new Set<Promise<void>>();
  #failure: NaruError | undefined;
  #timer: NodeJS.Timeout | undefined;
  #live: LiveRun | undefined;
  /** all that were ever made */
  readonly #jobs: ScanJob[] = [];
  #joining: Promise<void> = Promise.resolve();
  #versions = { sourceVersion: '', targetVersion: '' };

  constructor(options: ResolvedScanOptions, emit: (event: SyncEvent) => void) {
    this.#options = options;
    this.#emit = emit;
    // Each link, and each question to a node, ends with it.
    setMaxListeners(0, this.#ending.signal);
    this.#pace = new Pace(options.rateKeys, options.rateBytes);
    this.#load = new Load(options.maxLatency);
    this.#state = new ScanState(options, () => this.#places());
    this.#rounds = new WalkRounds(this.#roundsHost());
  }

  /** Reads no more; what the target holds is in the state. */
  stop(): void {
    const isFollowing = this.#links.length > 0 && this.#links.every(({ job }) => job.isFollowing);
    if (this.#live !== undefined && (isFollowing || this.#told.has('synced'))) this.#endFollowing();
    else this.#fail(stopped());
  }

  /** A scan that follows changes compares once more before it ends, also what has joined. A second word to stop changes nothing. */
  #endFollowing(): void {
    if (this.#told.has('ending')) return;
    this.#told.add('ending');
    const joined = this.#nodes.isCluster ? this.#nodes.refresh().then(() => this.#joinNew()) : this.#joining;
    joined
      .then(() => {
        for (const { job } of this.#links) job.stop();
      })
      .catch((error: unknown) => this.#fail(toNaruError(error)));
  }

  /** Runs to the end. Rejects with NaruError. */
  async run(): Promise<DoneEvent> {
    try {
      await this.#find();
      await this.#check();
      this.#started();
      this.#timer = setInterval(() => this.#progress(), this.#options.progressInterval);
      for (const link of this.#links) this.#begin(link);
      this.#state.begin((error) => this.#warn('STATE_NOT_WRITTEN', error.message));
      while (this.#running.size > 0) await Promise.race(this.#running);
      if (this.#failure !== undefined) throw this.#failure;
      await this.#state.remove();
      return this.#done();
    } catch (error) {
      const failure = this.#failure ?? toNaruError(error);
      this.#fail(failure);
      await Promise.all(this.#running);
      if (this.#timer !== undefined) await this.#save();
      throw failure;
    } finally {
      clearInterval(this.#timer);
      this.#state.stop();
      this.#load.stop();
      this.#ending.abort(stopped());
      this.#live?.close();
    }
  }

  async #save(): Promise<void> {
    try {
      if (this.#places().size > 0) await this.#state.save();
    } catch (error) {
      this.#warn('STATE_NOT_WRITTEN', toNaruError(error).message);
    }
  }

  // ---- the beginning

  async #find(): Promise<void> {
    this.#nodes = await SourceNodes.find(
      this.#options,
      {
        onChanged: () => {
          this.#live?.look();
          if (this.#live !== undefined)
            this.#joinNew().catch((error: unknown) => this.#fail(toNaruError(error)));
        },
        onMoved: (place) => this.#links.find((link) => link.place === place)?.job.moveOn(),
        onWarning: (code, message) => this.#warn(code, message),
      },
      this.#ending.signal,
    );
    this.#target = await findTarget(this.#options, this.#ending.signal);
    this.#state.at(this.#nodes.topology);
    await this.#loadState();
    this.#links = this.#nodes.newPlaces().map((place) => this.#linkAt(place));
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #loadState(): Promise<void> {
    if (!this.#options.resume) return;
    if (this.#options.onConflict === 'fail') {
      const text =
        'resume: what was written after the last state was saved is written once more, which does not go with --on-conflict fail';
      throw new NaruError('CONFIG_INVALID', text, { side: 'config' });
    }
    this.#earlier = await this.#state.load();
    if (!this.#earlier?.size)
      this.#warn('NOTHING_TO_RESUME', 'No state in --dir that holds (slots may have moved): it begins anew.');
  }

  #linkAt(place: SourcePlace): Link {
    const { shard } = place;
    if (shard !== undefined) this.#rounds.begin(place, this.#nodes.topology);
    const { live, onConflict: policy = this.#earlier && 'overwrite' } = this.#options;
    // A live scan keeps to the policy by itself: it does not read what the target may not lose.
    const onConflict = live && policy !== undefined ? 'overwrite' : policy;
    const link: { job?: ScanJob } = {};
    const job = new ScanJob(
      { ...this.#options, onConflict },
      {
        node: place.node,
        source: this.#nodes.topology,
        target: this.#target,
        pace: this.#pace,
        from: this.#earlier?.get(place.node),
        functions: givesFunctions(this.#options, this.#jobs.length === 0),
        owns: shard && ((slot) => this.#owner(slot) === shard.masterId),
        endpoint: () => this.#nodes.questions(place),
        masterId: () => shard?.masterId ?? '',
        live: () => this.#live,
        walked: () => (this.#options.live ? Promise.resolve(false) : this.#rounds.arrived(place)),
        emit: (event) => this.#tell(event),
        onSynced: () => this.#oneSynced(link),
      },
      this.#load,
    );
    link.job = job;
    this.#jobs.push(job);
    return { place, job };
  }

  #owner(slot: number): string | undefined {
    const { nodes, owners } = this.#nodes.topology;
    return nodes[owners[slot] as number]?.id;
  }

  /** As in Migration: only the last one sees what is the target's own. */
  async #check(): Promise<void> {
    for (const { job } of this.#links) {
      const { source, target } = await this.#checkOne(job, job === this.#links.at(-1)?.job);
      this.#versions = { sourceVersion: source.version, targetVersion: target.facts.version };
    }
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#options.live) await this.#beginLive();
  }

  async #beginLive(): Promise<void> {
    const nodes = this.#nodes;
    const { kind, databases = 1 } = this.#target;
    const keys = this.#links.map(({ job }) => job.expectedKeys);
    this.#live = await LiveRun.begin({
      options: this.#options,
      merged: (kind === 'cluster' || kind === 'proxy') && databases === 1,
      keysExpected: keys.includes(undefined)
        ? undefined
        : keys.reduce((sum: number, some = 0) => sum + some, 0),
      name: describeEndpoint(this.#options.from),
      members: this.#jobs,
      cluster: nodes.isCluster ? { topology: nodes.topology, refresh: () => nodes.refresh() } : undefined,
      signal: this.#ending.signal,
      warn: (code, message) => this.#warn(code, message),
      onFailure: (error) => this.#fail(toNaruError(error)),
    });
    if (!nodes.isCluster) return;
    const timer = setInterval(() => nodes.suspect(), LOOK_MS);
    this.#ending.signal.addEventListener('abort', () => clearInterval(timer));
  }

  #oneSynced(link: { job?: ScanJob }): void {
    if (link.job !== undefined) link.job.synced = true;
    if (this.#told.has('synced') || this.#links.some(({ job }) => !job.synced)) return;
    this.#told.add('synced');
    this.#emit({ event: 'synced', ...countersIn(this.#reading), offset: 0, ms: this.#meter.elapsedMs });
    if (this.#options.untilSynced) this.#endFollowing();
  }

  async #checkOne(job: ScanJob, isLast: boolean): ReturnType<ScanJob['check']> {
    try {
      return await job.check(isLast);
    } catch (error) {
      const failure = toNaruError(error);
      const earlier = await this.#state.load().catch(() => undefined);
      if (failure.code !== 'TARGET_NOT_EMPTY' || earlier === undefined) throw failure;
      const text = `${failure.message}, and an earlier run was interrupted: --resume goes on with that`;
      throw new NaruError(failure.code, text, failure.place);
    }
  }

  #begin({ job }: Link): void {
    const running = job
      .run()
      .catch((error: unknown) => this.#fail(toNaruError(error)))
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** The first failure ends all links. */
  #fail(error: NaruError): void {
    this.#failure ??= error;
    this.#ending.abort(this.#failure);
    for (const { job } of this.#links) job.abort(this.#failure);
  }

  // ---- a cluster that changes

  #roundsHost(): WalkRoundsHost {
    const links = (): readonly Link[] => this.#links;
    return {
      onConflict: this.#options.onConflict,
      signal: this.#ending.signal,
      get count() {
        return links().length;
      },
      nodes: () => this.#nodes,
      join: (place) => this.#join(place),
      warn: (code, message) => this.#warn(code, message),
      onFailure: (error) => this.#fail(toNaruError(error)),
    };
  }

  /** Masters that have got slots and had none. */
  #joinNew(): Promise<void> {
    this.#joining = this.#joining.then(async () => {
      for (const place of this.#nodes.newPlaces()) await this.#join(place);
    });
    return this.#joining;
  }

  async #join(place: SourcePlace): Promise<void> {
    const link = this.#linkAt(place);
    this.#links.push(link);
    await link.job.check(false);
    this.#begin(link);
    if (this.#told.has('ending')) link.job.stop();
  }

  // ---- telling

  #started(): void {
    const keys = this.#links.map(({ job }) => job.expectedKeys);
    const isKnown = this.#options.keysFile === undefined && !keys.includes(undefined);
    const count = this.#links.length;
    const masters = this.#nodes.isCluster ? ` (cluster, ${count} ${count === 1 ? 'master' : 'masters'})` : '';
    this.#emit({
      event: 'started',
      source: describeEndpoint(this.#options.from) + masters,
      target: describeEndpoint(this.#options.to),
      ...this.#versions,
      expectedKeys: isKnown ? keys.reduce((sum: number, some = 0) => sum + some, 0) : -1,
      resumed: this.#earlier !== undefined,
      replid: '',
      offset: 0,
    });
  }

  get #reading(): Reading {
    const sum = sumOf(this.#links.map(({ job }) => job.reading));
    // Of what an earlier run has copied only the place is known.
    const expectedKeys = this.#earlier === undefined ? sum.expectedKeys : undefined;
    const skipped = sum.skipped + (this.#live?.kept ?? 0);
    return { ...sum, skipped, phase: sum.phase === 'snapshot' ? 'scan' : sum.phase, expectedKeys };
  }

  #progress(): void {
    this.#emit(this.#meter.progress(this.#reading));
  }

  #done(): DoneEvent {
    const rules = this.#links.flatMap(({ job }) => job.rules ?? []);
    if (rules.length > 0) this.#emit(rulesEvent(rules));
    const { lagMs, lagBytes, vanished = 0, ...reading } = this.#reading;
    return {
      event: 'done',
      ...countersIn({ lagMs, lagBytes, ...reading }),
      vanished,
      ...sumOfCounts(this.#links.map(({ job }) => job.counted)),
      ms: this.#meter.elapsedMs,
      lagMs,
      lagBytes,
      replid: '',
      offset: 0,
    };
  }

  #places(): ReadonlyMap<string, LinkState> {
    const places = new Map<string, LinkState>();
    for (const { job, place } of this.#links) {
      const state = job.state ?? this.#earlier?.get(place.node);
      if (state !== undefined) places.set(place.node, state);
    }
    return places;
  }

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

function stopped(): NaruError {
  return new NaruError('STOPPED_EARLY', 'Stopped before all keys were copied: --resume goes on from here');
}

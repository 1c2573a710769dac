import path from 'node:path';
import type { ResolvedScanOptions } from '../../config/scan-options.ts';
import { delay } from '../../net/backoff.ts';
import type { Topology } from '../../net/topology/topology.ts';
import type { Batch } from '../../source/redis/scan/batch.ts';
import { Fingerprints } from '../../source/redis/scan/fingerprints.ts';
import type { ScanMemory } from '../../source/redis/scan/memory.ts';
import { fileName } from '../assembly.ts';
import { Libraries } from './libraries.ts';
import { SharedNames } from './shared-names.ts';
import { type SlotReader, SlotReaders } from './slot-readers.ts';
import { Sweeper } from './sweeper.ts';
import { SLOTS_MOVING } from './walk-rounds.ts';

/** A link, as far as the others have to do with it. */
export interface LiveMember extends SlotReader {
  /** No key waits to be read, and none will for what the link itself has removed; where nobody tells what changes, no slot has come since all keys were compared. */
  readonly isQuiet: boolean;
  /** Nobody tells what changes at its node. */
  readonly byPasses: boolean;
  /** The databases of its node that held keys at any time. */
  readonly databases: readonly number[];
}

export interface LiveRunOptions {
  options: ResolvedScanOptions;
  /** all databases of the source go into one */
  merged: boolean;
  keysExpected: number | undefined;
  /** names the run's files */
  name: string;
  /** may become more */
  members: readonly LiveMember[];
  /** of a source that is a cluster */
  cluster: { topology: Topology; refresh(): Promise<Topology> } | undefined;
  signal: AbortSignal;
  warn(code: string, message: string): void;
  onFailure(error: unknown): void;
}

/** At the end of a cluster's scan it is looked so often whether anybody has anything to read. */
const END_MS = 50;

/** What the links of a scan that follows changes have in common: what each key was when it was read last, and who reads it. */
export class LiveRun {
  readonly memory: ScanMemory;
  readonly libraries: Libraries = new Libraries();
  readonly #prints: Fingerprints;
  /** undefined: each key has a name of its own at the target */
  readonly #names: SharedNames | undefined;
  readonly #members: readonly LiveMember[];
  readonly #sweeper: Sweeper;
  readonly #readers: SlotReaders | undefined;
  readonly #signal: AbortSignal;
  readonly #warn: LiveRunOptions['warn'];
  readonly #atEnd = new Set<LiveMember>();
  #over = false;

  private constructor(run: LiveRunOptions, sweeper: Sweeper) {
    const { options, name, keysExpected, members, cluster, signal } = run;
    this.#members = members;
    this.#sweeper = sweeper;
    this.#signal = signal;
    this.#warn = run.warn;
    const file = path.join(options.dir, `${fileName(name)}.prints`);
    this.#prints = new Fingerprints({ path: file, ...(keysExpected !== undefined && { keysExpected }) });
    const { rules } = sweeper;
    if (rules === undefined ? run.merged : rules.renames || rules.mergesDbs)
      this.#names = new SharedNames(this.#prints, rules);
    this.memory = {
      prints: this.#names ?? this.#prints,
      sharesNames: this.#names !== undefined,
      keptThere: (db, buf, start, end) => sweeper.keptThere(db, buf, start, end),
      taken: (db, buf, start, end) => sweeper.taken(db, buf, start, end),
    };
    this.#readers =
      cluster && new SlotReaders(members, cluster.topology, cluster.refresh, signal, run.onFailure);
  }

  /** Before anything is written to the target. Rejects with NaruError. */
  static async begin(run: LiveRunOptions): Promise<LiveRun> {
    const found: { run?: LiveRun } = {};
    const sweeper = await Sweeper.begin(run.options, run.merged, run.signal, {
      readAgain: (db, keys) => found.run?.readAgain(db, keys),
      warn: run.warn,
      onFailure: run.onFailure,
    });
    found.run = new LiveRun(run, sweeper);
    return found.run;
  }

  /** Keys of the source that are not copied, since the target has others of the same names. */
  get kept(): number {
    return this.#sweeper.kept;
  }

  close(): void {
    this.#prints.close();
  }

  /** Has all keys looked for at the source that the target has. Rejects with NaruError. */
  sweep(): Promise<void> {
    return this.#sweeper.sweep();
  }

  /** Slots of the source may have other owners. */
  look(): void {
    this.#readers?.look();
  }

  /** As that of SlotReaders; undefined: a node reads all that it has. */
  siftFor(member: LiveMember): ((batch: Batch) => void) | undefined {
    const readers = this.#readers;
    return readers && ((batch) => readers.sift(member, batch));
  }

  elsewhere(db: number, key: Buffer, sinceMs: number): void {
    this.#readers?.put(db, key, sinceMs);
  }

  get elsewhereSince(): number | undefined {
    return this.#readers?.sinceMs;
  }

  /** A link has read all that it was told: resolves to whether all others have too, else it has to look once more. Rejects when the run ends. */
  async mayEnd(member: LiveMember): Promise<boolean> {
    this.#atEnd.add(member);
    if (!this.#over && this.#isQuiet && (await this.#slotsAreAtRest())) this.#over ||= this.#isQuiet;
    if (!this.#over) await delay(END_MS, this.#signal);
    this.#atEnd.delete(member);
    return this.#over;
  }

  get #isQuiet(): boolean {
    const members = this.#members;
    const areAtEnd = members.every((each) => each.isQuiet && this.#atEnd.has(each));
    return areAtEnd && this.elsewhereSince === undefined;
  }

  /** A key that is moved is told at its new node. Where nobody tells, it may have been here when all keys were compared there. */
  async #slotsAreAtRest(): Promise<boolean> {
    if (this.#readers === undefined || !this.#members.some(({ byPasses }) => byPasses)) return true;
    const areAtRest = await this.#readers.areAtRest();
    if (!areAtRest) this.#warn('SLOTS_MOVING', SLOTS_MOVING);
    return areAtRest;
  }

  /** `db` undefined: in all databases. */
  readAgain(db: number | undefined, keys: readonly Buffer[], sinceMs: number = Date.now()): void {
    if (this.#readers === undefined) this.#members[0]?.readAgain(db, namesOf(keys, sinceMs));
    else for (const key of keys) this.#readers.give(db, key, sinceMs);
  }

  /** The target has removed what these keys are there: others of the same names are read again, and written. */
  removed(member: LiveMember, db: number, keys: readonly Buffer[], sinceMs: number): void {
    for (const [of, others] of this.#names?.others(member.databases, db, keys) ?? [])
      if (others.length > 0) this.readAgain(of, others, sinceMs);
  }
}

function namesOf(keys: readonly Buffer[], ms: number): ReadonlyMap<string, number> {
  return new Map(keys.map((key) => [key.toString('latin1'), ms]));
}

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ResolvedDumpOptions } from '../../config/file-options.ts';
import { loadRules } from '../../config/rules-of-options.ts';
import { NaruError } from '../../errors/errors.ts';
import { describeEndpoint } from '../../net/url.ts';
import type { Rules } from '../../rules/rules.ts';
import type { Pace } from '../../source/redis/scan/pace.ts';
import type { ByteTaker } from '../../target/file/paced-writer.ts';
import { type DumpOutput, dumpToStream, openRdbFile, unwritable } from '../../target/file/rdb-file.ts';
import { fileName } from '../assembly.ts';
import { toNaruError } from '../error-event.ts';
import type { Counters, DoneEvent, LinkPosition, SyncEvent } from '../events.ts';
import type { NodeFacts } from '../facts.ts';
import { Meter } from '../meter.ts';
import { paceOf } from '../pace.ts';
import { rulesEvent } from '../rules-told.ts';
import { type Run, startRun } from '../run.ts';
import type { SourcePlace } from '../source-nodes.ts';
import { Turns } from '../turns.ts';
import { DumpSource } from './dump-source.ts';
import { DumpWriter } from './dump-writer.ts';
import { NodeDump } from './node-dump.ts';

const STDOUT = '-';

/** `naru dump`. `out` takes the bytes where the target is `-`. */
export function dump(options: ResolvedDumpOptions, out: ByteTaker): Run {
  return startRun((emit) => new DumpJob(options, out, emit));
}

const ONE_NODE =
  'The source is a node of a cluster: the file gets the keys of its slots only. Dump each of the masters.';

/**
 * Asks a source for its full copy, of a cluster each master for its own, and writes down what comes: into one file, one behind the other, or into one
 * each. No file gets its name before all are whole.
 */
export class DumpJob {
  readonly #options: ResolvedDumpOptions;
  readonly #out: ByteTaker;
  readonly #emit: (event: SyncEvent) => void;
  readonly #meter = new Meter();
  readonly #stopping = new AbortController();
  readonly #pace: Pace | undefined;
  readonly #told = new Set<string>();
  readonly #outputs: DumpOutput[] = [];
  /** none where the file is what the source sends */
  readonly #writers: DumpWriter[] = [];
  readonly #dumps: NodeDump[] = [];
  readonly #positions: LinkPosition[] = [];
  #source!: DumpSource;
  #rules: Rules | undefined;
  #version = '';

  constructor(options: ResolvedDumpOptions, out: ByteTaker, emit: (event: SyncEvent) => void) {
    this.#options = options;
    this.#out = out;
    this.#emit = emit;
    this.#pace = paceOf(options);
  }

  stop(): void {
    this.#stopping.abort(new NaruError('STOPPED_EARLY', 'Stopped before the file was whole'));
  }

  async run(): Promise<DoneEvent> {
    const { signal } = this.#stopping;
    const timer = setInterval(() => this.#progress(), this.#options.progressInterval);
    try {
      this.#rules = await loadRules(this.#options);
      const { to } = this.#options;
      const only = to.endsWith('/') ? undefined : await this.#open(to);
      const warn = (code: string, message: string): void => this.#warn(code, message);
      this.#source = await DumpSource.find(this.#options, warn, signal);
      await (only === undefined ? this.#dumpApart(to) : this.#dumpTogether(only));
      await this.#source.check();
      signal.throwIfAborted();
      for (const output of this.#outputs) await output.commit();
      return this.#done();
    } catch (error) {
      // Others of a cluster may be under way.
      const failure = signal.aborted ? signal.reason : error;
      this.#stopping.abort(failure);
      for (const output of this.#outputs) await output.discard();
      throw failure;
    } finally {
      clearInterval(timer);
      this.#stopping.abort(new NaruError('STOPPED_EARLY', 'The run is over'));
    }
  }

  // ---- files

  async #open(path: string): Promise<DumpOutput> {
    const output =
      path === STDOUT ? dumpToStream(this.#out) : await openRdbFile(path, this.#options.overwrite);
    this.#outputs.push(output);
    return output;
  }

  /** A file can only be what the source sends where it has all of it, and nothing else. */
  #writerTo({ writer }: DumpOutput): DumpWriter | undefined {
    if (this.#rules === undefined && !this.#source.isCluster) return undefined;
    const made = new DumpWriter(this.#rules, (bytes) => writer.write(bytes));
    this.#writers.push(made);
    return made;
  }

  /** One node's behind the other's. */
  async #dumpTogether(output: DumpOutput): Promise<void> {
    const writer = this.#writerTo(output);
    for (const place of this.#source.places) await this.#dump(place, output, writer);
    await this.#end(output, writer);
  }

  async #dumpApart(folder: string): Promise<void> {
    await makeFolder(folder);
    const turns = new Turns(this.#options.parallelSnapshots);
    const dumpOne = async (place: SourcePlace): Promise<void> => {
      const holder = {};
      await turns.take(holder, this.#stopping.signal);
      try {
        const output = await this.#open(join(folder, `${fileName(place.node)}.rdb`));
        const writer = this.#writerTo(output);
        await this.#dump(place, output, writer);
        await this.#end(output, writer);
      } finally {
        turns.give(holder);
      }
    };
    const all = this.#source.places.map((place) =>
      dumpOne(place).catch((error: unknown) => {
        this.#stopping.abort(toNaruError(error));
        throw error;
      }),
    );
    await Promise.allSettled(all);
    await Promise.all(all);
  }

  async #end(output: DumpOutput, writer: DumpWriter | undefined): Promise<void> {
    try {
      writer?.end();
      await output.writer.room();
    } catch (error) {
      throw output.explain(error);
    }
  }

  // ---- nodes

  async #dump(place: SourcePlace, output: DumpOutput, writer: DumpWriter | undefined): Promise<void> {
    const { signal } = this.#stopping;
    const dump = new NodeDump({
      options: this.#options,
      endpoint: await this.#source.endpoint(place),
      owns: this.#source.owns(place),
      output,
      writer,
      transform: this.#rules?.transform,
      pace: this.#pace,
      signal,
      onFacts: (facts) => this.#asked(facts),
      onStarted: (position) => this.#started({ node: place.node, ...position }),
    });
    this.#dumps.push(dump);
    await dump.run();
    signal.throwIfAborted();
  }

  #asked({ inCluster, version }: NodeFacts): void {
    if (inCluster && !this.#source.isCluster) this.#warn('ONE_NODE', ONE_NODE);
    this.#version ||= version;
  }

  #started(position: LinkPosition): void {
    this.#positions.push(position);
    if (this.#positions.length > 1) return;
    const name = describeEndpoint(this.#options.from);
    const count = this.#source.places.length;
    const masters = ` (cluster, ${count} ${count === 1 ? 'master' : 'masters'})`;
    this.#emit({
      event: 'started',
      source: this.#source.isCluster ? name + masters : name,
      target: this.#options.to,
      sourceVersion: this.#version,
      targetVersion: 'RDB',
      ...this.#position,
    });
  }

  // ---- telling

  get #position(): { replid: string; offset: number; links?: LinkPosition[] } {
    const { replid, offset } = this.#positions[0] ?? { replid: '', offset: 0 };
    return { replid, offset, ...(this.#source.isCluster && { links: [...this.#positions] }) };
  }

  get #counters(): Counters {
    const counted = this.#writers.length > 0 ? this.#writers : this.#dumps;
    return {
      keys: counted.reduce((sum, { keys }) => sum + keys, 0),
      skipped: this.#writers.reduce((sum, { strangers }) => sum + strangers, 0),
      lost: 0,
      commands: 0,
      recopied: 0,
      split: 0,
      bytes: this.#dumps.reduce((sum, { bytes }) => sum + bytes, 0),
    };
  }

  /** How much comes is known once all have begun. */
  get #size(): number | undefined {
    if (this.#dumps.length < this.#source.places.length) return undefined;
    return this.#dumps.reduce<number | undefined>(
      (sum, { size }) => (sum === undefined || size === undefined ? undefined : sum + size),
      0,
    );
  }

  #progress(): void {
    const hasBegun = this.#positions.length > 0;
    const counters = this.#counters;
    this.#emit(
      this.#meter.progress({
        ...counters,
        phase: hasBegun ? 'snapshot' : 'connecting',
        lagMs: 0,
        lagBytes: 0,
        spoolDiskBytes: 0,
        snapshotBytes: hasBegun ? this.#size : undefined,
        snapshotAckedBytes: counters.bytes,
        waiting: undefined,
      }),
    );
  }

  #done(): DoneEvent {
    const { skipped, keys, bytes, ...rest } = this.#counters;
    const ms = this.#meter.elapsedMs;
    this.#emit({ event: 'snapshot_done', keys, skipped, bytes, ms });
    if (this.#rules !== undefined) this.#emit(rulesEvent([this.#rules]));
    const left = this.#writers.reduce((sum, { modulesLeftOut }) => sum + modulesLeftOut, 0);
    if (left > 0) this.#warn('LEFT_OUT', modulesText(left));
    if (skipped > 0) this.#warn('NOT_OWNED', strangersText(skipped));
    return { event: 'done', ...rest, keys, skipped, bytes, ms, lagMs: 0, lagBytes: 0, ...this.#position };
  }

  #warn(code: string, message: string): void {
    if (this.#told.has(message)) return;
    this.#told.add(message);
    this.#emit({ event: 'warning', code, message });
  }
}

function modulesText(count: number): string {
  return `Data that modules keep beside keys was left out ${count} times: of a cluster, and under rules, only keys and functions are written.`;
}

function strangersText(count: number): string {
  return `${count} keys were left out: the nodes that hold them do not own their slots, as the rests of a slot that was moved.`;
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw unwritable(path, error);
  }
}

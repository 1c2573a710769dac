import type { ResolvedDumpOptions } from '../../config/file-options.ts';
import { loadRules } from '../../config/rules-of-options.ts';
import { NaruError } from '../../errors/errors.ts';
import { delay } from '../../net/backoff.ts';
import { openClient } from '../../net/client.ts';
import { describeEndpoint } from '../../net/url.ts';
import { toFormatFailure } from '../../pipeline/format-failure.ts';
import { FormatError } from '../../protocol/format-error.ts';
import { RdbWalker } from '../../protocol/rdb/walker.ts';
import type { Rules } from '../../rules/rules.ts';
import { type Psync, psync, SILENCE_MS } from '../../source/redis/psync.ts';
import type { Pace } from '../../source/redis/scan/pace.ts';
import { SnapshotReceiver } from '../../source/redis/snapshot-receiver.ts';
import type { ByteTaker } from '../../target/file/paced-writer.ts';
import { type DumpOutput, dumpToStream, openRdbFile } from '../../target/file/rdb-file.ts';
import { toNaruError } from '../error-event.ts';
import type { Counters, DoneEvent, SyncEvent } from '../events.ts';
import { type NodeFacts, readFacts, VALKEY_READ } from '../facts.ts';
import { Meter } from '../meter.ts';
import { paceOf } from '../pace.ts';
import { rulesEvent } from '../rules-told.ts';
import { type Run, startRun } from '../run.ts';
import { KeyCounter } from './key-counter.ts';
import { RuledDump } from './ruled-dump.ts';

const STDOUT = '-';
/** A wait for a limit is looked at again after this. */
const PACE_MS = 100;
/** Values are not wanted: those that are larger need not be held. */
const BIG_ENTRY_BYTES = 1024 * 1024;

/** `naru dump`. `out` takes the bytes where the target is `-`. */
export function dump(options: ResolvedDumpOptions, out: ByteTaker): Run {
  return startRun((emit) => new DumpJob(options, out, emit));
}

const ONE_NODE =
  'The source is a node of a cluster: the file gets the keys of its slots only. Dump each of the masters.';

function modulesText(count: number): string {
  return `Data that modules keep beside keys was left out ${count} times: under rules only keys and functions are written.`;
}

/**
 * Asks a source for a full copy as a replica does, and writes its bytes down as they come. They are walked on the way, so that a copy whose checksum
 * does not match, or that breaks off, never gets the file's name.
 */
export class DumpJob {
  readonly #options: ResolvedDumpOptions;
  readonly #out: ByteTaker;
  readonly #emit: (event: SyncEvent) => void;
  readonly #meter = new Meter();
  readonly #node: string;
  readonly #stopping = new AbortController();
  readonly #pace: Pace | undefined;
  readonly #counter = new KeyCounter();
  #walker!: RdbWalker;
  /** undefined: the file is what the source sends */
  #ruled: RuledDump | undefined;
  #rules: Rules | undefined;
  #bytes = 0;
  #size: number | undefined;
  #position = { replid: '', offset: 0 };

  constructor(options: ResolvedDumpOptions, out: ByteTaker, emit: (event: SyncEvent) => void) {
    this.#options = options;
    this.#out = out;
    this.#emit = emit;
    this.#node = describeEndpoint(options.from);
    this.#pace = paceOf(options);
  }

  stop(): void {
    this.#stopping.abort(new NaruError('STOPPED_EARLY', 'Stopped before the file was whole'));
  }

  async run(): Promise<DoneEvent> {
    const { to, overwrite } = this.#options;
    this.#rules = await loadRules(this.#options);
    const output = to === STDOUT ? dumpToStream(this.#out) : await openRdbFile(to, overwrite);
    const timer = setInterval(() => this.#progress(), this.#options.progressInterval);
    try {
      this.#assemble(output);
      await this.#transfer(output, await this.#ask(await this.#facts()));
      this.#stopping.signal.throwIfAborted();
      await output.commit();
      return this.#done();
    } catch (error) {
      await output.discard();
      throw this.#stopping.signal.aborted ? this.#stopping.signal.reason : error;
    } finally {
      clearInterval(timer);
    }
  }

  #assemble({ writer }: DumpOutput): void {
    this.#ruled = this.#rules && new RuledDump(this.#rules, (bytes) => writer.write(bytes));
    this.#walker = new RdbWalker(this.#ruled?.sink ?? this.#counter, { bigEntryBytes: BIG_ENTRY_BYTES });
  }

  // ---- the source

  get #connecting(): { tls: object; timeoutMs: number; side: 'source'; signal: AbortSignal } {
    const { fromTls = {}, connectTimeout } = this.#options;
    return { tls: fromTls, timeoutMs: connectTimeout, side: 'source', signal: this.#stopping.signal };
  }

  async #facts(): Promise<NodeFacts> {
    const client = await openClient({ ...this.#options.from, db: 0 }, this.#connecting);
    try {
      const facts = await readFacts(client);
      if (facts.inCluster) this.#emit({ event: 'warning', code: 'ONE_NODE', message: ONE_NODE });
      return facts;
    } finally {
      client.connection.destroy();
    }
  }

  #ask({ version: sourceVersion, flavour, expiringFields }: NodeFacts): Promise<Psync> {
    const { from, psyncCommand, to } = this.#options;
    // Without a word a Valkey writes what Redis 7.2 reads too, and can't where fields of hashes expire.
    const announceVersion = flavour === 'valkey' && expiringFields ? VALKEY_READ : undefined;
    const options = { ...this.#connecting, psyncCommand, announceVersion };
    return psync({ ...from, db: 0 }, options, undefined, (replid, offset) => {
      this.#position = { replid, offset };
      this.#emit({
        event: 'started',
        source: this.#node,
        target: to,
        sourceVersion,
        targetVersion: 'RDB',
        replid,
        offset,
      });
    });
  }

  // ---- the bytes

  async #transfer(output: DumpOutput, { connection, result, takeRest }: Psync): Promise<void> {
    if (result.kind !== 'full' && result.kind !== 'full-eof') {
      connection.destroy();
      throw new NaruError('INTERNAL', `A full copy was asked for, the answer is ${result.kind}`);
    }
    if (result.kind === 'full') this.#size = result.size;
    const { signal } = this.#stopping;
    const onStop = (): void => connection.destroy(toNaruError(signal.reason));
    signal.addEventListener('abort', onStop, { once: true });
    try {
      if (signal.aborted) onStop();
      const receiver = new SnapshotReceiver(connection, result, SILENCE_MS);
      for await (const chunk of receiver.chunks(takeRest)) {
        const { keys } = this.#walked;
        this.#walk(chunk);
        await this.#write(output, chunk);
        if (this.#pace !== undefined) await this.#paced(this.#pace, this.#walked.keys - keys, chunk.length);
      }
      this.#checked(() => this.#walker.end());
    } finally {
      signal.removeEventListener('abort', onStop);
    }
  }

  get #walked(): { keys: number } {
    return this.#ruled ?? this.#counter;
  }

  /** Waits until the limits of keys and bytes allow for what came. */
  async #paced(pace: Pace, keys: number, bytes: number): Promise<void> {
    pace.took(keys, bytes);
    while (pace.waitMs > 0) await delay(Math.min(pace.waitMs, PACE_MS), this.#stopping.signal);
  }

  #walk(chunk: Buffer): void {
    const walker = this.#walker;
    let pos = 0;
    const work = (): void => {
      while (pos < chunk.length && !walker.finished) {
        pos = walker.write(chunk, pos, chunk.length);
        this.#ruled?.walked(walker, chunk, this.#bytes, pos);
      }
    };
    const { transform } = this.#rules ?? {};
    this.#checked(() => (transform === undefined ? work() : transform.watched(work)));
    this.#bytes += chunk.length;
    if (pos === chunk.length) return;
    const offset = this.#bytes - chunk.length + pos;
    const text = `The RDB ends at offset ${offset}, and the source sends more`;
    throw new NaruError('BAD_FORMAT', text, { side: 'source', node: this.#node, offset });
  }

  #checked(walk: () => void): void {
    try {
      walk();
    } catch (error) {
      throw error instanceof FormatError ? toFormatFailure(error, this.#node) : error;
    }
  }

  async #write(output: DumpOutput, chunk: Buffer): Promise<void> {
    try {
      if (this.#ruled === undefined) output.writer.write(chunk);
      await output.writer.room();
    } catch (error) {
      throw output.explain(error);
    }
  }

  // ---- telling

  get #counters(): Counters {
    return {
      keys: this.#walked.keys,
      skipped: 0,
      lost: 0,
      commands: 0,
      recopied: 0,
      split: 0,
      bytes: this.#bytes,
    };
  }

  #progress(): void {
    this.#emit(
      this.#meter.progress({
        ...this.#counters,
        phase: this.#position.replid === '' ? 'connecting' : 'snapshot',
        lagMs: 0,
        lagBytes: 0,
        spoolDiskBytes: 0,
        snapshotBytes: this.#size,
        snapshotAckedBytes: this.#bytes,
        waiting: undefined,
      }),
    );
  }

  #done(): DoneEvent {
    const { keys, bytes } = this.#counters;
    const ms = this.#meter.elapsedMs;
    this.#emit({ event: 'snapshot_done', keys, skipped: 0, bytes, ms });
    if (this.#rules !== undefined) this.#emit(rulesEvent([this.#rules]));
    const left = this.#ruled?.modulesLeftOut ?? 0;
    if (left > 0) this.#emit({ event: 'warning', code: 'LEFT_OUT', message: modulesText(left) });
    return { event: 'done', ...this.#counters, ms, lagMs: 0, lagBytes: 0, ...this.#position };
  }
}

import { isNaruError, NaruError } from '../errors/errors.ts';
import { delay } from '../net/backoff.ts';
import { FormatError } from '../protocol/format-error.ts';
import type { RdbSink } from '../protocol/rdb/sink.ts';
import { RdbWalker } from '../protocol/rdb/walker.ts';
import { CommandWalker, type StreamSink } from '../protocol/resp/command-walker.ts';
import type { Pace } from '../source/redis/scan/pace.ts';
import { Signal } from '../spool/signal.ts';
import type { Spool } from '../spool/spool.ts';
import type { Target } from '../target/target.ts';
import { toFormatFailure } from './format-failure.ts';
import { type Named, nameCommand, nameEntry } from './naming.ts';
import type { Recopier } from './recopy/recopier.ts';
import { RuledSnapshot } from './rules/ruled-snapshot.ts';
import { RuledStream, type RuledStreamOptions } from './rules/ruled-stream.ts';
import type { SharedTarget } from './shared-target.ts';
import type { SnapshotApplier } from './snapshot-applier.ts';
import type { StreamApplier } from './stream-applier.ts';

/** The most that is decoded before the target is looked at again: what one slice expands to bounds the memory, not the data's size. */
const SLICE_BYTES = 64 * 1024;
/** The same where so many keys or bytes are allowed in a second: what is given at once is what is allowed in a while. */
const PACED_BYTES = 2 * 1024;
/** A wait for that is looked at again, since several links share a limit. */
const PACE_MS = 100;
/** A command larger than this is passed on while it arrives. */
const BIG_COMMAND_BYTES = 1024 * 1024;
/** The same where the target has several nodes: a command has to be whole before anybody can tell for which of them it is. */
const BIG_ROUTED_BYTES = 64 * 1024 * 1024;

export interface PumpOptions {
  spool: Spool;
  target: Target;
  snapshot: SnapshotApplier;
  stream: StreamApplier;
  bigEntryBytes: number;
  /** default true */
  verifyChecksum?: boolean;
  /** the target has several nodes, and each command is for one of them */
  routed?: boolean;
  /** commands of up to so many bytes are held whole; absent: as many as the target needs */
  bigCommandBytes?: number;
  /** the source's address, for errors */
  node: string;
  /** the source's own offset of a spool offset in the stream, for errors */
  streamOffset(spoolOffset: number): number;
  /** limits of keys and bytes in a second, shared with other links; undefined: none */
  pace?: Pace | undefined;
  /** stand in front of snapshot and stream; undefined: all is given as it is */
  rules?: RuledStreamOptions | undefined;
  /** undefined: nothing can be copied again */
  recopier?: Recopier | undefined;
  /** as in StreamApplierOptions */
  shared?: SharedTarget | undefined;
  /** All is acknowledged: resolves when the target would not lose it by a failover. Behind the snapshot nobody can go back into it. */
  settled?(): Promise<void>;
  /** bytes were taken out of the spool */
  onTaken?(): void;
  /** all of the snapshot was given and is acknowledged; what follows is the stream */
  onSnapshotApplied(): void;
}

/**
 * Takes bytes out of the spool, has them decoded, and gives what comes out to the target: one loop, which waits only for more bytes
 * and for a target that is behind. Its place is a spool offset, to which it can be set back.
 */
export class Pump {
  readonly #options: PumpOptions;
  readonly #walker: RdbWalker;
  readonly #commands: CommandWalker;
  /** undefined: all entries are given as they are */
  readonly #ruled: RuledSnapshot | undefined;
  readonly #woken = new Signal();
  #phase: 'snapshot' | 'stream' = 'snapshot';
  #snapshotEnd: number | undefined;
  #streamStart = 0;
  #stopped = false;
  /** spool offset behind the RDB's last byte, once the decoder got there */
  #rdbEnd: number | undefined;
  #asking = false;
  /** what was counted of what was given, where there is a limit */
  #counted = 0;
  #spoolFailure: unknown;

  constructor(options: PumpOptions) {
    this.#options = options;
    const { rules } = options;
    this.#ruled = rules && new RuledSnapshot(options.snapshot, rules.rules);
    const entries: RdbSink = this.#ruled ?? options.snapshot;
    const commands: StreamSink = rules ? new RuledStream(options.stream, rules) : options.stream;
    this.#walker = new RdbWalker(entries, options);
    options.snapshot.walk = this.#walker;
    this.#commands = new CommandWalker(commands, {
      bigCommandBytes: options.bigCommandBytes ?? (options.routed ? BIG_ROUTED_BYTES : BIG_COMMAND_BYTES),
    });
  }

  get phase(): 'snapshot' | 'stream' {
    return this.#phase;
  }

  /** The snapshot ends at spool offset `end`, the stream begins at `streamStart`. */
  snapshotEnds(end: number, streamStart: number): void {
    this.#snapshotEnd = end;
    this.#streamStart = streamStart;
    this.#woken.wake();
  }

  /** Of the stream: behind the last command that was given to the target. */
  get given(): { offset: number; db: number } {
    return this.#options.stream.place;
  }

  /** The spool offset before which the target is right, once that is acknowledged: behind it keys wait to be copied again, or to be found. */
  get rightTo(): number {
    const { stream, recopier } = this.#options;
    return Math.min(stream.looksFrom, recopier?.rightTo ?? Number.POSITIVE_INFINITY);
  }

  /** Something that it waits for may have changed. */
  nudge(): void {
    this.#woken.wake();
  }

  /** Makes `run` return as soon as it can. */
  stop(): void {
    this.#stopped = true;
    this.#woken.wake();
  }

  /**
   * The key (and command) that begins at a spool offset, to name it in an error. Only where the spool still has the bytes, and only
   * once the run is over: the decoders are of no use afterwards.
   */
  async explain(offset: number): Promise<Named> {
    const { spool, snapshot } = this.#options;
    if (offset < spool.released || offset > spool.end || spool.closed) return {};
    spool.seek(offset);
    const bytes = await this.#peek();
    return this.#phase === 'stream' ? nameCommand(bytes) : nameEntry(bytes, snapshot.magic);
  }

  /** The next bytes, up to a slice, also where they are on disk; fewer where the disk fails: this is for an error's words. */
  async #peek(): Promise<Buffer> {
    const { spool } = this.#options;
    const parts: Buffer[] = [];
    let left = Math.min(SLICE_BYTES, spool.end - spool.position);
    try {
      while (left > 0 && !spool.closed) {
        const view = spool.read(left);
        if (view === undefined) await spool.whenReadable();
        else parts.push(Buffer.from(view));
        left -= view?.length ?? 0;
      }
    } catch {
      // What was read so far has to do.
    }
    return Buffer.concat(parts);
  }

  /** Goes back to a spool offset at which an entry or command begins, in database `db`; see StreamApplier for `doneTo`. */
  restart(offset: number, db: number, doneTo?: number): void {
    this.#options.spool.seek(offset);
    if (this.#phase === 'snapshot') {
      this.#rdbEnd = undefined;
      this.#walker.restart(offset, db);
      this.#options.snapshot.restart(offset, db);
      this.#ruled?.restart(db);
    } else {
      this.#commands.restart(offset);
      this.#options.stream.restart(offset, db, doneTo);
    }
  }

  /**
   * Runs until `stop`, or until the spool's bytes up to `end`, and those that make the last command and transaction whole, were given and are
   * acknowledged (a drain). `paced`: whether it keeps to the limits of keys and bytes; what is left when a run is stopped has a limit of time
   * instead. Throws NaruError for damaged data and for what befell the spool.
   */
  async run(
    end: number = Number.POSITIVE_INFINITY,
    paced: boolean = end === Number.POSITIVE_INFINITY,
  ): Promise<void> {
    const { spool, target, recopier, pace, rules } = this.#options;
    const transform = rules?.rules.transform;
    this.#stopped = false;
    // After an outage a value may be due where the stream stands.
    if (this.#phase === 'stream') this.#options.stream.settle();
    target.breathe(false);
    // The run before may have been stopped while it waited for that, behind the last part of a large entry, say.
    if (!target.ready) await this.#unlessStopped(target.whenReady());
    while (!this.#stopped) {
      if (this.#options.stream.flushedAt !== undefined) {
        await this.#flush(this.#options.stream.flushedAt);
        continue;
      }
      if (recopier?.wantsToRead && this.#phase === 'stream') {
        await this.#unlessStopped(recopier.read());
        if (!this.#stopped) this.#options.stream.settle();
        continue;
      }
      const view = this.#next(Math.max(end, recopier?.neededTo ?? end));
      if (view !== undefined) {
        const offset = spool.position - view.length;
        if (transform === undefined) this.#give(view, offset);
        else transform.watched(() => this.#give(view, offset));
        this.#options.onTaken?.();
        target.breathe(false);
        if (!target.ready) await this.#unlessStopped(target.whenReady());
        if (pace !== undefined && paced) await this.#paced(pace, view.length);
      } else if (this.#snapshotIsAllHere(spool.position)) {
        await this.#endSnapshot();
      } else if (spool.position >= end && this.#atRest && !recopier?.held) {
        await this.#unlessStopped(target.drained());
        return;
      } else {
        target.breathe(true);
        await this.#moreBytes();
      }
    }
  }

  /** Waits until the limits of keys and bytes allow for what was given. */
  async #paced(pace: Pace, bytes: number): Promise<void> {
    const { snapshot, stream, target } = this.#options;
    const given = snapshot.given + stream.given;
    pace.took(given - this.#counted, bytes);
    this.#counted = given;
    while (!this.#stopped && pace.waitMs > 0) {
      target.breathe(true);
      await this.#unlessStopped(delay(Math.min(pace.waitMs, PACE_MS)));
    }
  }

  /** All that came before is waited for: what is removed must not come again. A run that is stopped here meets the flush again. */
  async #flush(offset: number): Promise<void> {
    const { target, stream, shared, spool } = this.#options;
    target.breathe(true);
    await this.#unlessStopped(target.drained());
    if (!this.#stopped) await this.#unlessStopped(shared?.removeKeys(stream.flushedDb) ?? Promise.resolve());
    if (this.#stopped) return;
    spool.seek(offset);
    this.#commands.restart(offset);
    stream.goOnBehindFlush(offset);
  }

  /** Nothing is begun that would need more bytes. */
  get #atRest(): boolean {
    return this.#phase === 'stream' && this.#commands.atBoundary && !this.#options.stream.inTransaction;
  }

  /** The next slice, or undefined if there is none now (or no need of one). */
  #next(end: number): Buffer | undefined {
    const { spool } = this.#options;
    const left = (this.#phase === 'snapshot' ? this.#snapshotLimit() : end) - spool.position;
    const slice = this.#options.pace === undefined ? SLICE_BYTES : PACED_BYTES;
    if (left > 0) return spool.read(Math.min(slice, left));
    // Past a drain's end, byte by byte to where a transaction ends, and not one command further.
    return this.#phase === 'snapshot' || this.#atRest ? undefined : spool.read(1);
  }

  /** Behind the RDB may stand a mark that is none of the decoder's business. */
  #snapshotLimit(): number {
    if (this.#rdbEnd !== undefined) return this.#rdbEnd;
    return this.#snapshotEnd ?? Number.POSITIVE_INFINITY;
  }

  #give(view: Buffer, offset: number): void {
    const { spool, target, snapshot, recopier } = this.#options;
    try {
      if (this.#phase === 'stream') {
        recopier?.slice();
        this.#commands.write(view, 0, view.length);
        return;
      }
      const used = this.#walker.write(view, 0, view.length);
      target.reached(snapshot.wholeTo(this.#walker.entryOffset), snapshot.db);
      if (this.#walker.finished) this.#rdbEnded(offset + used);
      // The walker has more to give out of what it holds already: the rest comes again.
      else if (used < view.length) spool.seek(offset + used);
    } catch (error) {
      throw this.#located(error);
    }
  }

  /** What decoders and appliers throw, as the operator's error: with the source's own offset. */
  #located(error: unknown): unknown {
    const { node, streamOffset } = this.#options;
    const failure = error instanceof FormatError ? toFormatFailure(error, node) : error;
    if (this.#phase === 'snapshot' || !isNaruError(failure)) return failure;
    const { side, offset } = failure.place;
    // Of what the target can't take, whoever ends the run finds key and offset.
    if (offset === undefined || side === 'target') return failure;
    const place = { ...failure.place, node, offset: streamOffset(offset) };
    return new NaruError(failure.code, failure.message, place, { cause: error });
  }

  #rdbEnded(offset: number): void {
    this.#rdbEnd = offset;
    this.#options.spool.seek(offset);
  }

  #snapshotIsAllHere(position: number): boolean {
    if (this.#phase !== 'snapshot' || this.#snapshotEnd === undefined) return false;
    return position === this.#snapshotEnd || this.#rdbEnd !== undefined;
  }

  async #endSnapshot(): Promise<void> {
    const { spool, target } = this.#options;
    this.#checkEnd();
    await this.#unlessStopped(target.drained());
    if (!this.#stopped) await this.#unlessStopped(this.#options.settled?.() ?? Promise.resolve());
    if (this.#stopped) return;
    spool.seek(this.#streamStart);
    this.#commands.restart(this.#streamStart);
    this.#options.stream.restart(this.#streamStart, 0);
    this.#phase = 'stream';
    this.#options.onSnapshotApplied();
  }

  /** The RDB and the source have to agree on where it ends. */
  #checkEnd(): void {
    const { node, spool } = this.#options;
    try {
      this.#walker.end();
    } catch (error) {
      throw this.#located(error);
    }
    if (this.#rdbEnd === this.#snapshotEnd) return;
    const text = `The RDB ends at offset ${this.#rdbEnd}, but the source said ${this.#snapshotEnd}`;
    throw new NaruError('BAD_FORMAT', text, { side: 'source', node, offset: spool.position });
  }

  /** Waits for a side, or for `stop`: one that hangs must not keep a run from ending. */
  async #unlessStopped(wait: Promise<void>): Promise<void> {
    let waiting = true;
    let failure: unknown;
    const over = (error?: unknown): void => {
      waiting = false;
      failure = error;
      this.#woken.wake();
    };
    wait.then(() => over(), over);
    while (waiting && !this.#stopped) await this.#woken.wait();
    if (failure !== undefined && !this.#stopped) throw failure;
  }

  /** Waits for bytes, for the word on where the snapshot ends, or for `stop`. */
  async #moreBytes(): Promise<void> {
    if (this.#spoolFailure !== undefined) throw this.#spoolFailure;
    if (this.#stopped) return;
    const woken = this.#woken.wait();
    if (!this.#asking && (this.#phase === 'stream' || this.#rdbEnd === undefined)) {
      this.#asking = true;
      this.#options.spool.whenReadable().then(
        () => this.#answered(undefined),
        (error: unknown) => this.#answered(error),
      );
    }
    await woken;
    if (this.#spoolFailure !== undefined) throw this.#spoolFailure;
  }

  #answered(failure: unknown): void {
    this.#asking = false;
    this.#spoolFailure = failure;
    this.#woken.wake();
  }
}

import { resolve } from 'node:path';
import type { ResolvedRestoreOptions } from '../../config/file-options.ts';
import { compileRules } from '../../config/rules-of-options.ts';
import { NaruError } from '../../errors/errors.ts';
import type { Topology } from '../../net/topology/topology.ts';
import { FormatError } from '../../protocol/format-error.ts';
import type { Rules } from '../../rules/rules.ts';
import { STDIN } from '../../source/file/byte-file.ts';
import type { DecodedEnd } from '../../source/file/decode-file.ts';
import { toFileFormatError } from '../../source/file/failures.ts';
import type { FileSource } from '../../source/file/file-source.ts';
import type { Pace } from '../../source/redis/scan/pace.ts';
import type { CheckedTarget } from '../checked-target.ts';
import { toNaruError } from '../error-event.ts';
import type { ErrorEvent, Phase, WarningEvent } from '../events.ts';
import type { Reading } from '../meter.ts';
import { countKeys } from '../precheck.ts';
import { readingOf } from '../reading.ts';
import { checkDatabases } from '../rules-told.ts';
import { Transfer } from '../transfer.ts';
import { endWarnings } from './end-warnings.ts';
import { assembleFile, type FileAssembly } from './file-assembly.ts';

/** What a file has of the run that it belongs to. */
export interface FileHost {
  /** as it was given */
  readonly name: string;
  readonly source: FileSource;
  readonly target: Topology;
  readonly pace: Pace | undefined;
  emit(event: WarningEvent | ErrorEvent): void;
}

/**
 * Everything for one file (or what stands for one: the directory of an AOF). Two things go on at once: reading, and the pump's loop, which moves
 * what was read to the target, and is where failures of either side are decided on.
 */
export class FileJob {
  readonly #options: ResolvedRestoreOptions;
  readonly #host: FileHost;
  readonly #job: string;
  readonly #transfer: Transfer;
  readonly #stopping = new AbortController();
  readonly #rules: Rules | undefined;
  #checked: CheckedTarget | undefined;
  #parts: FileAssembly | undefined;
  #phase: Phase = 'connecting';
  #end: DecodedEnd | undefined;
  /** why the file could not be read to its end */
  #unreadable: unknown;
  /** databases of the file that go to the one that the target has */
  readonly #merged = new Set<number>();

  constructor(options: ResolvedRestoreOptions, host: FileHost) {
    this.#options = options;
    this.#host = host;
    this.#job = `file:${host.name === STDIN ? STDIN : resolve(host.name)}`;
    this.#transfer = new Transfer(options, { ...host, node: this.#job });
    this.#rules = compileRules(options);
  }

  /** Connects to the target and looks whether it may be written to. `lookForKeys`: its own keys count. Rejects with NaruError. */
  async check(lookForKeys: boolean): Promise<CheckedTarget> {
    const { side } = this.#transfer;
    try {
      const { onConflict = lookForKeys ? undefined : 'overwrite' } = this.#options;
      const checked = await side.open(undefined, onConflict);
      await checkDatabases(this.#options, this.#host.target, this.#stopping.signal);
      if (lookForKeys) this.#checkKeys(checked);
      this.#checked = checked;
      return checked;
    } catch (error) {
      side.abort(toNaruError(error));
      throw error;
    }
  }

  /** Entries overwrite one by one. Commands change what is there, and nobody could tell which keys to spare. */
  #checkKeys({ facts }: CheckedTarget): void {
    const { onConflict } = this.#options;
    if (this.#host.source.kind === 'rdb' || countKeys(facts) === 0) return;
    if (onConflict !== 'overwrite') {
      const text = `--on-conflict ${onConflict} can not be kept with an AOF: its commands change the keys that exist`;
      throw new NaruError('CONFIG_INVALID', text, { side: 'config' });
    }
    this.#transfer.warn(
      'AOF_INTO_KEYS',
      'The target holds keys: the commands of an AOF change what is there, so that a list that exists becomes longer.',
    );
  }

  /** After `check`, runs to the end. Rejects with NaruError. */
  async run(): Promise<void> {
    const { side } = this.#transfer;
    try {
      const parts = await this.#start(this.#checked as CheckedTarget);
      await this.#move(parts);
      await side.finish(parts, this.#transfer.isExact, this.#transfer.targetLost ?? this.#transfer.failure);
      this.#phase = 'done';
    } catch (error) {
      const failure = await this.#explained(this.#transfer.failure ?? toNaruError(error));
      if (this.#phase === 'connecting') side.abort(failure);
      else await side.cleanUp([0, ...(this.#checked?.facts.keyspace.keys() ?? [])]);
      throw failure;
    } finally {
      await this.#close();
    }
  }

  /** Ends the run of this file. */
  abort(reason: NaruError): void {
    this.#transfer.fail(reason);
    this.#transfer.stopping = true;
    this.#stopping.abort(reason);
    this.#transfer.side.abort(reason);
    this.#parts?.link.stop();
    this.#host.source.close();
  }

  // ---- what it shows

  /** undefined: all is restored as it is, or it has not begun */
  get rules(): Rules | undefined {
    return this.#parts?.rules;
  }

  get reading(): Reading | undefined {
    const parts = this.#parts;
    if (parts === undefined) return undefined;
    const { bytesRead, bytesTotal } = this.#host.source;
    return {
      ...readingOf(parts, this.#phase, bytesTotal, this.#transfer.waiting),
      bytes: bytesRead,
      snapshotAckedBytes: bytesRead,
      lagMs: 0,
      lagBytes: 0,
    };
  }

  /** Behind what the target has acknowledged, in the last file. */
  get offset(): number {
    const { acker, link } = this.#parts ?? {};
    const acked = acker?.acked.offset ?? 0;
    return link?.placeOf(acked)?.offset ?? 0;
  }

  // ---- moving data

  async #start(checked: CheckedTarget): Promise<FileAssembly> {
    const transfer = this.#transfer;
    const parts = await assembleFile({
      options: this.#options,
      source: this.#host.source,
      job: this.#job,
      name: this.#host.name,
      side: transfer.side,
      checked,
      pace: this.#host.pace,
      link: {
        onDatabase: (db) => this.#metDatabase(db),
        onUntimed: () =>
          transfer.warn(
            'EXPIRY_BY_FILE_TIME',
            'The AOF has relative expiries and no timestamps: they count from when the file was changed last.',
          ),
      },
      target: {
        onAcked: (offset, db, checkpointed) => this.#onAcked(parts, offset, db, checkpointed),
        onFailure: (error) => transfer.targetFailed(error),
      },
      signal: this.#stopping.signal,
      onHeld: () => parts.target.fail(slotMoves(transfer.side.node)),
      onSnapshotApplied: () => this.#snapshotApplied(parts),
    });
    this.#parts = parts;
    transfer.parts = parts;
    this.#stopping.signal.throwIfAborted();
    this.#phase = 'snapshot';
    transfer.side.begin(transfer.isExact);
    this.#read(parts).catch((error: unknown) => {
      this.#unreadable = error;
      transfer.fail(toNaruError(error));
    });
    return parts;
  }

  async #read(parts: FileAssembly): Promise<void> {
    const { until } = this.#options;
    const end = await parts.link.run();
    for (const { code, message } of endWarnings(end, until)) this.#transfer.warn(code, message);
    this.#end = end;
    parts.pump.stop();
  }

  async #move(parts: FileAssembly): Promise<void> {
    const transfer = this.#transfer;
    for (;;) {
      if (transfer.failure !== undefined) throw transfer.failure;
      if (transfer.targetLost !== undefined) await transfer.recover(parts, transfer.targetLost);
      else if (this.#end === undefined) await parts.pump.run();
      else {
        await parts.pump.run(parts.spool.end, true);
        if (transfer.failure === undefined && transfer.targetLost === undefined)
          await transfer.side.settled();
        if (transfer.failure === undefined && transfer.targetLost === undefined) return;
      }
    }
  }

  #onAcked(parts: FileAssembly, offset: number, db: number, checkpointed: boolean): void {
    const { side } = this.#transfer;
    parts.acker.ack(offset, db, checkpointed);
    if (checkpointed) side.proved();
    const released = side.releasable(offset);
    parts.spool.release(released);
    parts.link.released(released);
  }

  #snapshotApplied({ acker, spool, target }: FileAssembly): void {
    const { side } = this.#transfer;
    const start = spool.position;
    acker.ack(start, 0, false);
    side.beginStream(start);
    spool.release(start);
    target.beginStream();
  }

  // ---- databases

  /** Nobody knows which ones a file has before it was read. */
  #metDatabase(db: number): void {
    const rules = this.#rules;
    if (this.#transfer.side.hasOneDatabase !== true || rules?.mayKeep(db) === false) return;
    this.#merged.add(db);
    // What rules write to database 0 is meant to come there.
    if ([...this.#merged].every((each) => (rules?.mapDb(each) ?? each) === 0)) return;
    const all = [...this.#merged].join(', ');
    if (this.#merged.size > 1 && this.#options.onConflict === undefined) {
      const text = `The file holds keys in the databases ${all}, and the target has one: say with --on-conflict which of two keys with the same name to keep`;
      throw new NaruError('CONFIG_INVALID', text, { side: 'target', node: this.#transfer.side.node });
    }
    this.#transfer.warn('DATABASES_MERGED', `The target has one database: keys of database ${db} go to it.`);
  }

  // ---- the end

  /** The decoders of the pump count in the spool, and know no files. */
  async #explained(error: NaruError): Promise<NaruError> {
    const { link, target } = this.#parts ?? {};
    const { offset } = error.place;
    if (link === undefined || error === this.#unreadable) return error;
    if (error.cause instanceof FormatError) {
      const { path } = link.placeOf(error.cause.offset) ?? { path: this.#host.name };
      const { code, message, place } = toNaruError(toFileFormatError(error.cause, path));
      return new NaruError(
        code,
        message,
        { ...place, ...(offset !== undefined && { offset }) },
        { cause: error },
      );
    }
    const db = offset === undefined || error.place.side !== 'target' ? undefined : link.dbOf(offset);
    const { code, message, place } = await this.#transfer.explained(
      error,
      (at) => link.placeOf(at)?.offset ?? at,
    );
    const several = code === 'COMMAND_REFUSED' && target?.takes !== undefined;
    const text = several ? `${message}. ${ADVICE}` : message;
    return new NaruError(code, text, { ...place, ...(db !== undefined && { db }) }, { cause: error });
  }

  async #close(): Promise<void> {
    const over = new NaruError('STOPPED_EARLY', 'The run is over');
    this.#stopping.abort(over);
    this.#transfer.side.abort(over);
    this.#parts?.link.stop();
    await this.#parts?.spool.close();
  }
}

function slotMoves(node: string): NaruError {
  return new NaruError('TARGET_MOVED', 'A slot of the target is being moved', { side: 'target', node });
}

const ADVICE =
  'A file has no source that could be asked what the command wrote: restore it into one server, and copy from that by naru sync';

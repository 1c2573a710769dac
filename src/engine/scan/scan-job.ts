import path from 'node:path';
import type { ResolvedScanOptions } from '../../config/scan-options.ts';
import { NaruError } from '../../errors/errors.ts';
import { delay } from '../../net/backoff.ts';
import type { RespClient } from '../../net/client.ts';
import type { Rules } from '../../rules/rules.ts';
import { askDump } from '../../source/redis/scan/abilities.ts';
import type { ScanWalk } from '../../source/redis/scan/cursors.ts';
import type { Load } from '../../source/redis/scan/load.ts';
import { findWalks } from '../../source/redis/scan/proxy-walks.ts';
import { ToldKeys } from '../../source/redis/scan/told-keys.ts';
import { Signal } from '../../spool/signal.ts';
import { fileName } from '../assembly.ts';
import type { CheckedTarget } from '../checked-target.ts';
import { toNaruError } from '../error-event.ts';
import type { Phase } from '../events.ts';
import type { NodeFacts } from '../facts.ts';
import type { Reading } from '../meter.ts';
import { readingOf } from '../reading.ts';
import { checkDatabases } from '../rules-told.ts';
import { SourceAsker } from '../source-asker.ts';
import { Transfer } from '../transfer.ts';
import { FunctionCopier } from './copy-functions.ts';
import { type Counted, KeyCount } from './key-count.ts';
import { LiveLink } from './live-link.ts';
import { LiveReads } from './live-reads.ts';
import type { LiveMember, LiveRun } from './live-run.ts';
import { readFileKeys, walkAll } from './read-keys.ts';
import { assembleScan, type ScanAssembly } from './scan-assembly.ts';
import { readSourceFacts, type SourceFacts } from './scan-facts.ts';
import type { ScanHost } from './scan-host.ts';
import type { LinkState } from './scan-state.ts';

/** A key that can't be written now is read again after this. */
const HELD_MS = 300;

/**
 * Everything for one node that is scanned. Two things go on at once: reading, one walk after the other, and the pump's loop, which moves what
 * was read to the target, and is where failures of either side are decided on.
 */
export class ScanJob implements LiveMember {
  readonly #options: ResolvedScanOptions;
  readonly #host: ScanHost;
  readonly #load: Load;
  readonly #transfer: Transfer;
  readonly #asker: SourceAsker;
  readonly #connecting = new AbortController();
  readonly #acked = new Signal();
  #parts: ScanAssembly | undefined;
  /** none where a file names the keys */
  #walks: readonly ScanWalk[] = [];
  #checked: { source: SourceFacts; target: CheckedTarget } | undefined;
  #phase: Phase = 'connecting';
  #live: LiveLink | undefined;
  #stopping = false;
  #told: ToldKeys | undefined;
  #functions: FunctionCopier | undefined;
  readonly #count = new KeyCount();
  synced = false;

  constructor(options: ResolvedScanOptions, host: ScanHost, load: Load) {
    this.#options = options;
    this.#host = host;
    this.#load = load;
    this.#transfer = new Transfer(options, { ...host, onWentBack: () => this.#parts?.link.forgetPlace() });
    this.#asker = new SourceAsker({
      endpoint: () => host.endpoint(),
      tls: options.fromTls,
      connectTimeoutMs: options.connectTimeout,
      signal: this.#connecting.signal,
    });
  }

  /** As for SyncJob. */
  async check(lookForKeys: boolean): Promise<{ source: NodeFacts; target: CheckedTarget }> {
    const { side } = this.#transfer;
    try {
      const client = await this.#asker.open();
      const source = await readSourceFacts(client);
      if (this.#options.keysFile === undefined) this.#walks = await findWalks(client, this.#host.source);
      const { onConflict = lookForKeys ? undefined : 'overwrite' } = this.#options;
      const target = await side.open({ facts: source.facts, node: this.#host.node }, onConflict);
      await checkDatabases(this.#options, this.#host.target, this.#connecting.signal);
      this.#checked = { source, target };
      return { source: source.facts, target };
    } catch (error) {
      side.abort(toNaruError(error));
      this.#asker.close();
      throw error;
    }
  }

  /** After `check`, runs to the end. Rejects with NaruError. */
  async run(): Promise<void> {
    try {
      const parts = await this.#start();
      await this.#move(parts);
      await this.#transfer.side.finish(parts, this.#transfer.isExact, this.#transfer.targetLost);
      this.#phase = 'done';
    } catch (error) {
      const failure = await this.#transfer.explained(toNaruError(error), (offset) => offset);
      if (this.#phase === 'connecting') this.#transfer.side.abort(failure);
      else await this.#transfer.side.cleanUp([0, ...(this.#checked?.target.facts.keyspace.keys() ?? [])]);
      throw failure;
    } finally {
      await this.#close();
    }
  }

  /** Ends the run of this link. */
  abort(reason: NaruError): void {
    this.#transfer.failure ??= reason;
    this.#connecting.abort(reason);
    this.#transfer.side.abort(reason);
    this.#parts?.link.abort(reason);
    this.#parts?.pump.stop();
    this.#acked.wake();
  }

  moveOn(): void {
    this.#asker.close();
    this.#live?.moveOn();
    this.#parts?.link.moveOn();
  }

  // ---- what it shows

  /** undefined: all is copied as it is */
  get rules(): Rules | undefined {
    return this.#parts?.rules;
  }

  get reading(): Reading | undefined {
    const parts = this.#parts;
    if (parts === undefined) return undefined;
    const { keys, vanished } = { keys: this.#checked?.source.keys, vanished: parts.link.vanished };
    return {
      ...readingOf(parts, this.#phase, undefined, this.#transfer.waiting),
      expectedKeys: this.#options.keysFile === undefined ? keys : undefined,
      vanished,
      ...(this.isFollowing && { lagMs: this.#lagMs }),
    };
  }

  get #lagMs(): number {
    const { sinceMs } = this.#live ?? {};
    return sinceMs === undefined ? 0 : Math.max(0, Date.now() - sinceMs);
  }

  /** Keys that the node said it has; undefined: it does not say. */
  get expectedKeys(): number | undefined {
    return this.#checked?.source.keys;
  }

  /** Keys that the source must have told, and those that it told; undefined: not known. */
  get counted(): Counted | undefined {
    return this.#count.counted;
  }

  /** Up to where the target holds everything; undefined: nothing yet. */
  get state(): LinkState | undefined {
    const { link } = this.#parts ?? {};
    return link?.place && { runId: link.runId, place: link.place };
  }

  // ---- reading

  async #start(): Promise<ScanAssembly> {
    const { source, target: checked } = this.#checked as { source: SourceFacts; target: CheckedTarget };
    const live = this.#host.live();
    this.#told = this.#makeTold();
    const parts = await assembleScan({
      options: this.#options,
      sourceNode: this.#host.node,
      walks: this.#walks,
      side: this.#transfer.side,
      checked,
      source: source.facts,
      pace: this.#host.pace,
      load: this.#load,
      memory: live?.memory,
      sift: live?.siftFor(this),
      told: this.#told,
      endpoint: () => this.#host.endpoint(),
      link: {
        onRetry: (error) => this.#transfer.retrying(error),
        onReconnected: () => {
          this.#transfer.waiting = undefined;
        },
        onStartedOver: () =>
          this.#transfer.warn(
            'SCAN_BEGUN_ANEW',
            `Another process answers for ${this.#host.node}: its keys are read anew.`,
          ),
        onElsewhere: (db, key, sinceMs) => live?.elsewhere(db, key, sinceMs),
        onRemoved: (db, keys, sinceMs) => live?.removed(this, db, keys, sinceMs),
      },
      target: {
        onAcked: (offset, db, checkpointed) => this.#onAcked(parts, offset, db, checkpointed),
        onFailure: (error) => this.#transfer.targetFailed(error),
      },
      onAllGiven: () => parts.pump.stop(),
    });
    this.#parts = parts;
    this.#transfer.parts = parts;
    await parts.link.start();
    if (this.#host.functions) {
      const removes = checked.dialect.functions && this.#host.target.kind !== 'proxy';
      const libraries = removes ? live?.libraries : undefined;
      this.#functions = new FunctionCopier(source.facts, this.#host.source.kind === 'proxy', libraries);
    }
    const client = await this.#asker.open();
    await this.#tellReading(client);
    await this.#copyFunctions(parts, client);
    if (live !== undefined) await this.#follow(parts, source, live);
    this.#phase = 'scan';
    this.#transfer.side.begin(this.#transfer.isExact);
    this.#load.watch(async () => (await this.#asker.open()).call('PING'));
    this.#read(parts, source).catch((error: unknown) => this.#transfer.fail(toNaruError(error)));
    return parts;
  }

  async #tellReading(client: RespClient): Promise<void> {
    const refusal = await askDump(client);
    if (refusal === undefined) return;
    const text = `${this.#host.node} refuses DUMP (${refusal}): values are read by the commands of their types, which is slower. Those of modules end the run.`;
    this.#transfer.warn('READ_BY_TYPE', text);
  }

  async #copyFunctions({ records }: ScanAssembly, client: RespClient): Promise<void> {
    const doubt = await this.#functions?.copy(client, records);
    if (doubt !== undefined) this.#transfer.warn('FUNCTIONS_NOT_COPIED', doubt);
  }

  async #read(parts: ScanAssembly, source: SourceFacts): Promise<void> {
    const { link, records } = parts;
    const { from } = this.#host;
    let place = from?.runId === link.runId ? from?.place : undefined;
    const { keysFile, from: address, live } = this.#options;
    if (place === undefined && keysFile === undefined && !live) this.#count.begin(source);
    do {
      if (keysFile === undefined) await walkAll(link, source.databases, this.#walks, place);
      else await readFileKeys(link, keysFile, address.db, this.#host.owns, place);
      await this.#rereadHeld(parts);
      await this.#count.end(this.#asker, link.walkedKeys);
      place = undefined;
    } while (await this.#walksAgain(parts));
    const { doubt } = this.#count;
    if (doubt !== undefined) this.#transfer.warn('FEWER_KEYS_THAN_TOLD', doubt);
    if (this.#live !== undefined) await this.#keepUp(this.#live);
    if (!records.begun) records.version(EMPTY_VERSION);
    records.end();
    parts.pump.snapshotEnds(records.offset, records.offset);
  }

  async #walksAgain({ link }: ScanAssembly): Promise<boolean> {
    const again = await this.#host.walked();
    if (again) link.readAnew();
    return again;
  }

  /** Keys that the target could not take while their slot was being moved there. */
  async #rereadHeld(parts: ScanAssembly): Promise<void> {
    const { link, records, acker } = parts;
    for (;;) {
      records.flush();
      while (acker.acked.offset < records.offset && this.#transfer.failure === undefined)
        await this.#acked.wait();
      if (this.#transfer.failure !== undefined) throw this.#transfer.failure;
      link.held.settled();
      link.acked(acker.acked.offset);
      if (link.held.count === 0) return;
      await delay(HELD_MS, this.#connecting.signal);
      await link.reread();
    }
  }

  /** Only where keys of the target are kept it matters that one is told twice. */
  #makeTold(): ToldKeys | undefined {
    const { dir, onConflict } = this.#options;
    if (onConflict !== 'fail' && onConflict !== 'skip') return undefined;
    return new ToldKeys(path.join(dir, `${fileName(this.#host.node)}.told`), this.expectedKeys);
  }

  // ---- following changes

  async #follow(parts: ScanAssembly, { databases }: SourceFacts, run: LiveRun): Promise<void> {
    const reads = new LiveReads({
      link: parts.link,
      run,
      member: this,
      asker: this.#asker,
      transfer: this.#transfer,
      walks: this.#walks,
      signal: this.#connecting.signal,
      endpoint: () => this.#host.endpoint(),
      rereadHeld: () => this.#rereadHeld(parts),
      copyFunctions: (client) => this.#copyFunctions(parts, client),
      onSynced: () => {
        if (!this.synced) this.#host.onSynced();
      },
    });
    const live = await LiveLink.begin(this.#options, this.#walks, databases, reads);
    this.#live = live;
    parts.link.follow(live.dirty);
    if (this.#stopping) live.stop();
  }

  async #keepUp(live: LiveLink): Promise<void> {
    this.#phase = this.#stopping ? 'draining' : 'follow';
    live.nudge();
    await live.run();
    await this.#rereadHeld(this.#parts as ScanAssembly);
  }

  get isFollowing(): boolean {
    return this.#phase === 'follow';
  }

  /** Of a scan that follows changes: compares once more, and ends. */
  stop(): void {
    this.#stopping = true;
    if (this.isFollowing) this.#phase = 'draining';
    this.#live?.stop();
  }

  get masterId(): string {
    return this.#host.masterId();
  }

  get isQuiet(): boolean {
    return this.#live?.isQuiet !== false && this.#parts?.link.removes !== true;
  }

  get byPasses(): boolean {
    return this.#live?.byPasses === true;
  }

  gained(): void {
    this.#live?.gained();
  }

  get databases(): readonly number[] {
    return this.#live?.databases ?? [];
  }

  readAgain(db: number | undefined, keys: ReadonlyMap<string, number>): boolean {
    this.#live?.put(db, keys);
    return this.#live !== undefined;
  }

  /** Where it has failed the run ends. */
  async settled(): Promise<void> {
    await this.#parts?.link.settled().catch(() => {});
  }

  // ---- moving data

  async #move(parts: ScanAssembly): Promise<void> {
    const transfer = this.#transfer;
    for (;;) {
      if (transfer.failure !== undefined) throw transfer.failure;
      if (transfer.targetLost !== undefined) await transfer.recover(parts, transfer.targetLost);
      else if (parts.pump.phase === 'stream') return;
      else await parts.pump.run();
    }
  }

  #onAcked(parts: ScanAssembly, offset: number, db: number, checkpointed: boolean): void {
    parts.acker.ack(offset, db, checkpointed);
    if (checkpointed) this.#transfer.side.proved();
    parts.spool.release(this.#transfer.side.releasable(offset));
    parts.link.acked(offset);
    this.#live?.nudge();
    this.#acked.wake();
  }

  async #close(): Promise<void> {
    await this.#live?.end();
    this.#told?.close();
    this.#asker.close();
    this.#acked.wake();
    this.#transfer.side.abort(new NaruError('STOPPED_EARLY', 'The run is over'));
    await this.#parts?.link.stop();
    await this.#parts?.spool.close();
    this.#parts?.records.taken();
  }
}

/** That of an RDB without any entries. */
const EMPTY_VERSION = 9;

import { createReadStream } from 'node:fs';
import path from 'node:path';
import type { ResolvedScanOptions } from '../../config/scan-options.ts';
import { isNaruError, NaruError } from '../../errors/errors.ts';
import { mayComeBack } from '../../errors/silence.ts';
import { delay } from '../../net/backoff.ts';
import { keySlot } from '../../net/topology/slot.ts';
import type { Topology } from '../../net/topology/topology.ts';
import type { Endpoint } from '../../net/url.ts';
import type { Rules } from '../../rules/rules.ts';
import type { ScanPlace } from '../../source/redis/scan/batch.ts';
import type { ScanWalk } from '../../source/redis/scan/cursors.ts';
import { Fingerprints } from '../../source/redis/scan/fingerprints.ts';
import { keysIn } from '../../source/redis/scan/keys-file.ts';
import type { Load } from '../../source/redis/scan/load.ts';
import type { ScanMemory } from '../../source/redis/scan/memory.ts';
import type { Pace } from '../../source/redis/scan/pace.ts';
import { findWalks } from '../../source/redis/scan/proxy-walks.ts';
import { stagesOf } from '../../source/redis/scan/stages.ts';
import { Signal } from '../../spool/signal.ts';
import { fileName } from '../assembly.ts';
import type { CheckedTarget } from '../checked-target.ts';
import { toNaruError } from '../error-event.ts';
import type { ErrorEvent, Phase, WarningEvent } from '../events.ts';
import type { NodeFacts } from '../facts.ts';
import type { Reading } from '../meter.ts';
import { readingOf } from '../reading.ts';
import { checkDatabases } from '../rules-told.ts';
import { SourceAsker } from '../source-asker.ts';
import { Transfer } from '../transfer.ts';
import { LiveLink } from './live-link.ts';
import { assembleScan, type ScanAssembly } from './scan-assembly.ts';
import { readDatabases, readSourceFacts, type SourceFacts } from './scan-facts.ts';
import type { LinkState } from './scan-state.ts';

/** What a scanned node has of the run that it belongs to. */
export interface ScanHost {
  /** Names the link as long as it lives, whichever server it reads from: in errors, at the target, on disk. */
  readonly node: string;
  readonly source: Topology;
  readonly target: Topology;
  readonly pace: Pace;
  /** where an earlier run stood */
  readonly from: LinkState | undefined;
  /** of a cluster: whether a slot is this node's */
  readonly owns: ((slot: number) => boolean) | undefined;
  /** Where to read now. Rejects with NaruError. */
  endpoint(): Promise<Endpoint>;
  /** All keys have been read: resolves to whether the node has to be walked again. Rejects with NaruError. */
  walked(): Promise<boolean>;
  emit(event: WarningEvent | ErrorEvent): void;
  // of a scan that follows changes
  /** The source has a key now that may have been the target's own. */
  taken(db: number, buf: Buffer, start: number, end: number): void;
  /** Has the keys read again, by `readAgain`, that the target has and the source may not have. Rejects with NaruError. */
  sweep(): Promise<void>;
  onSynced(): void;
}

/** A key that can't be written now is read again after this. */
const HELD_MS = 300;
/** A question to a source that is lost is asked again after this. */
const ASK_AGAIN_MS = 200;

/**
 * Everything for one node that is scanned. Two things go on at once: reading, one walk after the other, and the pump's loop, which moves what
 * was read to the target, and is where failures of either side are decided on.
 */
export class ScanJob {
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
  #memory: ScanMemory | undefined;
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

  /** Up to where the target holds everything; undefined: nothing yet. */
  get state(): LinkState | undefined {
    const { link } = this.#parts ?? {};
    return link?.place && { runId: link.runId, place: link.place };
  }

  // ---- reading

  async #start(): Promise<ScanAssembly> {
    const { source, target: checked } = this.#checked as { source: SourceFacts; target: CheckedTarget };
    this.#memory = this.#options.live ? this.#makeMemory() : undefined;
    const parts = await assembleScan({
      options: this.#options,
      sourceNode: this.#host.node,
      walks: this.#walks,
      side: this.#transfer.side,
      checked,
      source: source.facts,
      pace: this.#host.pace,
      load: this.#load,
      memory: this.#memory,
      endpoint: () => this.#host.endpoint(),
      link: {
        onRetry: (error, delayMs) => this.#transfer.retrying(error, delayMs),
        onReconnected: () => {
          this.#transfer.waiting = undefined;
        },
        onStartedOver: () =>
          this.#transfer.warn(
            'SCAN_BEGUN_ANEW',
            `Another process answers for ${this.#host.node}: its keys are read anew.`,
          ),
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
    if (this.#options.live) await this.#follow(parts, source);
    this.#phase = 'scan';
    this.#transfer.side.begin(this.#transfer.isExact);
    this.#load.watch(async () => (await this.#asker.open()).call('PING'));
    this.#read(parts, source).catch((error: unknown) => this.#transfer.fail(toNaruError(error)));
    return parts;
  }

  async #read(parts: ScanAssembly, source: SourceFacts): Promise<void> {
    const { link, records } = parts;
    const { from } = this.#host;
    let place = from?.runId === link.runId ? from?.place : undefined;
    do {
      if (this.#options.keysFile === undefined) await this.#walk(parts, source.databases, place);
      else await this.#readFile(parts, this.#options.keysFile, place);
      await this.#rereadHeld(parts);
      place = undefined;
    } while (await this.#walksAgain(parts));
    if (this.#live !== undefined) await this.#keepUp(this.#live);
    if (!records.begun) records.version(EMPTY_VERSION);
    records.end();
    parts.pump.snapshotEnds(records.offset, records.offset);
  }

  async #walk(
    { link }: ScanAssembly,
    databases: readonly number[],
    from: ScanPlace | undefined,
  ): Promise<void> {
    for (const { db, walk, cursor } of stagesOf(databases, this.#walks, from))
      await link.walk(walk, db, cursor);
  }

  async #readFile({ link }: ScanAssembly, file: string, from: ScanPlace | undefined): Promise<void> {
    const { db } = this.#options.from;
    const start = Number(from?.cursor ?? 0);
    const keys = keysIn(createReadStream(file, { start }), db, start);
    await link.keys(db, this.#owned(keys));
  }

  /** Of a cluster's keys those that are this node's. */
  async *#owned(keys: ReturnType<typeof keysIn>): ReturnType<typeof keysIn> {
    const { owns } = this.#host;
    for await (const one of keys) if (owns?.(keySlot(one.key, 0, one.key.length)) !== false) yield one;
  }

  async #walksAgain({ link }: ScanAssembly): Promise<boolean> {
    const again = await this.#host.walked();
    if (again) link.forgetPlace();
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

  // ---- following changes

  #makeMemory(): ScanMemory {
    const { dir } = this.#options;
    const file = path.join(dir, `${fileName(this.#host.node)}.prints`);
    const keysExpected = this.expectedKeys;
    const prints = new Fingerprints({ path: file, ...(keysExpected !== undefined && { keysExpected }) });
    return { prints, taken: (db, buf, start, end) => this.#host.taken(db, buf, start, end) };
  }

  async #follow(parts: ScanAssembly, { databases }: SourceFacts): Promise<void> {
    const live = await LiveLink.begin(this.#options, this.#walks, databases, {
      endpoint: () => this.#host.endpoint(),
      readDirty: () => parts.link.readDirty(),
      databases: async () => readDatabases(await this.#asker.open()),
      compare: () => this.#compare(parts),
      onSynced: () => {
        if (!this.synced) this.#host.onSynced();
      },
      onRetry: (error, delayMs) => this.#transfer.retrying(error, delayMs),
      onReconnected: () => {
        this.#transfer.waiting = undefined;
      },
      onFailure: (error) => this.#transfer.fail(error),
      warn: (code, message) => this.#transfer.warn(code, message),
    });
    this.#live = live;
    parts.link.follow(live.dirty);
  }

  async #keepUp(live: LiveLink): Promise<void> {
    this.#phase = 'follow';
    live.nudge();
    await live.run();
    await this.#rereadHeld(this.#parts as ScanAssembly);
  }

  /** Databases may be new by now. */
  async #compare(parts: ScanAssembly): Promise<void> {
    await this.#walk(parts, await this.#databases(), undefined);
    await this.#host.sweep();
    await parts.link.readDirty();
    await this.#rereadHeld(parts);
  }

  /** Whoever reads from the source gives up where it does not come back. */
  async #databases(): Promise<readonly number[]> {
    for (;;) {
      try {
        return (await readSourceFacts(await this.#asker.open())).databases;
      } catch (error) {
        if (!isNaruError(error) || !mayComeBack(error)) throw error;
        await delay(ASK_AGAIN_MS, this.#connecting.signal);
      }
    }
  }

  get isFollowing(): boolean {
    return this.#phase === 'follow';
  }

  /** Of a scan that follows changes: compares once more, and ends. */
  stop(): void {
    this.#phase = 'draining';
    this.#live?.stop();
  }

  /** `db` undefined: in all databases. */
  readAgain(db: number | undefined, keys: readonly Buffer[]): void {
    for (const key of keys) this.#live?.add(db, key);
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
    this.#memory?.prints.close();
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

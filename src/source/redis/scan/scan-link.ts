import { isNaruError, NaruError } from '../../../errors/errors.ts';
import { mayComeBack } from '../../../errors/silence.ts';
import { delay } from '../../../net/backoff.ts';
import { openClient, ServerError } from '../../../net/client.ts';
import type { Connection, TlsOptions } from '../../../net/connection.ts';
import { Outage } from '../../../net/outage.ts';
import { describeEndpoint, type Endpoint } from '../../../net/url.ts';
import { Signal } from '../../../spool/signal.ts';
import { askAbilities } from './abilities.ts';
import type { ScanPlace } from './batch.ts';
import type { ScanWalk } from './cursors.ts';
import type { DirtyKeys } from './dirty-keys.ts';
import { HeldKeys } from './held-keys.ts';
import { spoil } from './memory.ts';
import { OffsetQueue } from './offset-queue.ts';
import { askProcesses } from './process.ts';
import { Reader, type ReaderOptions } from './reader.ts';
import { refusedKey } from './refusal.ts';

export interface ScanLinkOptions extends Omit<ReaderOptions, 'pace'> {
  readonly pace: ReaderOptions['pace'];
  /** Where to read now; asked before each attempt. Rejects with NaruError. */
  endpoint(): Promise<Endpoint>;
  /** those that are made, to know the processes that they go through */
  readonly walks: readonly ScanWalk[];
  /** names the source until the first answer */
  readonly node: string;
  readonly tls: TlsOptions;
  readonly connectTimeoutMs: number;
  /** how long to try again after the connection was lost; Infinity: for ever */
  readonly giveUpAfterMs: number;
}

export interface ScanLinkListener {
  /** The connection is lost or can't be made; it is tried again in `delayMs`. */
  onRetry(error: NaruError, delayMs: number): void;
  onReconnected(): void;
  /** Another process answers, to which cursors mean nothing: the walk begins anew. */
  onStartedOver(): void;
  /** The key is another node's, or not this one's to read; it may have changed since then, ms since 1970. */
  onElsewhere(db: number, key: Buffer, sinceMs: number): void;
  /** The target has removed the names of these keys, which others may have too (`ScanMemory.sharesNames`); they had changed since then. */
  onRemoved(db: number, keys: readonly Buffer[], sinceMs: number): void;
}

/**
 * One source node that is scanned: the connection, its renewal, and where the scan stands. It does one thing after the other (`walk`, `keys`,
 * `reread`), and each goes on over outages; a failure ends them all.
 */
export class ScanLink {
  readonly #options: ScanLinkOptions;
  readonly #listener: ScanLinkListener;
  readonly #reader: Reader;
  readonly #outage: Outage;
  readonly #stopping = new AbortController();
  /** keys that have to be read once more */
  readonly held: HeldKeys = new HeldKeys();
  #node: string;
  #connection: Connection | undefined;
  #db = 0;
  #acked = 0;
  readonly #ackedMore = new Signal();
  #finishedBatches = 0;
  #dirty: DirtyKeys | undefined;
  #runId: string | undefined;
  #failure: NaruError | undefined;
  readonly #begunMs: number = Date.now();
  /** since when what is read at the moment may have changed; undefined: it was not read before */
  #sinceMs: number | undefined;
  /** keys whose removal was written */
  readonly #removed = new OffsetQueue<{ db: number; keys: readonly Buffer[]; sinceMs: number }>();
  readonly #marks = new OffsetQueue<ScanPlace>();
  #place: ScanPlace | undefined;

  constructor(options: ScanLinkOptions, listener: ScanLinkListener) {
    this.#options = options;
    this.#listener = listener;
    this.#node = options.node;
    this.#outage = new Outage(options.giveUpAfterMs);
    this.#reader = new Reader(options, {
      onBatch: (batch) => {
        const { place } = batch;
        this.#outage.over();
        this.#finishedBatches++;
        const sinceMs = this.#dirty?.sinceOf(batch) ?? this.#sinceMs ?? Date.now();
        for (const key of batch.strays) listener.onElsewhere(this.#db, key, sinceMs);
        const { offset } = options.records;
        if (batch.removed.length > 0)
          this.#removed.push(offset, { db: this.#db, keys: [...batch.removed], sinceMs });
        this.#dirty?.read(batch, offset);
        this.#dirty?.acked(this.#acked);
        if (place !== undefined) this.#marks.push(offset, place);
      },
      onFailure: (error) => this.#fail(error),
    });
  }

  /** keys that were gone when they were read */
  get vanished(): number {
    return this.#reader.vanished;
  }

  /** Names the process that the place belongs to; empty: it does not say. */
  get runId(): string {
    return this.#runId ?? '';
  }

  /** Keys were removed in the target, or will be, of which `onRemoved` was not told yet. */
  get removes(): boolean {
    return !this.#removed.isEmpty;
  }

  /** Up to where the target holds everything; undefined: nothing yet. */
  get place(): ScanPlace | undefined {
    return this.#place;
  }

  /** The target holds everything before this spool offset. */
  acked(offset: number): void {
    this.#acked = offset;
    this.#ackedMore.wake();
    this.#dirty?.acked(offset);
    // Not before: another link's write would be overtaken.
    for (const { db, keys, sinceMs } of this.#removed.take(offset))
      this.#listener.onRemoved(db, keys, sinceMs);
    // A key that was held back is behind what is acknowledged.
    if (this.held.count > 0) return;
    this.#place = this.#marks.take(offset).at(-1) ?? this.#place;
  }

  /** The first connection. Rejects with NaruError; nothing is tried again here. */
  async start(): Promise<void> {
    await this.#open();
  }

  /** Reads all keys of a walk through a database, from `cursor` on. `sinceMs`: they were read before, and may have changed since then. Rejects with NaruError. */
  async walk(walk: ScanWalk, db: number, cursor: string, sinceMs?: number): Promise<void> {
    await this.#select(db);
    this.#sinceMs = sinceMs;
    for (let from = cursor, again = true; again; from = '0') {
      const process = await this.#process(walk);
      this.#reader.walk(walk, db, from);
      await this.#finished();
      again = process !== (await this.#process(walk));
    }
  }

  /** Keys that walks have told; see WalkSteps. */
  get walkedKeys(): number {
    return this.#reader.steps.keys;
  }

  /** What was read counts for nothing: all of it is read again. */
  readAnew(): void {
    this.forgetPlace();
    this.#reader.steps.forgetKeys();
  }

  /**
   * Names the process that the walk goes through now: behind a proxy it may be replaced while the connection to the proxy stays. '' where nothing is
   * between, and the connection would be lost with the process.
   */
  async #process(walk: ScanWalk): Promise<string> {
    const { walks } = this.#options;
    if (walk.name === '') return '';
    for (;;) {
      try {
        this.#compare(await this.#reader.exclusively((client) => askProcesses(client, walks)));
        return this.runId.split(',')[walks.findIndex(({ name }) => name === walk.name)] ?? '';
      } catch (error) {
        if (!isNaruError(error) || error.code !== 'LINK_LOST') throw error;
        await this.#until(() => this.#connection?.isOpen === true && this.#reader.idle);
      }
    }
  }

  /** Reads these keys of a database; with each comes the place behind it. Rejects with NaruError. */
  async keys(db: number, keys: AsyncIterable<{ key: Buffer; place: ScanPlace }>): Promise<void> {
    await this.#select(db);
    let batch = this.#reader.queue.spare();
    for await (const { key, place } of keys) {
      if (this.#options.told?.isNew(db, key, 0, key.length) === false) continue;
      batch.add(key, 0, key.length);
      batch.place = place;
      if (batch.count < this.#options.count) continue;
      this.#reader.read(batch);
      batch = this.#reader.queue.spare();
      await this.#until(() => this.#reader.queue.takesMore);
    }
    this.#reader.read(batch);
    await this.#finished();
  }

  /** From now on these keys are read between the others. */
  follow(dirty: DirtyKeys): void {
    this.#dirty = dirty;
  }

  /** Reads what is dirty by now, and no more: a database that is written to all the time must not keep the others waiting. Rejects with NaruError. */
  async readDirty(): Promise<void> {
    const dirty = this.#dirty;
    for (const db of dirty?.databases ?? []) {
      await this.#select(db);
      // Too many make it forget all of them.
      for (let left = dirty?.waiting(db) ?? 0; left > 0 && (dirty?.waiting(db) ?? 0) > 0; ) {
        left -= this.#takeDirty(left);
        await this.#until(() => this.#reader.queue.takesMore, false);
      }
      await this.#until(() => this.#reader.idle, false);
    }
  }

  /** At most so many keys of the database that is selected; returns how many. */
  #takeDirty(max: number): number {
    const dirty = this.#dirty;
    const { queue } = this.#reader;
    let taken = 0;
    while (taken < max && (dirty?.waiting(this.#db) ?? 0) > 0 && queue.takesMore) {
      const batch = queue.spare();
      dirty?.take(this.#db, batch, Math.min(this.#options.count, max - taken));
      taken += batch.count;
      this.#reader.read(batch);
    }
    return taken;
  }

  /** Reads the keys that are held once more. Rejects with NaruError. */
  async reread(): Promise<void> {
    const { memory } = this.#options;
    // Nobody knows since when the target lacks them.
    this.#sinceMs = this.#begunMs;
    for (const [db, keys] of this.held.take()) {
      await this.#select(db);
      const batch = this.#reader.queue.spare();
      // What the target holds may be an older value, which goes if the key is gone.
      batch.again = memory !== undefined;
      for (const key of keys) {
        if (memory !== undefined) spoil(memory.prints, db, key);
        batch.add(key, 0, key.length);
      }
      this.#reader.read(batch);
      await this.#finished();
    }
  }

  /** Resolves when what was being read when this was called is in the target, or was told to be elsewhere. Rejects with NaruError. */
  async settled(): Promise<void> {
    const batches = this.#finishedBatches + this.#reader.queue.all.length;
    while (this.#finishedBatches < batches) {
      if (this.#failure !== undefined) throw this.#failure;
      await this.#reader.progress.wait();
    }
    this.#options.records.flush();
    const { offset } = this.#options.records;
    while (this.#acked < offset) {
      if (this.#failure !== undefined) throw this.#failure;
      await this.#ackedMore.wait();
    }
  }

  /** What was read before counts for nothing: a scan that is resumed begins anew. */
  forgetPlace(): void {
    this.#marks.clear();
    this.#place = undefined;
  }

  /** Another server has taken over. */
  moveOn(): void {
    this.#connection?.destroy(this.#error('LINK_LOST', 'Another server has taken over from it'));
  }

  async stop(): Promise<void> {
    this.#failure ??= this.#error('STOPPED_EARLY', 'The scan was stopped');
    this.#ackedMore.wake();
    this.#reader.detach();
    this.#reader.progress.wake();
    this.#stopping.abort(this.#failure);
    this.#connection?.destroy();
    await this.#connection?.closed;
  }

  /** Ends what is under way, which rejects with `reason`. */
  abort(reason: NaruError): void {
    this.#fail(reason);
  }

  async #finished(): Promise<void> {
    await this.#until(() => this.#reader.idle);
  }

  async #until(reached: () => boolean, betweenOthers = true): Promise<void> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      if (reached()) return;
      if (betweenOthers) this.#takeDirty(this.#options.count);
      await this.#reader.progress.wait();
    }
  }

  async #select(db: number): Promise<void> {
    this.#options.records.selectDb(db);
    if (db === this.#db) return;
    this.#db = db;
    try {
      await this.#reader.exclusively((client) => client.call('SELECT', db));
    } catch (error) {
      if (error instanceof ServerError) throw refusedKey(error.text, this.#node, 'SELECT');
      // The next connection selects it by itself.
    }
  }

  // ---- the connection

  async #open(): Promise<void> {
    const { tls, connectTimeoutMs } = this.#options;
    const endpoint = await this.#options.endpoint();
    this.#stopping.signal.throwIfAborted();
    this.#node = describeEndpoint(endpoint);
    const { signal } = this.#stopping;
    const client = await openClient(
      { ...endpoint, db: 0 },
      { tls, timeoutMs: connectTimeoutMs, side: 'source', signal },
    );
    try {
      const abilities = await askAbilities(client);
      this.#compare(await askProcesses(client, this.#options.walks));
      for (let db = 0; db !== this.#db; ) {
        db = this.#db;
        await client.call('SELECT', db);
      }
      this.#attach(client.connection, abilities);
    } catch (error) {
      client.connection.destroy();
      if (error instanceof ServerError) throw refusedKey(error.text, this.#node, 'SELECT');
      throw error;
    }
  }

  #compare(runId: string): void {
    if (this.#runId !== undefined && this.#runId !== runId) {
      this.forgetPlace();
      this.#reader.startOver();
      this.#listener.onStartedOver();
    }
    this.#runId = runId;
  }

  #attach(connection: Connection, abilities: Awaited<ReturnType<typeof askAbilities>>): void {
    this.#connection = connection;
    void connection.closed.then((error) => {
      if (this.#connection === connection && this.#failure === undefined) void this.#lost(error);
    });
    this.#outage.connected();
    this.#reader.attach(connection, abilities);
  }

  async #lost(error: NaruError): Promise<void> {
    this.#reader.detach();
    for (let last = error; this.#failure === undefined; ) {
      if (!mayComeBack(last)) {
        this.#fail(last);
        return;
      }
      const delayMs = this.#outage.next();
      if (delayMs === undefined) {
        this.#fail(this.#error('GAVE_UP', `The source did not come back in time: ${last.message}`));
        return;
      }
      this.#listener.onRetry(last, delayMs);
      try {
        await delay(delayMs, this.#stopping.signal);
        await this.#open();
        this.#listener.onReconnected();
        return;
      } catch (reason) {
        last = isNaruError(reason) ? reason : this.#error('INTERNAL', String(reason));
      }
    }
  }

  #fail(error: NaruError): void {
    this.#failure ??= error;
    this.#ackedMore.wake();
    this.#stopping.abort(this.#failure);
    this.#reader.detach();
    this.#connection?.destroy(error);
    this.#reader.progress.wake();
  }

  #error(code: 'LINK_LOST' | 'GAVE_UP' | 'INTERNAL' | 'STOPPED_EARLY', text: string): NaruError {
    return new NaruError(code, text, { side: 'source', node: this.#node });
  }
}

import type { ResolvedScanOptions } from '../../config/scan-options.ts';
import { isNaruError, type NaruError } from '../../errors/errors.ts';
import { delay } from '../../net/backoff.ts';
import { openClient, type RespClient } from '../../net/client.ts';
import type { Endpoint } from '../../net/url.ts';
import { KeyTable } from '../../pipeline/keys/key-table.ts';
import { WrittenKeys } from '../../pipeline/keys/written-keys.ts';
import { chooseWay } from '../../source/redis/follow/choose.ts';
import type { Follower, FollowerListener, Way } from '../../source/redis/follow/follower.ts';
import { makeFollower } from '../../source/redis/follow/make-follower.ts';
import type { ScanWalk } from '../../source/redis/scan/cursors.ts';
import { DirtyKeys } from '../../source/redis/scan/dirty-keys.ts';
import { Signal } from '../../spool/signal.ts';

export interface LiveHost {
  /** With more keys than this that wait to be read all are read again. Default a million: each takes some 100 bytes of memory. */
  readonly dirtyMax?: number;
  endpoint(): Promise<Endpoint>;
  /** Reads what is dirty by now, and what the target could not take. */
  readDirty(): Promise<void>;
  /** Keys that the target could not take when they were read. */
  readonly held: number;
  /** The databases that hold keys by now. Rejects where the source can't be asked. */
  databases(): Promise<readonly number[]>;
  /** Reads all keys again, which may have changed since then, and has those removed that are gone. */
  compare(sinceMs: number): Promise<void>;
  /** Since when something may have changed that no link can read at the moment; undefined: nothing has. */
  readonly elsewhereSince: number | undefined;
  /** All that was told is read: whether that is so for all links. */
  mayEnd(): Promise<boolean>;
  /** Everything that the source had when this was begun to be asked is in the target. */
  onSynced(): void;
  onRetry(error: NaruError, delayMs: number): void;
  onReconnected(): void;
  onFailure(error: NaruError): void;
  warn(code: string, message: string): void;
}

const DIRTY_MAX = 1_000_000;
/** What is told within this is read together. */
const GATHER_MS = 5;
/** Between two comparing passes, where nothing tells what changes. */
const PASS_EVERY_MS = 1000;

/**
 * What keeps a scanned node's copy right once all keys were read: keys that a follower tells are read again, and where it can not be sure all keys are. It
 * begins to follow before the first key is read, so that a change is either in what is read or is told.
 */
export class LiveLink {
  readonly dirty: DirtyKeys;
  readonly #host: LiveHost;
  readonly #follower: Follower;
  /** those that held keys at any time */
  readonly #databases: Set<number>;
  readonly #woken = new Signal();
  readonly #begunMs: number = Date.now();
  readonly #stopping = new AbortController();
  /** since when there is something that only a comparing pass will find; and of what the pass that is under way will */
  #unsureSince: number | undefined;
  #comparingSince: number | undefined;
  #failure: NaruError | undefined;
  #ended = false;
  /** all that was told before this is to be acknowledged: then it is in sync */
  #syncMark: number | undefined;
  #asksForMark = false;
  #placing: NodeJS.Timeout | undefined;

  private constructor(
    way: Way,
    walks: readonly ScanWalk[],
    databases: readonly number[],
    options: ResolvedScanOptions,
    host: LiveHost,
  ) {
    this.dirty = new DirtyKeys(host.dirtyMax ?? DIRTY_MAX);
    this.#host = host;
    this.#databases = new Set(databases);
    const monitors = monitorsOf(walks);
    this.#follower = makeFollower(
      way,
      {
        endpoint: () => host.endpoint(),
        tls: options.fromTls ?? {},
        connectTimeoutMs: options.connectTimeout,
        giveUpAfterMs: options.giveUpAfter,
        commandKeys: new WrittenKeys(KeyTable.builtIn()),
        ...(monitors && { monitorCommands: monitors }),
      },
      this.#listener(),
    );
  }

  /** Begins to follow; what changes from now on is told. Rejects with NaruError. */
  static async begin(
    options: ResolvedScanOptions,
    walks: readonly ScanWalk[],
    databases: readonly number[],
    host: LiveHost,
  ): Promise<LiveLink> {
    const way = options.liveBy ?? (await choose(options, walks, host));
    const live = new LiveLink(way, walks, databases, options, host);
    await live.#follower.start();
    for (const doubt of live.#follower.doubts) host.warn('CHANGES_IN_DOUBT', `${way}: ${doubt}`);
    return live;
  }

  /** Those that held keys at any time. */
  get databases(): readonly number[] {
    return [...this.#databases];
  }

  /** Nobody tells what changes. */
  get byPasses(): boolean {
    return this.#follower.way === 'passes';
  }

  /** No key waits to be read; where nobody tells what changes, none may have changed that a comparing pass has not found. */
  get isQuiet(): boolean {
    return this.dirty.size === 0 && !(this.byPasses && this.#unsureSince !== undefined);
  }

  /** Another node has read some of this one's keys until now: where nobody tells of their coming, all are compared. */
  gained(): void {
    if (!this.byPasses) return;
    this.#unsure(this.#begunMs);
    this.#woken.wake();
  }

  /** Keys (latin1) that have to be read again, and since when; `db` undefined: in all databases. */
  put(db: number | undefined, keys: ReadonlyMap<string, number>): void {
    for (const each of db === undefined ? this.#databases : [db]) this.dirty.put(each, keys);
    this.#woken.wake();
  }

  /** Another server has taken over. */
  moveOn(): void {
    this.#follower.moveOn();
  }

  /** What it waits for may have come: the target has acknowledged something. */
  nudge(): void {
    this.#woken.wake();
  }

  /** Has `run` compare once more, and end. */
  stop(): void {
    this.#stopping.abort();
    this.#woken.wake();
  }

  /** Since when something has changed that the target may not have, ms since 1970; undefined: it has all. */
  get sinceMs(): number | undefined {
    const { sinceMs = Number.POSITIVE_INFINITY } = this.dirty;
    const unsure = this.#unsureSince ?? Number.POSITIVE_INFINITY;
    const elsewhere = this.#host.elsewhereSince ?? Number.POSITIVE_INFINITY;
    const since = Math.min(sinceMs, unsure, this.#comparingSince ?? unsure, elsewhere);
    if (this.#host.held > 0) return Math.min(since, this.#begunMs);
    return since === Number.POSITIVE_INFINITY ? undefined : since;
  }

  /** Goes on until `stop`; then all that had changed by then is in the spool. Rejects with NaruError. */
  async run(): Promise<void> {
    if (this.byPasses) this.#unsure();
    this.#lookForSync();
    while (!this.#stopping.signal.aborted) await this.#round();
    await this.#caughtUp();
    await this.#compare(Date.now());
    await this.#caughtUp();
    do {
      await this.#readDirty();
      if (this.byPasses && this.#unsureSince !== undefined) await this.#compare(this.#unsureSince);
    } while (this.#failure === undefined && !(await this.#host.mayEnd()));
    if (this.#failure !== undefined) throw this.#failure;
  }

  async end(): Promise<void> {
    this.#ended = true;
    clearTimeout(this.#placing);
    this.#woken.wake();
    await this.#follower.stop();
  }

  async #round(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#unsureSince !== undefined) {
      await this.#compare(this.#unsureSince);
    } else if (this.dirty.size > 0 || this.#host.held > 0) {
      await this.#readDirty();
    } else if (this.byPasses && this.#syncMark !== undefined) {
      await delay(PASS_EVERY_MS, this.#stopping.signal).catch(() => {});
      this.#unsure();
    } else {
      await this.#woken.wait();
      await delay(GATHER_MS, this.#stopping.signal).catch(() => {});
    }
    this.#lookForSync();
  }

  /** What makes it unsure from here on needs a pass of its own. */
  async #compare(sinceMs: number): Promise<void> {
    this.#comparingSince = sinceMs;
    this.#unsureSince = undefined;
    await this.#host.compare(sinceMs);
    this.#comparingSince = undefined;
  }

  async #readDirty(): Promise<void> {
    await this.#place();
    await this.#host.readDirty();
  }

  /** Databases may be new by now. One that is empty may still be full at the target. */
  async #place(): Promise<void> {
    const fits = await this.dirty.place(async () => {
      for (const db of await this.#askDatabases()) this.#databases.add(db);
      return [...this.#databases];
    });
    if (!fits) this.#unsure(this.#begunMs);
  }

  /** A database that is not known of by now would be overlooked. */
  async #askDatabases(): Promise<readonly number[]> {
    try {
      return await this.#host.databases();
    } catch {
      this.#unsure(this.#begunMs);
      this.#woken.wake();
      return [];
    }
  }

  #placeNow(): void {
    this.#placing = undefined;
    void this.#place();
  }

  #unsure(sinceMs: number = Date.now()): void {
    this.#unsureSince = Math.min(this.#unsureSince ?? sinceMs, sinceMs);
  }

  #lookForSync(): void {
    if (this.#syncMark !== undefined) {
      if ((this.sinceMs ?? Number.POSITIVE_INFINITY) > this.#syncMark) this.#host.onSynced();
      return;
    }
    if (this.#asksForMark) return;
    this.#asksForMark = true;
    this.#follower.caughtUp().then(
      () => {
        // What it told has the time of the telling, which is later than the change.
        this.#syncMark = Date.now();
        this.#woken.wake();
      },
      () => {
        this.#asksForMark = false;
      },
    );
    this.#woken.wake();
  }

  /** Asks until there is a connection to ask on. */
  async #caughtUp(): Promise<void> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      try {
        await this.#follower.caughtUp();
        return;
      } catch (error) {
        if (!isNaruError(error)) throw error;
        await this.#woken.wait();
      }
    }
  }

  #dirty(db: number | undefined, buf: Buffer, start: number, end: number): void {
    // With too many the times of all of them are forgotten.
    if (!this.dirty.add(db, buf, start, end)) this.#unsure(this.#begunMs);
    // While keys are walked nobody else does, and those that are told then are read between the others.
    if (db === undefined) this.#placing ??= setTimeout(() => this.#placeNow(), GATHER_MS);
    this.#woken.wake();
  }

  #listener(): FollowerListener {
    return {
      onDirty: (db, buf, start, end) => this.#dirty(db, buf, start, end),
      onUnsure: (why) => {
        if (this.#ended) return;
        this.#host.warn('COMPARING', `All keys are compared: ${why}.`);
        this.#unsure();
        this.#woken.wake();
      },
      onRetry: (error, delayMs) => this.#host.onRetry(error, delayMs),
      onReconnected: () => this.#host.onReconnected(),
      onFailure: (error) => {
        this.#failure = error;
        this.#host.onFailure(error);
        this.#woken.wake();
      },
    };
  }
}

async function choose(
  options: ResolvedScanOptions,
  walks: readonly ScanWalk[],
  host: LiveHost,
): Promise<Way> {
  const open = async (): Promise<RespClient> => {
    const { fromTls = {}, connectTimeout } = options;
    return openClient(
      { ...(await host.endpoint()), db: 0 },
      { tls: fromTls, timeoutMs: connectTimeout, side: 'source' },
    );
  };
  const isProxy = walks.some(({ info }) => info?.[0] !== 'INFO' || info.length > 2);
  const { way, why } = await chooseWay({
    open,
    ...(isProxy && { proxyMonitors: monitorsOf(walks) ?? [['MONITOR']] }),
  });
  host.warn('FOLLOWS_BY', [`Changes are found by ${way}`, ...why].map(asSentence).join(' '));
  return way;
}

const asSentence = (text: string): string => (text.endsWith('.') ? text : `${text}.`);

/** Of a proxy whose shards are numbered. */
function monitorsOf(walks: readonly ScanWalk[]): (string | number)[][] | undefined {
  if (walks[0]?.info?.[0] !== 'IINFO') return undefined;
  return walks.map(({ name }) => ['IMONITOR', name]);
}

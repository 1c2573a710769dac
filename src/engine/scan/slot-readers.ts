import { delay } from '../../net/backoff.ts';
import { keySlot } from '../../net/topology/slot.ts';
import type { Topology } from '../../net/topology/topology.ts';
import type { Batch } from '../../source/redis/scan/batch.ts';

/** One node's part in a scan of a cluster. */
export interface SlotReader {
  /** the master's node id at present */
  readonly masterId: string;
  /** Resolves when all that it was reading is in the target, or was told to be elsewhere. */
  settled(): Promise<void>;
  /** Has keys of a database (undefined: of all) read again: the key (latin1), and since when it may have changed. False: it is not ready for that. */
  readAgain(db: number | undefined, keys: ReadonlyMap<string, number>): boolean;
  /** From now on it reads slots that another node has read: what nobody tells of it has to find. */
  gained(): void;
}

/** by database: keys, and since when */
type KeysByDb = Map<number | undefined, Map<string, number>>;

/** Slots are looked at so often while keys wait for theirs. */
const LOOK_MS = 200;

/**
 * Which node of a cluster reads the keys of a slot while the cluster is followed. A slot has one reader at a time, and another one not before all that the one
 * before has read is in the target: two would overtake each other on their ways there, and the older value would stay. Keys that are met meanwhile by
 * whoever may not read them, or that are told to be elsewhere, wait here for the slot's next reader.
 */
export class SlotReaders {
  readonly #readers: readonly SlotReader[];
  readonly #refresh: () => Promise<Topology>;
  readonly #signal: AbortSignal;
  readonly #onFailure: (error: unknown) => void;
  readonly #bySlot: (SlotReader | undefined)[] = [];
  /** by slot, by database: the key, and since when */
  readonly #waiting = new Map<number, KeysByDb>();
  #looking = false;
  /** one at a time: two would not wait for the same readers */
  #handing: Promise<void> = Promise.resolve();

  /** `readers` may become more. `topology`: of the beginning. */
  constructor(
    readers: readonly SlotReader[],
    topology: Topology,
    refresh: () => Promise<Topology>,
    signal: AbortSignal,
    onFailure: (error: unknown) => void,
  ) {
    this.#readers = readers;
    this.#refresh = refresh;
    this.#signal = signal;
    this.#onFailure = onFailure;
    for (let slot = 0; slot < topology.owners.length; slot++)
      this.#bySlot[slot] = this.#owner(topology, slot);
  }

  /** Since when any of the keys that wait may have changed; undefined: none waits. */
  get sinceMs(): number | undefined {
    let since = Number.POSITIVE_INFINITY;
    for (const databases of this.#waiting.values())
      for (const keys of databases.values()) for (const ms of keys.values()) since = Math.min(since, ms);
    return since === Number.POSITIVE_INFINITY ? undefined : since;
  }

  /** Takes out of a batch what this node may not read. */
  sift(reader: SlotReader, batch: Batch): void {
    batch.sift((buf, start, end) => this.#bySlot[keySlot(buf, start, end)] === reader);
  }

  /** The key is to be read by whoever may. */
  put(db: number | undefined, key: Buffer, sinceMs: number): void {
    const slot = keySlot(key, 0, key.length);
    const databases: KeysByDb = this.#waiting.get(slot) ?? new Map();
    this.#waiting.set(slot, databases);
    const keys = databases.get(db) ?? new Map<string, number>();
    databases.set(db, keys);
    const name = key.toString('latin1');
    keys.set(name, Math.min(sinceMs, keys.get(name) ?? sinceMs));
    this.look();
  }

  /** Slots may have come to rest elsewhere. */
  look(): void {
    if (this.#looking) return;
    this.#looking = true;
    this.#look()
      .catch((error: unknown) => {
        if (!this.#signal.aborted) this.#onFailure(error);
      })
      .finally(() => {
        this.#looking = false;
      });
  }

  /** Resolves to whether no slot is being moved, and each is read by its owner. Rejects with NaruError. */
  async areAtRest(): Promise<boolean> {
    const topology = await this.#refresh();
    await this.#handOver(topology);
    return (
      topology.moves.length === 0 &&
      topology.owners.every((index, slot) => {
        const owner = topology.nodes[index];
        return owner === undefined || owner.id === this.#bySlot[slot]?.masterId;
      })
    );
  }

  async #look(): Promise<void> {
    do {
      await this.#handOver(await this.#refresh());
      for (const [slot, databases] of this.#waiting) this.#give(slot, databases);
      if (this.#waiting.size > 0) await delay(LOOK_MS, this.#signal);
    } while (this.#waiting.size > 0);
  }

  #handOver(topology: Topology): Promise<void> {
    const handing = this.#handing.then(() => this.#handOverNow(topology));
    this.#handing = handing.catch(() => {});
    return handing;
  }

  async #handOverNow(topology: Topology): Promise<void> {
    const moving = new Set(topology.moves.map(({ slot }) => slot));
    const before = new Set<SlotReader>();
    const next = new Map<number, SlotReader>();
    for (let slot = 0; slot < topology.owners.length; slot++) {
      const owner = this.#owner(topology, slot);
      const reader = this.#bySlot[slot];
      if (owner === undefined || owner === reader || moving.has(slot)) continue;
      // From here on nobody reads it.
      this.#bySlot[slot] = undefined;
      if (reader !== undefined) before.add(reader);
      next.set(slot, owner);
    }
    for (const reader of before) await reader.settled();
    for (const [slot, reader] of next) this.#bySlot[slot] = reader;
    for (const reader of new Set(next.values())) reader.gained();
  }

  /** The key is to be read by whoever reads its slot now. */
  give(db: number | undefined, key: Buffer, sinceMs: number): void {
    const reader = this.#bySlot[keySlot(key, 0, key.length)];
    const isTaken = reader?.readAgain(db, new Map([[key.toString('latin1'), sinceMs]]));
    if (isTaken !== true) this.put(db, key, sinceMs);
  }

  #give(slot: number, databases: KeysByDb): void {
    const reader = this.#bySlot[slot];
    for (const [db, keys] of databases) if (reader?.readAgain(db, keys)) databases.delete(db);
    if (databases.size === 0) this.#waiting.delete(slot);
  }

  #owner({ nodes, owners }: Topology, slot: number): SlotReader | undefined {
    const id = nodes[owners[slot] as number]?.id;
    return id === undefined ? undefined : this.#readers.find(({ masterId }) => masterId === id);
  }
}

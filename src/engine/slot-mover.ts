import { NaruError } from '../errors/errors.ts';
import { delay } from '../net/backoff.ts';
import { keySlot, SLOTS } from '../net/topology/slot.ts';
import type { WrittenNames } from '../pipeline/rules/written-names.ts';
import { SlotMoves } from './slot-moves.ts';
import type { SourceNodes, SourcePlace } from './source-nodes.ts';
import type { SyncJob } from './sync-job.ts';
import type { TargetKeys } from './target-keys.ts';

/** A link, as far as moves are concerned. */
export interface MovableLink {
  readonly place: SourcePlace;
  readonly job: SyncJob;
}

export interface SlotMoverOptions {
  readonly nodes: SourceNodes;
  readonly keys: TargetKeys;
  readonly signal: AbortSignal;
  links(): readonly MovableLink[];
  /** Keys at the target that are not from the source stay there. */
  keepsKeys(): boolean;
  /** Links for masters that are new, and none for those that have nothing any more (`empty`: their slots are settled). */
  adjust(empty: readonly MovableLink[]): Promise<void>;
}

const LOOK_MS = 1000;
const POLL_MS = 20;
/** So many keys are read anew at once. */
const KEYS_MAX = 1000;

/**
 * Sees to slots that are moved between the source's nodes while the run goes on. Once such a move is over:
 *
 * 1. What the other links had to do is waited for, up to what their sources have written by now: nothing stale can come any more.
 * 2. All keys of the slot that its owner has, and all that the target has, are copied again by the owner's link, each with its position; one
 *    that the owner has not is removed.
 *
 * Until then the run is not in sync.
 */
export class SlotMover {
  readonly #options: SlotMoverOptions;
  readonly #moves: SlotMoves<MovableLink>;
  /** one look at a time */
  #looking: Promise<void> | undefined;

  constructor(options: SlotMoverOptions) {
    this.#options = options;
    this.#moves = new SlotMoves(this.#owners(), options.nodes.topology.moves);
  }

  /** Slots that were moved and are not settled. */
  get pending(): number {
    return this.#moves.size;
  }

  /** A link met a key that its source has no more. */
  met(key: Buffer): void {
    this.#moves.mark(slotOf(key));
    this.#options.nodes.suspect();
  }

  /** Removes from the target the keys of the slots that a link's source has now. */
  async removeKeys(link: MovableLink, written: WrittenNames | undefined): Promise<void> {
    const owner = this.#owners();
    await this.#options.keys.remove((slot) => owner(slot) === link, written);
    // What this link has written, and another one has by now, is gone too.
    if (written !== undefined) this.#moves.markAllAgain();
  }

  /** The same by comparing each of the keys, when there is time. */
  compareKeys(link: MovableLink): void {
    const owner = this.#owners();
    for (let slot = 0; slot < SLOTS; slot++) if (owner(slot) === link) this.#moves.mark(slot);
  }

  /** The links give again what they gave before, each by itself: the keys of slots that were ever moved are copied anew. */
  wentBack(): void {
    this.#moves.markAllAgain();
  }

  /** Looks each second until the signal. Rejects with NaruError where the source can not be asked any more. */
  async run(): Promise<void> {
    const { signal } = this.#options;
    while (!signal.aborted) {
      await this.look();
      await delay(LOOK_MS, signal).catch(() => {});
    }
  }

  /** Looks again and again until nothing is pending. Rejects with the signal's reason. */
  async settle(signal: AbortSignal): Promise<void> {
    do {
      await Promise.race([this.look(), aborted(signal)]);
    } while (this.pending > 0);
  }

  /** Asks the source how it stands now, and only takes note of it. What can not be asked is no reason to fail. */
  async seen(signal: AbortSignal): Promise<void> {
    const { nodes } = this.#options;
    await Promise.race([nodes.refresh(), aborted(signal)]).then(
      ({ moves }) => this.#moves.look(this.#owners(), moves),
      () => {},
    );
  }

  /** Asks the source how it stands now, and settles what is over. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #look(): Promise<void> {
    const { nodes, signal } = this.#options;
    try {
      const topology = await nodes.refresh();
      await this.#options.adjust(this.#empty());
      this.#moves.look(this.#owners(), topology.moves);
      if (this.pending > 0 && this.#options.keepsKeys()) throw slotsMoved(this.pending);
      const over = this.#moves.over();
      if (over.size > 0 && (await this.#othersAreThere())) {
        await this.#copyAgain(over);
        this.#moves.settled(over);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  #owners(): (slot: number) => MovableLink | undefined {
    const { nodes, links } = this.#options;
    const { owners, nodes: servers } = nodes.topology;
    const byMaster = new Map(links().map((link) => [link.place.shard?.masterId, link]));
    return (slot) => byMaster.get(servers[owners[slot] as number]?.id);
  }

  /** A link whose shard is gone ends at once: it could not be asked what its source wrote last. One without slots ends when all is settled. */
  #empty(): MovableLink[] {
    const { nodes, links } = this.#options;
    const owning = new Set(nodes.topology.nodes.filter(({ slots }) => slots.length > 0).map(({ id }) => id));
    return links().filter(({ place: { shard }, job }) => {
      if (shard === undefined || shard.lost) return shard !== undefined;
      return this.pending === 0 && job.position !== undefined && !owning.has(shard.masterId);
    });
  }

  /** Whether the target holds all that each source has written by now. Not, where one can not be asked: that is for the next look. */
  async #othersAreThere(): Promise<boolean> {
    const links = this.#options.links();
    if (links.some(({ job }) => job.position === undefined)) return false;
    try {
      const offsets = await Promise.all(links.map(({ job }) => job.newest()));
      for (const [at, { job }] of links.entries()) {
        const offset = offsets[at] as number;
        while ((job.position?.offset ?? offset) < offset) await delay(POLL_MS, this.#options.signal);
      }
      return true;
    } catch (error) {
      if (error instanceof NaruError && error.retry) return false;
      throw error;
    }
  }

  async #copyAgain(slots: ReadonlyMap<number, number>): Promise<void> {
    const owner = this.#owners();
    for (const slot of slots.keys()) {
      const job = owner(slot)?.job;
      const keys = (await job?.keysInSlot(slot)) ?? [];
      for (let at = 0; at < keys.length; at += KEYS_MAX) await this.#give(job, keys.slice(at, at + KEYS_MAX));
    }
    await this.#options.keys.each(
      (slot) => slots.has(slot),
      async (names) => {
        for (const keys of names) await this.#compare(keys, slots, owner);
        for (const { job } of this.#options.links()) await this.#give(job, []);
      },
    );
  }

  /** `keys` become one name in the target. What the source has of them fills it; where it has none, one is copied as gone. */
  async #compare(
    keys: readonly Buffer[],
    slots: ReadonlyMap<number, number>,
    owner: (slot: number) => MovableLink | undefined,
  ): Promise<void> {
    for (const key of keys.length > 1 ? keys : []) {
      if ((await owner(slotOf(key))?.job.has(key)) === true) return;
    }
    const gone = keys.find((key) => slots.has(slotOf(key)));
    if (gone !== undefined) owner(slotOf(gone))?.job.copyAgain([gone]);
  }

  async #give(job: SyncJob | undefined, keys: readonly Buffer[]): Promise<void> {
    job?.copyAgain(keys);
    while ((job?.held ?? 0) > KEYS_MAX) await delay(POLL_MS, this.#options.signal);
  }
}

function slotOf(key: Buffer): number {
  return keySlot(key, 0, key.length);
}

function slotsMoved(count: number): NaruError {
  const text = `${count} slots were moved between the source's nodes since the copy began`;
  return new NaruError('SLOTS_MOVED', text, { side: 'source' });
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

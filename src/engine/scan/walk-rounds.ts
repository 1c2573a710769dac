import type { ResolvedScanOptions } from '../../config/scan-options.ts';
import { NaruError } from '../../errors/errors.ts';
import { delay } from '../../net/backoff.ts';
import type { Topology } from '../../net/topology/topology.ts';
import type { SourceNodes, SourcePlace } from '../source-nodes.ts';
import { SlotGains } from './slot-gains.ts';

/** While slots are on their way between the source's nodes, their keys can't be read for sure: they are looked at so often. */
const MOVING_MS = 500;

export interface WalkRoundsHost {
  readonly onConflict: ResolvedScanOptions['onConflict'];
  readonly signal: AbortSignal;
  nodes(): SourceNodes;
  /** How many nodes are being read. */
  readonly count: number;
  /** A master that has got slots and had none: it is read, too. */
  join(place: SourcePlace): Promise<void>;
  warn(code: string, message: string): void;
  onFailure(error: unknown): void;
}

/** Of a cluster that is scanned and not followed: the nodes are read at once, and those again to which slots have come meanwhile. */
export class WalkRounds {
  readonly #host: WalkRoundsHost;
  readonly #gains = new SlotGains();
  /** nodes that have been read, and wait for the others */
  readonly #walked = new Map<SourcePlace, (again: boolean) => void>();

  constructor(host: WalkRoundsHost) {
    this.#host = host;
  }

  /** A node is about to be read. */
  begin(place: SourcePlace, topology: Topology): void {
    this.#gains.begin(place, topology);
  }

  /**
   * A node has been read: resolves, once all others have been too, to whether it has to be read again. What came to it since it was begun may not
   * have been read by either node.
   */
  arrived(place: SourcePlace): Promise<boolean> {
    if (place.shard === undefined) return Promise.resolve(false);
    return new Promise((resolve) => {
      this.#walked.set(place, resolve);
      if (this.#walked.size === this.#host.count)
        this.#decide().catch((error: unknown) => this.#host.onFailure(error));
    });
  }

  async #decide(): Promise<void> {
    const { onConflict, nodes, warn, join } = this.#host;
    const topology = await this.#atRest();
    const added = nodes().newPlaces();
    let goOn = added.length > 0;
    for (const [place, resolve] of [...this.#walked]) {
      const gained = this.#gains.gained(place, topology);
      if (gained === 0) continue;
      const text = `${gained} slots came to ${place.node} while it was scanned: its keys are read again.`;
      if (onConflict === 'fail') throw new NaruError('SLOTS_MOVED', text, { side: 'source' });
      warn('SLOTS_MOVED', text);
      this.#walked.delete(place);
      resolve(true);
      goOn = true;
    }
    for (const place of added) await join(place);
    if (!goOn) for (const resolve of this.#walked.values()) resolve(false);
  }

  /** While slots are being moved nobody can tell who has their keys. */
  async #atRest(): Promise<Topology> {
    const { nodes, warn, signal } = this.#host;
    let topology = await nodes().refresh();
    while (topology.moves.length > 0) {
      warn('SLOTS_MOVING', SLOTS_MOVING);
      await delay(MOVING_MS, signal);
      topology = await nodes().refresh();
    }
    return topology;
  }
}

export const SLOTS_MOVING = 'Slots move between the nodes of the source: the end of that is waited for.';

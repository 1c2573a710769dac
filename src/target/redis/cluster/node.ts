import type { Flavour } from '../../../protocol/rdb/sink.ts';
import { EntryWriter } from '../entry-writer.ts';
import type { ClusterNode, ClusterTargetOptions } from './cluster-options.ts';
import { PlainLane, type PlainLaneListener } from './plain-lane.ts';
import { ReplicaWatch } from './replica-watch.ts';

/** One node of a target with all that writes to it. */
export class TargetNode {
  readonly id: string;
  readonly lane: PlainLane;
  readonly entries: EntryWriter;
  readonly #onProgress: () => void;
  /** undefined: all that is answered counts */
  #replicas: ReplicaWatch | undefined;

  constructor(id: string, options: ClusterTargetOptions, listener: PlainLaneListener) {
    const { dialect, losses, onConflict, inFlightBytes, slots, databases } = options;
    this.id = id;
    this.#onProgress = listener.onProgress;
    this.lane = new PlainLane(
      {
        inFlightBytes,
        skipExisting: onConflict === 'skip',
        selects: databases,
        moduleRefused: (offset) => losses.add('moduleValues', { offset }),
      },
      listener,
    );
    const known = { ...dialect, functions: dialect.functions && slots };
    this.entries = new EntryWriter(this.lane, known, losses, onConflict);
  }

  rdbVersion(version: number, flavour: Flavour): void {
    if (version > 0) this.entries.rdbVersion(version, flavour);
  }

  /** Takes over connections that are new; without them it keeps those that it has. */
  connect({ connection, questions }: ClusterNode): void {
    if (connection === undefined) return;
    this.#replicas?.close();
    this.lane.attach(connection);
    const watch = questions && new ReplicaWatch(questions, this.lane, this.#onProgress);
    this.#replicas = watch;
    // Without it nothing would be acknowledged any more.
    questions?.connection.closed.then((error) => {
      if (!watch?.closed) this.lane.fail(error);
    });
  }

  /** Looks what its replicas have by now. */
  look(): void {
    this.#replicas?.look();
  }

  /** Index behind the last command that a failover does not lose. */
  get durable(): number {
    const { answered } = this.lane;
    return Math.min(answered, this.#replicas?.durable ?? answered);
  }

  /** The source's offset from which on something may be lost with it; `reached`: all was written before. */
  lostFrom(reached: number): number {
    const from = this.lane.lostFrom ?? reached;
    return Math.min(from, this.#replicas?.durableTo ?? from);
  }

  close(): void {
    this.lane.close();
    this.#replicas?.close();
  }

  /** It is not written to any more. */
  retire(): void {
    this.#replicas?.close();
    this.#replicas = undefined;
    this.lane.retire();
  }
}

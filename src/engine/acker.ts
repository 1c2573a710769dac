import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { NaruError } from '../errors/errors.ts';

/** A place in the spool: everything before `offset` is done, and the source is in `db` there. */
export interface Place {
  offset: number;
  db: number;
}

/** Translates between spool offsets and the source's own: bytes of the RDB, then the replication offset. */
export interface Offsets {
  readonly phase: 'snapshot' | 'stream';
  readonly replid: string;
  streamOffset(spoolOffset: number): number;
  spoolOffset(streamOffset: number): number;
}

/**
 * Decides one thing: up to where everything is known to be in the target. Only what it says is released from the spool, acknowledged to
 * the source, and gone on from after an outage.
 */
export class Acker {
  readonly #offsets: Offsets;
  readonly #targetNode: string;
  #acked: Place = { offset: 0, db: 0 };
  /** up to where a checkpoint in the target is acknowledged; at most `#acked`, since some bytes have no effect to write */
  #checkpointed = 0;

  constructor(offsets: Offsets, targetNode: string) {
    this.#offsets = offsets;
    this.#targetNode = targetNode;
  }

  /** Up to where the target has acknowledged. */
  get acked(): Place {
    return this.#acked;
  }

  ack(offset: number, db: number, checkpointed: boolean): void {
    this.#acked = { offset, db };
    if (checkpointed) this.#checkpointed = offset;
  }

  /** What the target is to keep as its checkpoint at a place. */
  checkpointAt({ offset, db }: Place): Checkpoint {
    const { phase, replid } = this.#offsets;
    return { phase, replid, offset: this.#sourceOffset(offset), db };
  }

  /**
   * Where to go on with a target whose checkpoint is this. `exact`: what was written is not to be written again, so the checkpoint counts
   * where it is further than the answers that came. Where it is behind what was acknowledged, that goes back to the place that `known` has for
   * the spool offset; throws TARGET_LOST_DATA where there is none.
   */
  restartPlace(
    checkpoint: Checkpoint | undefined,
    exact: boolean,
    known: (offset: number) => Place | undefined = () => undefined,
  ): Place {
    const offset = checkpoint === undefined ? 0 : this.#spoolOffset(checkpoint);
    if (offset < this.#checkpointed) {
      const place = checkpoint && known(offset);
      if (place === undefined) throw this.#lost(checkpoint);
      this.#acked = { offset: place.offset, db: place.db };
      this.#checkpointed = offset;
      return this.#acked;
    }
    if (!exact || checkpoint === undefined || offset <= this.#acked.offset) return this.#acked;
    return { offset, db: checkpoint.db };
  }

  #spoolOffset(checkpoint: Checkpoint): number {
    return checkpoint.phase === 'snapshot' ? checkpoint.offset : this.#offsets.spoolOffset(checkpoint.offset);
  }

  #sourceOffset(spoolOffset: number): number {
    return this.#offsets.phase === 'snapshot' ? spoolOffset : this.#offsets.streamOffset(spoolOffset);
  }

  #lost(checkpoint: Checkpoint | undefined): NaruError {
    const found = checkpoint === undefined ? 'gone' : `at ${checkpoint.phase} offset ${checkpoint.offset}`;
    const known = `${this.#offsets.phase} offset ${this.#sourceOffset(this.#checkpointed)}`;
    return new NaruError(
      'TARGET_LOST_DATA',
      `The target's checkpoint is ${found}; the target had acknowledged ${known}`,
      { side: 'target', node: this.#targetNode },
    );
  }
}

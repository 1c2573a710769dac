import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { NaruError } from '../errors/errors.ts';
import type { Connection } from '../net/connection.ts';
import type { Place } from './acker.ts';
import type { Assembly } from './assembly.ts';
import type { Warn } from './precheck.ts';
import { answersLost } from './reading.ts';
import type { TargetSession } from './target-session.ts';

/**
 * Brings the target back when it was lost, or when it refused a command: opens it anew, reads its checkpoint, and has the pump go on from
 * there.
 *
 * Commands that were refused are in a transaction that the target did without them, so its checkpoint is behind them. Their keys have to be
 * found, and what else was made of those keys since: the pump looks at that stretch of the stream once more, without applying it.
 */
export class Recovery {
  readonly #session: TargetSession;
  readonly #warn: Warn;
  /** spool offsets of refused commands that nothing was done about yet */
  #refused: number[] = [];
  /** the stretch that is looked at again */
  #look: { from: Place; to: number } | undefined;
  #ranLate = false;
  readonly #told = new Set<string>();

  constructor(session: TargetSession, warn: Warn) {
    this.#session = session;
    this.#warn = warn;
  }

  /** The target refused the command at a spool offset. */
  refused(offset: number): void {
    this.#refused.push(offset);
  }

  /** The target ran what it was given when keys had expired there that it needs: the connection is closed, to go back. */
  ranLate(): NaruError {
    this.#ranLate = true;
    return new NaruError('LINK_LOST', 'Keys expired in the target before what it was sent had run', {
      side: 'target',
    });
  }

  /** Up to where the spool is needed no more, when `offset` is acknowledged. */
  releasable(offset: number): number {
    if (this.#look === undefined) return offset;
    if (offset <= this.#look.to) return this.#look.from.offset;
    this.#look = undefined;
    return offset;
  }

  /** Rejects with NaruError where there is no way on. `exact`: nothing may be written twice. */
  async recover(parts: Assembly, cause: NaruError, exact: boolean): Promise<void> {
    const refused = cause.code === 'COMMAND_REFUSED';
    const own = refused || this.#ranLate;
    this.#ranLate = false;
    if (refused) await this.#noteRefusals(parts, cause);
    const { connection, checkpoint } = await (own ? this.#session.renew() : this.#session.reopen(cause));
    const place = this.checkLoss(parts, connection, checkpoint, exact);
    // What the target did without our knowing when may have come too late for a key that expired there.
    const unsure = parts.recopier !== undefined && parts.pump.phase === 'stream';
    if (refused || unsure) this.#look ??= { from: parts.acker.acked, to: place.offset };
    if (this.#look !== undefined) this.#look.to = Math.max(this.#look.to, place.offset);
    this.#goOn(parts, connection, place, exact, own);
  }

  /** Where the target stands. Throws TARGET_LOST_DATA, and closes the connection then. */
  checkLoss(
    parts: Assembly,
    connection: Connection,
    checkpoint: Checkpoint | undefined,
    exact: boolean,
  ): Place {
    try {
      return parts.acker.restartPlace(checkpoint, exact);
    } catch (error) {
      connection.destroy();
      throw error;
    }
  }

  #goOn(parts: Assembly, connection: Connection, place: Place, exact: boolean, own: boolean): void {
    const { acker, pump, spool, target, recopier } = parts;
    const unseen = place.offset - acker.acked.offset;
    if (unseen > 0 && !own) this.#warn('ANSWERS_LOST', answersLost(unseen));
    const from = this.#look?.from ?? place;
    acker.ack(place.offset, place.db, unseen > 0);
    recopier?.restart(place.offset, from.offset);
    pump.restart(from.offset, from.db, place.offset);
    spool.release(from.offset);
    target.attach(connection, exact, place.offset, place.db);
  }

  async #noteRefusals({ pump, recopier }: Assembly, cause: NaruError): Promise<void> {
    for (const offset of this.#refused) {
      const { command = '?', key } = await pump.explain(offset);
      const name = command.toUpperCase();
      recopier?.refuse(offset, name);
      if (this.#told.has(name)) continue;
      this.#told.add(name);
      const what = key === undefined ? name : `${name} of ${key}`;
      this.#warn(
        'COMMAND_COPIED',
        `${cause.message} (${what}). What such commands write is read from the source instead.`,
      );
    }
    this.#refused = [];
  }
}

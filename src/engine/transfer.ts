import type { TargetOptions } from '../config/sync-options.ts';
import { NaruError } from '../errors/errors.ts';
import { errorEvent } from './error-event.ts';
import type { LinkHost } from './link-host.ts';
import { makeSide } from './make-side.ts';
import type { Parts } from './parts.ts';
import type { TargetSide } from './target-side.ts';

/** What it has of the link that it belongs to. */
export interface TransferHost extends Pick<LinkHost, 'node' | 'target' | 'emit'> {
  /** The target has less than it had acknowledged, and is given it again. */
  onWentBack?(): void;
}

/**
 * The target of one link, and what a failure of either side means to it. Failures only set what the loop that moves data looks at between two
 * runs of the pump.
 */
export class Transfer {
  readonly side: TargetSide;
  /** undefined: still connecting and checking */
  parts: Parts | undefined;
  failure: NaruError | undefined;
  targetLost: NaruError | undefined;
  stopping = false;
  /** what the link waits for */
  waiting: string | undefined;
  #unanswered: string | undefined;
  readonly #options: TargetOptions;
  readonly #host: TransferHost;

  constructor(options: TargetOptions, host: TransferHost) {
    this.#options = options;
    this.#host = host;
    this.side = makeSide(
      {
        options,
        job: host.node,
        warn: (code, message) => this.warn(code, message),
        onRetry: (error) => this.retrying(error),
        onWentBack: () => host.onWentBack?.(),
      },
      host.target,
    );
  }

  /** Whether doing a write twice would matter. */
  get isExact(): boolean {
    return this.parts?.pump.phase === 'stream' || (this.#options.onConflict ?? 'overwrite') !== 'overwrite';
  }

  fail(error: NaruError): void {
    this.failure ??= error;
    this.parts?.pump.stop();
  }

  targetFailed(error: NaruError): void {
    if (this.side.canRecover(error, this.parts)) this.targetLost = error;
    else this.failure ??= error;
    this.parts?.pump.stop();
  }

  retrying(error: NaruError): void {
    const side = error.place.side ?? 'link';
    this.waiting = `${side} lost, trying again: ${error.message}`;
    this.#host.emit(errorEvent(error, true));
  }

  /** The source can not be asked, which its stream may know nothing of. */
  unanswered(error: NaruError): void {
    this.retrying(error);
    this.#unanswered = this.waiting;
  }

  answered(): void {
    if (this.waiting === this.#unanswered) this.waiting = undefined;
  }

  /** Has the target opened again that was lost. Rejects with NaruError. */
  async recover(parts: Parts, cause: NaruError): Promise<void> {
    // What breaks from now on is a failure of its own.
    this.targetLost = undefined;
    try {
      await this.side.recover(parts, cause, this.isExact);
      this.waiting = undefined;
    } catch (error) {
      if (!this.stopping) throw error;
      throw new NaruError('STOPPED_EARLY', `Stopped while the target was away: ${cause.message}`);
    }
  }

  /** Adds to a refusal of the target which key and command it was about, and turns its spool offset into the source's own. */
  async explained(error: NaruError, ownOffset: (spoolOffset: number) => number): Promise<NaruError> {
    const { side, offset } = error.place;
    if (side !== 'target' || offset === undefined || this.parts === undefined) return error;
    const found = await this.parts.pump.explain(offset);
    const place = { ...error.place, ...found, offset: ownOffset(offset) };
    return new NaruError(error.code, error.message, place, { cause: error });
  }

  warn(code: string, message: string): void {
    this.#host.emit({ event: 'warning', code, message });
  }
}

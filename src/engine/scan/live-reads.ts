import { isNaruError, type NaruError } from '../../errors/errors.ts';
import { mayComeBack } from '../../errors/silence.ts';
import { delay } from '../../net/backoff.ts';
import type { RespClient } from '../../net/client.ts';
import type { Endpoint } from '../../net/url.ts';
import type { ScanWalk } from '../../source/redis/scan/cursors.ts';
import type { ScanLink } from '../../source/redis/scan/scan-link.ts';
import type { SourceAsker } from '../source-asker.ts';
import type { Transfer } from '../transfer.ts';
import type { LiveHost } from './live-link.ts';
import type { LiveMember, LiveRun } from './live-run.ts';
import { walkAll } from './read-keys.ts';
import { readDatabases, readSourceFacts } from './scan-facts.ts';

/** A question to a source that is lost is asked again after this. */
const ASK_AGAIN_MS = 200;

export interface LiveNode {
  readonly link: ScanLink;
  readonly run: LiveRun;
  readonly member: LiveMember;
  readonly asker: SourceAsker;
  readonly transfer: Transfer;
  readonly walks: readonly ScanWalk[];
  readonly signal: AbortSignal;
  endpoint(): Promise<Endpoint>;
  /** Resolves once the target has all that was read; keys that it could not take are read again before. */
  rereadHeld(): Promise<void>;
  /** Puts them into the records where they have changed. */
  copyFunctions(client: RespClient): Promise<void>;
  onSynced(): void;
}

/** What a node that is followed does for its LiveLink: it reads what has changed, or everything. */
export class LiveReads implements LiveHost {
  readonly #node: LiveNode;

  constructor(node: LiveNode) {
    this.#node = node;
  }

  endpoint(): Promise<Endpoint> {
    return this.#node.endpoint();
  }

  async readDirty(): Promise<void> {
    const { link, rereadHeld } = this.#node;
    await link.readDirty();
    if (link.held.count > 0) await rereadHeld();
  }

  get held(): number {
    return this.#node.link.held.count;
  }

  async databases(): Promise<readonly number[]> {
    return readDatabases(await this.#node.asker.open());
  }

  /** Databases may be new by now. */
  async compare(sinceMs: number): Promise<void> {
    const { link, walks, run, rereadHeld, copyFunctions } = this.#node;
    const databases = await this.#asking(async (client) => (await readSourceFacts(client)).databases);
    await walkAll(link, databases, walks, undefined, sinceMs);
    // What is removed must not come behind.
    await rereadHeld();
    await this.#asking(copyFunctions);
    await run.sweep();
    await link.readDirty();
    await rereadHeld();
  }

  /** Whoever reads from the source gives up where it does not come back. */
  async #asking<T>(ask: (client: RespClient) => Promise<T>): Promise<T> {
    const { asker, signal } = this.#node;
    for (;;) {
      try {
        return await ask(await asker.open());
      } catch (error) {
        if (!isNaruError(error) || !mayComeBack(error)) throw error;
        await delay(ASK_AGAIN_MS, signal);
      }
    }
  }

  get elsewhereSince(): number | undefined {
    return this.#node.run.elsewhereSince;
  }

  mayEnd(): Promise<boolean> {
    return this.#node.run.mayEnd(this.#node.member);
  }

  onSynced(): void {
    this.#node.onSynced();
  }

  onRetry(error: NaruError): void {
    this.#node.transfer.retrying(error);
  }

  onReconnected(): void {
    this.#node.transfer.waiting = undefined;
  }

  onFailure(error: NaruError): void {
    this.#node.transfer.fail(error);
  }

  warn(code: string, message: string): void {
    this.#node.transfer.warn(code, message);
  }
}

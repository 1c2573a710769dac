/** Followers of a server, and what they tell, for tests. */

import type { NaruError } from '../../src/errors/errors.ts';
import { parseEndpoint } from '../../src/net/url.ts';
import { KeyTable } from '../../src/pipeline/keys/key-table.ts';
import { WrittenKeys } from '../../src/pipeline/keys/written-keys.ts';
import type { Follower, FollowerListener, Way } from '../../src/source/redis/follow/follower.ts';
import { LinkedFollower } from '../../src/source/redis/follow/linked-follower.ts';
import { makeFollower, type WayOptions } from '../../src/source/redis/follow/make-follower.ts';
import { openRedirected } from '../../src/source/redis/follow/tracking.ts';

/** What was told, as text; keys byte for byte, in front of them `db:` (`*:` where it is not known). */
export class Hearer implements FollowerListener {
  readonly dirty: Set<string> = new Set();
  readonly unsure: string[] = [];
  readonly events: string[] = [];
  readonly failures: NaruError[] = [];
  #waiting: { holds: () => boolean; resolve: () => void }[] = [];

  onDirty(db: number | undefined, buf: Buffer, start: number, end: number): void {
    this.dirty.add(`${db ?? '*'}:${buf.toString('latin1', start, end)}`);
  }

  onUnsure(why: string): void {
    this.unsure.push(why);
    this.#event(`unsure: ${why}`);
  }

  onRetry(error: NaruError): void {
    this.#event(`retry ${error.code}`);
  }

  onReconnected(): void {
    this.#event('reconnected');
  }

  onFailure(error: NaruError): void {
    this.failures.push(error);
    this.#event(`failure ${error.code}`);
  }

  has(db: number, key: string): boolean {
    return this.dirty.has(`${db}:${key}`) || this.dirty.has(`*:${key}`);
  }

  /** Resolves when it holds; looked at after each event that is no key. */
  async until(holds: (hearer: Hearer) => boolean): Promise<void> {
    if (holds(this)) return;
    await new Promise<void>((resolve) => this.#waiting.push({ holds: () => holds(this), resolve }));
  }

  clear(): void {
    this.dirty.clear();
    this.unsure.length = 0;
    this.events.length = 0;
  }

  #event(word: string): void {
    this.events.push(word);
    for (const { holds, resolve } of this.#waiting) if (holds()) resolve();
    this.#waiting = this.#waiting.filter(({ holds }) => !holds());
  }
}

export const NO_TLS: WayOptions['tls'] = { insecure: false };

/** A follower of the server at an address, not started. `redirected`: client tracking as where HELLO is refused. */
export function followerAt(
  way: Way,
  url: string,
  listener: FollowerListener,
  options: Partial<WayOptions> & { redirected?: boolean } = {},
): Follower {
  const common = {
    endpoint: async () => parseEndpoint(url),
    tls: NO_TLS,
    connectTimeoutMs: 20_000,
    giveUpAfterMs: 60_000,
    commandKeys: new WrittenKeys(KeyTable.builtIn()),
  };
  if (options.redirected) return new LinkedFollower(way, { ...common, ...options }, listener, openRedirected);
  return makeFollower(way, { ...common, ...options }, listener);
}

import { isNaruError, NaruError } from '../../../errors/errors.ts';
import { mayComeBack } from '../../../errors/silence.ts';
import { delay } from '../../../net/backoff.ts';
import { openClient, type RespClient } from '../../../net/client.ts';
import type { TlsOptions } from '../../../net/connection.ts';
import { Outage } from '../../../net/outage.ts';
import { describeEndpoint, type Endpoint } from '../../../net/url.ts';
import { SILENCE_MS } from '../psync.ts';
import type { Follower, FollowerListener, Way } from './follower.ts';
import type { OpenSession, Session } from './session.ts';

export interface FollowOptions {
  /** where the source is now; asked before each attempt. Rejects with NaruError */
  endpoint(): Promise<Endpoint>;
  tls: TlsOptions;
  connectTimeoutMs: number;
  /** how long to try again after the connection was lost; Infinity: for ever */
  giveUpAfterMs: number;
}

/** How often a session is asked for all that it has to tell: by that a link that is dead, and what must be looked up, is noticed. */
const HEARTBEAT_MS = 1000;

/** Keeps a way of following going over lost connections. What was missed meanwhile can't be known: each loss is an `onUnsure`. */
export class LinkedFollower implements Follower {
  readonly way: Way;
  readonly #options: FollowOptions;
  readonly #listener: FollowerListener;
  readonly #openSession: OpenSession;
  readonly #stopping = new AbortController();
  readonly #outage: Outage;
  #session: Session | undefined;
  #doubts: readonly string[] = [];
  #node = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(way: Way, options: FollowOptions, listener: FollowerListener, openSession: OpenSession) {
    this.way = way;
    this.#options = options;
    this.#listener = listener;
    this.#openSession = openSession;
    this.#outage = new Outage(options.giveUpAfterMs);
  }

  get doubts(): readonly string[] {
    return this.#doubts;
  }

  async start(): Promise<void> {
    this.#hold(await this.#open());
  }

  async caughtUp(): Promise<void> {
    const session = this.#session;
    if (session === undefined) throw this.#error('LINK_LOST', 'The source is not connected.');
    await caughtUpInTime(session, this.#error('LINK_LOST', `No answer within ${SILENCE_MS / 1000} s.`));
  }

  moveOn(): void {
    this.#session?.destroy(this.#error('LINK_LOST', 'Another server has taken over from it.'));
  }

  async stop(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    clearTimeout(this.#timer);
    this.#stopping.abort(this.#error('LINK_LOST', 'Following was stopped.'));
    session?.destroy();
    await session?.closed;
  }

  async #open(): Promise<Session> {
    const endpoint = await this.#options.endpoint();
    this.#stopping.signal.throwIfAborted();
    this.#node = describeEndpoint(endpoint);
    const { tls, connectTimeoutMs: timeoutMs } = this.#options;
    const { signal } = this.#stopping;
    const open = (): Promise<RespClient> =>
      openClient({ ...endpoint, db: 0 }, { side: 'source', tls, timeoutMs, signal });
    // A session that has ended tells nothing, even if bytes of it are still to be looked at.
    let ended = false;
    const listener = this.#listener;
    const session = await this.#openSession(open, {
      onDirty: (db, buf, start, end) => {
        if (!ended) listener.onDirty(db, buf, start, end);
      },
      onUnsure: (why) => {
        if (!ended) listener.onUnsure(why);
      },
    });
    void session.closed.then(() => {
      ended = true;
    });
    if (signal.aborted) session.destroy();
    signal.throwIfAborted();
    this.#doubts = session.doubts;
    return session;
  }

  #hold(session: Session): void {
    this.#session = session;
    this.#outage.connected();
    this.#beat(session);
    void session.closed.then((error) => {
      if (this.#session === session) void this.#lost(error);
    });
  }

  #beat(session: Session): void {
    this.#timer = setTimeout(() => {
      this.caughtUp().then(
        () => {
          if (this.#session === session) this.#beat(session);
        },
        // Told by `closed`: whatever keeps a session from answering ends it.
        () => {},
      );
    }, HEARTBEAT_MS);
  }

  async #lost(error: NaruError): Promise<void> {
    clearTimeout(this.#timer);
    this.#session = undefined;
    const { signal } = this.#stopping;
    for (let last = error; ; ) {
      if (!mayComeBack(last)) {
        this.#listener.onFailure(last);
        return;
      }
      const delayMs = this.#outage.next();
      if (delayMs === undefined) {
        this.#listener.onFailure(
          this.#error('GAVE_UP', `The source did not come back in time: ${last.message}`),
        );
        return;
      }
      this.#listener.onRetry(last, delayMs);
      try {
        await delay(delayMs, signal);
        await this.#resume();
        return;
      } catch (reason) {
        if (signal.aborted) return;
        last = isNaruError(reason) ? reason : this.#error('INTERNAL', String(reason));
      }
    }
  }

  async #resume(): Promise<void> {
    const session = await this.#open();
    try {
      await caughtUpInTime(session, this.#error('LINK_LOST', `No answer within ${SILENCE_MS / 1000} s.`));
    } catch (error) {
      session.destroy();
      throw error;
    }
    this.#stopping.signal.throwIfAborted();
    this.#hold(session);
    this.#outage.over();
    this.#listener.onReconnected();
    this.#listener.onUnsure('the connection that tells of changes was lost');
  }

  #error(code: 'LINK_LOST' | 'GAVE_UP' | 'INTERNAL', message: string): NaruError {
    return new NaruError(code, message, { side: 'source', node: this.#node });
  }
}

/** Whatever keeps a session from answering ends it. Rejects with NaruError. */
async function caughtUpInTime(session: Session, silence: NaruError): Promise<void> {
  const timer = setTimeout(() => session.destroy(silence), SILENCE_MS);
  try {
    await session.caughtUp();
  } catch (reason) {
    const error = isNaruError(reason)
      ? reason
      : new NaruError('NO_PERMISSION', `The source refuses to be asked: ${String(reason)}`, silence.place);
    session.destroy(error);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

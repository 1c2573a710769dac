import type { NaruError } from '../../../errors/errors.ts';
import type { RespClient } from '../../../net/client.ts';
import type { FollowerListener } from './follower.ts';

/** One life of a follower's connections: from when they are made until the first of them is lost. */
export interface Session {
  readonly doubts: readonly string[];
  /** false: it can't be seen whether anything is told at all */
  readonly proven: boolean;
  /** Resolves once: why it has ended. */
  readonly closed: Promise<NaruError>;
  /** As that of Follower. */
  caughtUp(): Promise<void>;
  /** Ends it with `reason`; nothing is told any more. */
  destroy(reason?: NaruError): void;
}

/** Another connection to the source, logged in and in database 0. Rejects with NaruError. */
export type OpenClient = () => Promise<RespClient>;

/** What a session tells. */
export type Told = Pick<FollowerListener, 'onDirty' | 'onUnsure'>;

/** Begins to follow: once it resolves, every change is told. Rejects with NaruError, and leaves no connection open then. */
export type OpenSession = (open: OpenClient, told: Told) => Promise<Session>;

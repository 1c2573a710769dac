import type { Follower } from './follower.ts';

/** Tells nothing: what changes is found by comparing passes alone. */
export class PassesFollower implements Follower {
  readonly way = 'passes';
  readonly doubts: readonly string[] = [];

  start(): Promise<void> {
    return Promise.resolve();
  }

  caughtUp(): Promise<void> {
    return Promise.resolve();
  }

  moveOn(): void {}

  stop(): Promise<void> {
    return Promise.resolve();
  }
}

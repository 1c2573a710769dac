import type { Follower, FollowerListener, Way } from './follower.ts';
import { openKeyspace } from './keyspace.ts';
import { type FollowOptions, LinkedFollower } from './linked-follower.ts';
import { type CommandKeys, openMonitor } from './monitor.ts';
import { PassesFollower } from './passes.ts';
import { openTracking } from './tracking.ts';

export interface WayOptions extends FollowOptions {
  /** for `monitor`: what is known of the source's commands */
  commandKeys: CommandKeys;
  /** for `monitor`: as of `openMonitor`; without it MONITOR */
  monitorCommands?: readonly (readonly (string | number)[])[];
}

export function makeFollower(way: Way, options: WayOptions, listener: FollowerListener): Follower {
  switch (way) {
    case 'tracking':
      return new LinkedFollower(way, options, listener, openTracking);
    case 'keyspace':
      return new LinkedFollower(way, options, listener, openKeyspace);
    case 'monitor':
      return new LinkedFollower(
        way,
        options,
        listener,
        openMonitor(options.commandKeys, options.monitorCommands),
      );
    case 'passes':
      return new PassesFollower();
  }
}

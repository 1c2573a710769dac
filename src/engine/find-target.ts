import type { TargetOptions } from '../config/sync-options.ts';
import { type DiscoverOptions, discover } from '../net/topology/discover.ts';
import type { Topology } from '../net/topology/topology.ts';

/** What the target is. Rejects with NaruError. */
export function findTarget(options: TargetOptions, signal: AbortSignal): Promise<Topology> {
  return discover(aboutTarget(options, signal));
}

/** Where to ask what the target is, and how. */
export function aboutTarget(options: TargetOptions, signal: AbortSignal): DiscoverOptions {
  return {
    endpoint: options.to,
    tls: options.toTls,
    connectTimeoutMs: options.connectTimeout,
    side: 'target',
    addressMap: options.toAddressMap,
    override: options.toTopology,
    signal,
  };
}

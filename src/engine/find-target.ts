import type { ResolvedSyncOptions } from '../config/sync-options.ts';
import { discover } from '../net/topology/discover.ts';
import type { Topology } from '../net/topology/topology.ts';

/** What the target is. Rejects with NaruError. */
export function findTarget(options: ResolvedSyncOptions, signal: AbortSignal): Promise<Topology> {
  return discover({
    endpoint: options.to,
    tls: options.toTls,
    connectTimeoutMs: options.connectTimeout,
    side: 'target',
    addressMap: options.toAddressMap,
    override: options.toTopology,
    signal,
  });
}

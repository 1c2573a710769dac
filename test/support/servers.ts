/**
 * Servers of other versions, for tests: which there are, and where `npm run servers` (scripts/servers.ts) has put them. Nothing here
 * downloads anything.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export interface ServerRelease {
  /** `redis-6.0` */
  readonly name: string;
  /** Debian's package */
  readonly package: 'redis-server' | 'valkey-server';
  /** Debian's suites to take it from, by name: the last one has the server, those before it what it depends on */
  readonly suites: readonly string[];
}

/** Oldest first. What a moving suite (sid, experimental) holds is named for its major version alone. */
export const RELEASES: readonly ServerRelease[] = [
  { name: 'redis-6.0', package: 'redis-server', suites: ['bullseye'] },
  { name: 'redis-7.0', package: 'redis-server', suites: ['bookworm'] },
  { name: 'valkey-8.0', package: 'valkey-server', suites: ['bookworm', 'bookworm-backports'] },
  { name: 'valkey-8.1', package: 'valkey-server', suites: ['trixie'] },
  { name: 'valkey-9', package: 'valkey-server', suites: ['sid'] },
  { name: 'redis-8.0', package: 'redis-server', suites: ['trixie'] },
  { name: 'redis-8-newest', package: 'redis-server', suites: ['sid', 'experimental'] },
];

export interface CachedServer {
  readonly name: string;
  readonly binary: string;
}

/** NARU_SERVERS, or `~/.cache/naru/servers`. */
export function serversFolder(): string {
  const { NARU_SERVERS } = process.env;
  return NARU_SERVERS ?? join(homedir(), '.cache', 'naru', 'servers');
}

/** Where a release's server is started from, there or not: a script that goes by the release's own loader and libraries. */
export function wrapperOf(release: ServerRelease): string {
  return join(serversFolder(), release.name, 'server');
}

/** The servers that this machine has: those of the folder, and the one on PATH where it is of a release that the folder lacks. */
export function cachedServers(): CachedServer[] {
  const installed = /v=(\d+\.\d+)/.exec(versionOnPath())?.[1];
  return RELEASES.flatMap((release) => {
    const binary = wrapperOf(release);
    if (existsSync(binary)) return [{ name: release.name, binary }];
    return release.name === `redis-${installed}` ? [{ name: release.name, binary: 'redis-server' }] : [];
  });
}

function versionOnPath(): string {
  try {
    return execFileSync('redis-server', ['--version'], { encoding: 'utf8' });
  } catch {
    return '';
  }
}

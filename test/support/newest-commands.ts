/** The built-in table of commands as the newest servers in the cache tell it: for the script that writes it and the test that compares it. */
import { openClient, type RespClient } from '../../src/net/client.ts';
import { parseEndpoint } from '../../src/net/url.ts';
import { askKeyTable } from '../../src/pipeline/keys/by-server.ts';
import { type CommandSpec, Options } from '../../src/pipeline/keys/command-spec.ts';
import type { KeyTable } from '../../src/pipeline/keys/key-table.ts';
import { writeNotation } from '../../src/pipeline/keys/notation.ts';
import { RedisServer } from './redis-server.ts';
import { cachedServers } from './servers.ts';

/** They have no keys, but are met in replication streams. */
const IN_STREAMS = [
  'SELECT',
  'MULTI',
  'EXEC',
  'PING',
  'REPLCONF',
  'PUBLISH',
  'SPUBLISH',
  'SCRIPT|LOAD',
  'SCRIPT|FLUSH',
];

export interface NewestTable {
  /** `redis 8.6`, `valkey 9.1`; fewer where the cache lacks one */
  versions: string[];
  lines: string[];
}

export async function newestTable(): Promise<NewestTable> {
  const versions: string[] = [];
  const byName = new Map<string, string>();
  for (const name of ['redis-8-newest', 'valkey-9']) {
    const binary = cachedServers().find((server) => server.name === name)?.binary;
    if (binary === undefined) continue;
    const server = await RedisServer.start({ binary });
    try {
      versions.push(await versionOf(server));
      for (const line of linesOf(await tableOf(server))) {
        const command = line.slice(0, line.indexOf(' '));
        if (!byName.has(command)) byName.set(command, line);
      }
    } finally {
      await server.stop();
    }
  }
  return { versions, lines: [...byName.values()].sort() };
}

export async function tableOf(server: RedisServer): Promise<KeyTable> {
  const client = await clientOf(server);
  try {
    return await askKeyTable(client);
  } finally {
    await client.close();
  }
}

export function clientOf(server: RedisServer): Promise<RespClient> {
  return openClient(parseEndpoint(server.url), { side: 'source', timeoutMs: 10_000 });
}

async function versionOf(server: RedisServer): Promise<string> {
  const info = await server.info('server');
  const valkey = info.get('valkey_version');
  const [major, minor] = (valkey ?? info.get('redis_version') ?? '').split('.');
  return `${valkey === undefined ? 'redis' : 'valkey'} ${major}.${minor}`;
}

function linesOf(table: KeyTable): string[] {
  const leaves = table.commands().flatMap((spec) => spec.subcommands?.values() ?? [spec]);
  return leaves.filter(isKept).flatMap(writeNotation);
}

function isKept(spec: CommandSpec): boolean {
  const hasKeys = spec.keys === undefined || spec.keys.length > 0 || spec.options !== Options.NONE;
  return spec.write || hasKeys || IN_STREAMS.includes(spec.name);
}

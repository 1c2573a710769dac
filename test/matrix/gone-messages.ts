import type { RedisServer } from '../support/redis-server.ts';
import type { Arg, RespClient } from '../support/resp-client.ts';

const DATABASES = 16;
const ALL = 1_000_000;

/**
 * Acknowledges the pending entries whose messages are gone, at a server that is not written to any more. XCLAIM gives such an entry to another
 * consumer before Redis 7, and drops it since (t_stream.c, xclaimCommand): a plain replica of a newer version lacks those that were claimed too.
 */
export async function acknowledgeGone(server: RedisServer): Promise<void> {
  const client = await server.connect();
  try {
    for (let db = 0; db < DATABASES; db++) {
      await client.call('SELECT', db);
      for (const [key, group] of await groups(client)) await acknowledge(client, key, group);
    }
  } finally {
    client.close();
  }
}

/** Each group of the database that is selected, with its stream's key. */
async function groups(client: RespClient): Promise<[key: Arg, group: Arg][]> {
  const [, keys] = (await client.call('SCAN', 0, 'TYPE', 'stream', 'COUNT', ALL)) as [Buffer, Buffer[]];
  const rows = (await client.pipeline(keys.map((key) => ['XINFO', 'GROUPS', key]))) as Arg[][][];
  return keys.flatMap((key, i) => (rows[i] ?? []).map((row): [Arg, Arg] => [key, row[1] as Arg]));
}

async function acknowledge(client: RespClient, key: Arg, group: Arg): Promise<void> {
  const pending = (await client.call('XPENDING', key, group, '-', '+', ALL)) as Arg[][];
  const ids = pending.map(([id]) => id as Arg);
  const messages = (await client.pipeline(ids.map((id) => ['XRANGE', key, id, id]))) as Arg[][];
  const gone = ids.filter((_, i) => messages[i]?.length === 0);
  if (gone.length > 0) await client.call('XACK', key, group, ...gone);
}

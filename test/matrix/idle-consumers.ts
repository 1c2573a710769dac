import type { RedisServer } from '../support/redis-server.ts';
import type { Arg, RespClient } from '../support/resp-client.ts';

const DATABASES = 16;

/**
 * Removes the consumers to which nothing is pending, at a server that is not written to any more. XREADGROUP makes its consumer also where it finds
 * nothing to read, and from Redis 7.2 on does not tell replicas so: a plain replica lacks them too.
 */
export async function removeIdleConsumers(server: RedisServer): Promise<void> {
  const client = await server.connect();
  try {
    for (let db = 0; db < DATABASES; db++) {
      await client.call('SELECT', db);
      await client.pipeline(await idleConsumers(client));
    }
  } finally {
    client.close();
  }
}

/** The commands that remove them from the database that is selected. */
async function idleConsumers(client: RespClient): Promise<Arg[][]> {
  const [, keys] = (await client.call('SCAN', 0, 'TYPE', 'stream', 'COUNT', 1_000_000)) as [Buffer, Buffer[]];
  const ask = async (questions: Arg[][]): Promise<Record<string, Arg>[][]> =>
    ((await client.pipeline(questions)) as Arg[][][]).map((rows) => rows.map(fieldsOf));
  const groups = await ask(keys.map((key) => ['XINFO', 'GROUPS', key]));
  const places = keys.flatMap((key, i) => (groups[i] ?? []).map((group) => [key, group['name'] as Arg]));
  const consumers = await ask(places.map((place) => ['XINFO', 'CONSUMERS', ...place]));
  return places.flatMap((place, i) =>
    (consumers[i] ?? [])
      .filter((consumer) => consumer['pending'] === 0)
      .map((consumer) => ['XGROUP', 'DELCONSUMER', ...place, consumer['name'] as Arg]),
  );
}

function fieldsOf(row: Arg[]): Record<string, Arg> {
  const fields: Record<string, Arg> = {};
  for (let i = 0; i + 1 < row.length; i += 2) fields[String(row[i])] = row[i + 1] as Arg;
  return fields;
}

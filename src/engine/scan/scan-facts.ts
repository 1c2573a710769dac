import { isNaruError } from '../../errors/errors.ts';
import { type RespClient, ServerError } from '../../net/client.ts';
import { parseInfo } from '../../net/info.ts';
import { type NodeFacts, readFacts, readKeyspace } from '../facts.ts';
import { PROXY_FACTS } from '../proxy.ts';

/** More databases than anybody has are not looked for. */
const DATABASES_MAX = 1024;

export interface SourceFacts {
  readonly facts: NodeFacts;
  /** those that may hold keys, in order */
  readonly databases: readonly number[];
  /** undefined: it does not say */
  readonly keys: number | undefined;
}

/** What a source says of itself, as far as it does: a scan can do without. Rejects with NaruError where the connection is lost. */
export async function readSourceFacts(client: RespClient): Promise<SourceFacts> {
  const told = await unlessRefused(readFacts(client));
  if (told !== undefined && told.keyspace.size > 0) {
    const keys = [...told.keyspace.values()].reduce((sum, count) => sum + count, 0);
    return { facts: told, databases: [...told.keyspace.keys()].sort((a, b) => a - b), keys };
  }
  const found = await probe(client);
  const keyspace = new Map(found.map(({ db, keys }) => [db, keys ?? 0]));
  const isKnown = found.every(({ keys }) => keys !== undefined);
  return {
    facts: { ...(told ?? { ...PROXY_FACTS, clockMs: Date.now() }), keyspace },
    databases: found.filter(({ keys }) => keys !== 0).map(({ db }) => db),
    keys: isKnown ? found.reduce((sum, { keys = 0 }) => sum + keys, 0) : undefined,
  };
}

/** The databases that hold keys now; none where it does not say, and of a source that has but one. Rejects with NaruError where the connection is lost. */
export async function readDatabases(client: RespClient): Promise<readonly number[]> {
  const text = await unlessRefused(client.call('INFO', 'keyspace'));
  return text === undefined ? [] : [...readKeyspace(parseInfo(String(text))).keys()];
}

/** Goes through the databases until one can not be selected. A source without SELECT has one. */
async function probe(client: RespClient): Promise<{ db: number; keys: number | undefined }[]> {
  const found = [{ db: 0, keys: await countKeys(client) }];
  for (let db = 1; db < DATABASES_MAX; db++) {
    if ((await unlessRefused(client.call('SELECT', db))) === undefined) break;
    found.push({ db, keys: await countKeys(client) });
  }
  if (found.length > 1) await client.call('SELECT', 0);
  return found;
}

async function countKeys(client: RespClient): Promise<number | undefined> {
  const size = await unlessRefused(client.call('DBSIZE'));
  return typeof size === 'number' ? size : undefined;
}

async function unlessRefused<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ServerError || (isNaruError(error) && error.code === 'NO_PERMISSION'))
      return undefined;
    throw error;
  }
}

import { isNaruError, NaruError } from '../../../errors/errors.ts';
import { RespClient, ServerError } from '../../../net/client.ts';
import type { Connection } from '../../../net/connection.ts';
import type { Abilities } from './abilities.ts';
import { askExpiry } from './answers.ts';
import { refusedKey } from './refusal.ts';
import type { ValueReader } from './value-reader.ts';

/** Reads one key that is not asked for whole; nothing else may be under way. Resolves to whether it is there. Rejects with NaruError. */
export async function readAlone(
  connection: Connection,
  abilities: Abilities,
  values: ValueReader | undefined,
  key: Buffer,
): Promise<boolean> {
  const { node } = connection;
  try {
    if (values === undefined) throw new ServerError('ERR', abilities.dumpRefusal ?? TOO_LARGE);
    const client = new RespClient(connection);
    return await values.read(client, key, await askExpiry(client, key, abilities));
  } catch (error) {
    if (error instanceof ServerError) throw refusedKey(error.text, node, 'DUMP', key);
    throw isNaruError(error) ? error : new NaruError('INTERNAL', String(error), { side: 'source', node });
  }
}

const TOO_LARGE = 'ERR the key is larger than --big-key-size';

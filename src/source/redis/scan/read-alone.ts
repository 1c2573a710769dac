import { isNaruError, NaruError } from '../../../errors/errors.ts';
import { RespClient, ServerError } from '../../../net/client.ts';
import type { Connection } from '../../../net/connection.ts';
import type { Abilities } from './abilities.ts';
import { askExpiries } from './answers.ts';
import type { Batch } from './batch.ts';
import { refusedKey } from './refusal.ts';
import type { ValueReader } from './value-reader.ts';

/** Where there is no DUMP so many small keys are read together, of so many bytes. */
const KEYS_MAX = 256;
const BYTES_MAX = 1024 * 1024;

/**
 * Reads what is not asked for whole, from the batch's next key on: a large key, or where the source has no DUMP several small ones, at most `keysMax`. Nothing
 * else may be under way. `done` is called for each, with whether it is there. Rejects with NaruError.
 */
export async function readAlone(
  connection: Connection,
  abilities: Abilities,
  { values, bigKeyBytes }: { values: ValueReader | undefined; bigKeyBytes: number },
  batch: Batch,
  keysMax: number,
  done: (isThere: boolean) => void,
): Promise<void> {
  const { node } = connection;
  const keys = keysOf(batch, abilities.dump ? 1 : Math.min(KEYS_MAX, keysMax), bigKeyBytes);
  try {
    if (values === undefined) throw new ServerError('ERR', abilities.dumpRefusal ?? TOO_LARGE);
    const client = new RespClient(connection);
    const expiries = await askExpiries(client, keys, abilities);
    const [key, expireAtMs] = [keys[0] as Buffer, expiries[0] as number];
    if ((batch.sizes[batch.wanted] as number) > bigKeyBytes)
      done(await values.read(client, key, expireAtMs, batch.again));
    else await values.readMany(client, keys, expiries, (_, isThere) => done(isThere));
  } catch (error) {
    if (error instanceof ServerError) throw refusedKey(error.text, node, 'DUMP', keys[0]);
    throw isNaruError(error) ? error : new NaruError('INTERNAL', String(error), { side: 'source', node });
  }
}

/** At least one; behind that only those that are small. */
function keysOf(batch: Batch, keysMax: number, bigKeyBytes: number): Buffer[] {
  const keys: Buffer[] = [batch.key(batch.wanted)];
  let bytes = batch.sizes[batch.wanted] as number;
  for (let i = batch.wanted + 1; i < batch.sizes.length && keys.length < keysMax; i++) {
    bytes += batch.sizes[i] as number;
    if (bytes > Math.min(BYTES_MAX, bigKeyBytes)) break;
    keys.push(batch.key(i));
  }
  return keys;
}

const TOO_LARGE = 'ERR the key is larger than --big-key-size';

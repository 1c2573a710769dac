/** What only the server itself can tell of its commands. */
import { type RespClient, ServerError } from '../../net/client.ts';
import { KeyTable } from './key-table.ts';

/**
 * The server's own table (COMMAND, from 2.8.13 on), or the built-in one where the server refuses COMMAND or answers no table, as proxies do.
 * Rejects with the connection's NaruError when that is lost.
 */
export async function askKeyTable(client: RespClient): Promise<KeyTable> {
  try {
    const table = KeyTable.from(await client.call('COMMAND'));
    return table.size === 0 ? KeyTable.builtIn() : table;
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    return KeyTable.builtIn();
  }
}

/**
 * The keys (not their places) of a command of which `KeyFinder.find` says NOT_FOUND, by COMMAND GETKEYS; none where the server says that the
 * command has none, is malformed or unknown. Rejects with the connection's NaruError when that is lost.
 */
export async function keysByServer(client: RespClient, args: readonly Buffer[]): Promise<Buffer[]> {
  try {
    const reply = await client.call('COMMAND', 'GETKEYS', ...args);
    return Array.isArray(reply) ? reply.filter((key) => Buffer.isBuffer(key)) : [];
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    return [];
  }
}

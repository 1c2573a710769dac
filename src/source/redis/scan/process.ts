import { type RespClient, ServerError } from '../../../net/client.ts';
import { parseInfo } from '../../../net/info.ts';
import type { ScanWalk } from './cursors.ts';

/**
 * Names the processes that are walked: where the name is another than before, cursors from before mean nothing. Empty where none of them says
 * who it is. Rejects with NaruError where the connection is lost.
 */
export async function askProcesses(client: RespClient, walks: readonly ScanWalk[]): Promise<string> {
  const ids = await Promise.all(walks.map(({ info }) => (info === undefined ? '' : askRunId(client, info))));
  return ids.every((id) => id === '') ? '' : ids.join(',');
}

async function askRunId(client: RespClient, info: readonly (string | number)[]): Promise<string> {
  try {
    return parseInfo(String(await client.call(...info))).get('run_id') ?? '';
  } catch (error) {
    if (error instanceof ServerError) return '';
    throw error;
  }
}

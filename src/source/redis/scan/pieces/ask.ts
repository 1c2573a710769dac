import { NaruError } from '../../../../errors/errors.ts';
import { type RespClient, ServerError } from '../../../../net/client.ts';
import type { Reply } from '../../../../protocol/resp/reply.ts';

/** The key is of another type than the one it was read as, is gone, or a group of it is: it has to be read anew. */
export class TypeChanged extends Error {}

/** What passes: the same may be asked again. */
const PASSING: ReadonlySet<string> = new Set(['LOADING', 'MASTERDOWN', 'CLUSTERDOWN', 'TRYAGAIN', 'BUSY']);

/** One command about a key. Throws TypeChanged, and NaruError for a refusal or a lost connection. */
export async function ask(client: RespClient, ...args: (string | Buffer | number)[]): Promise<Reply> {
  try {
    return await client.call(...args);
  } catch (error) {
    throw error instanceof ServerError ? refusalOf(client, error, args) : error;
  }
}

/** Several commands at once: all are answered before the first refusal is thrown, so that nothing is under way any more. */
export async function askAll(
  client: RespClient,
  ...commands: readonly (readonly (string | Buffer | number)[])[]
): Promise<Reply[]> {
  const answers = await Promise.allSettled(commands.map((args) => ask(client, ...args)));
  return answers.map((answer) => {
    if (answer.status === 'rejected') throw answer.reason;
    return answer.value;
  });
}

/** The same where the server may not know the command, or not let us: undefined. */
export async function askIfKnown(
  client: RespClient,
  ...args: (string | Buffer | number)[]
): Promise<Reply | undefined> {
  try {
    return await client.call(...args);
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    if (error.code === 'ERR' || error.code === 'NOPERM') return undefined;
    throw refusalOf(client, error, args);
  }
}

/** What a refusal means. */
export function refusalOf(client: RespClient, { code, text }: ServerError, args: readonly unknown[]): Error {
  if (code === 'WRONGTYPE' || code === 'NOGROUP' || /no such key/i.test(text)) return new TypeChanged(text);
  const { side, node } = client.connection;
  const command = String(args[0]);
  if (PASSING.has(code)) return new NaruError('LINK_LOST', `The source answers: ${text}`, { side, node });
  return new NaruError('NO_PERMISSION', `The source refused ${command}: ${text}`, { side, node, command });
}

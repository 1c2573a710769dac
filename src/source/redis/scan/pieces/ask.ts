import { NaruError } from '../../../../errors/errors.ts';
import { type RespClient, ServerError } from '../../../../net/client.ts';
import type { Reply } from '../../../../protocol/resp/reply.ts';

/** The key is of another type than the one it was read as, is gone, or a group of it is: it has to be read anew. */
export class TypeChanged extends Error {}

/** Another node of the cluster has the key now. */
export class Elsewhere extends Error {}

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

/** What a refusal means. In a state that passes the connection is given up, so that everything is asked again on the next. */
export function refusalOf(client: RespClient, { code, text }: ServerError, args: readonly unknown[]): Error {
  if (code === 'WRONGTYPE' || code === 'NOGROUP' || /no such key/i.test(text)) return new TypeChanged(text);
  if (code === 'MOVED' || code === 'ASK') return new Elsewhere(text);
  const { side, node } = client.connection;
  const command = String(args[0]);
  if (PASSING.has(code)) return giveUp(client, `The source answers: ${text}`);
  return new NaruError('NO_PERMISSION', `The source refused ${command}: ${text}`, { side, node, command });
}

/** Closes the connection, as if it were lost. */
export function giveUp(client: RespClient, message: string): NaruError {
  const { side, node } = client.connection;
  const error = new NaruError('LINK_LOST', message, { side, node });
  client.connection.destroy(error);
  return error;
}

/** The first words to a server: log in, see that it is a Redis, take the database. Each refusal becomes one of the project's errors. */
import { isNaruError, NaruError } from '../errors/errors.ts';
import type { ErrorCode } from '../errors/table.ts';
import { FormatError } from '../protocol/format-error.ts';
import type { RespClient } from './client.ts';
import { abortedError, timeoutCause } from './dial-errors.ts';
import { ServerError } from './server-error.ts';
import type { Endpoint } from './url.ts';

export interface GreetingOptions {
  /** For the whole greeting. */
  timeoutMs: number;
  signal?: AbortSignal;
  readonly clientName?: string;
}

/** Rejects with NaruError, which never holds the password. A timeout and the signal destroy the connection. */
export async function greet(client: RespClient, endpoint: Endpoint, options: GreetingOptions): Promise<void> {
  const { connection } = client;
  const { signal, timeoutMs } = options;
  const onAbort = () => connection.destroy(abortedError(signal?.reason, connection));
  const onTimeout = () => connection.destroy(silentError(client, timeoutMs));
  if (signal?.aborted) throw abortedError(signal.reason, connection);
  signal?.addEventListener('abort', onAbort, { once: true });
  const timer = setTimeout(onTimeout, timeoutMs);
  try {
    await logIn(client, endpoint);
    await ping(client);
    await select(client, endpoint.db);
    if (options.clientName !== '') await setName(client, options.clientName ?? 'naru');
  } catch (error) {
    throw withoutSecret(notRedis(error, client, endpoint) ?? error, endpoint);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

/** Servers before Redis 6 know no users, but addresses that name the user `default` are common. */
async function logIn(client: RespClient, { username, password }: Endpoint): Promise<void> {
  if (username === undefined && password === undefined) return;
  const secret = password?.reveal() ?? '';
  const args = username === undefined ? ['AUTH', secret] : ['AUTH', username, secret];
  let reply = await attempt(client, args);
  if (username === 'default' && refusedUser(reply)) reply = await attempt(client, ['AUTH', secret]);
  if (reply instanceof ServerError) throw logInRefused(client, reply, username);
  if (reply !== 'OK') throw errorAt(client, 'NOT_REDIS', 'The peer answers AUTH as no Redis does.');
}

async function ping(client: RespClient): Promise<void> {
  const reply = await attempt(client, ['PING']);
  if (reply instanceof ServerError) {
    throw refused(client, reply) ?? errorAt(client, 'NOT_REDIS', `PING was refused: ${reply.text}.`);
  }
  if (reply !== 'PONG') throw errorAt(client, 'NOT_REDIS', 'The peer answers PING as no Redis does.');
}

async function select(client: RespClient, db: number): Promise<void> {
  if (db === 0) return;
  const reply = await attempt(client, ['SELECT', db]);
  if (!(reply instanceof ServerError)) return;
  const message = `Database ${db} can not be selected: ${reply.text}.`;
  throw refused(client, reply) ?? errorAt(client, 'CONFIG_INVALID', message);
}

/** For whoever reads CLIENT LIST; proxies do not all know it. */
async function setName(client: RespClient, name: string): Promise<void> {
  await attempt(client, ['CLIENT', 'SETNAME', name]);
}

/** The reply, or the ServerError as a value. */
async function attempt(client: RespClient, args: (string | number)[]): Promise<unknown> {
  try {
    return await client.call(...args);
  } catch (error) {
    if (error instanceof ServerError) return error;
    throw error;
  }
}

function refusedUser(reply: unknown): boolean {
  return reply instanceof ServerError && /wrong number of arguments/i.test(reply.text);
}

/**
 * The server's text is never passed on here: servers repeat the arguments of a command that they do not know, in part even, so that
 * taking the password out of it would not be sure.
 */
function logInRefused(client: RespClient, error: ServerError, username: string | undefined): NaruError {
  const other = error.code === 'NOAUTH' || error.code === 'NOPERM' ? undefined : refused(client, error);
  return other ?? errorAt(client, 'AUTH_FAILED', logInSentence(error, username));
}

/** Texts of redis/src/acl.c (authCommand) and, before Redis 6, src/server.c. */
function logInSentence(error: ServerError, username: string | undefined): string {
  const { code, text } = error;
  if (/without any password configured|no password is set/i.test(text)) {
    return 'The address gives a password, but the server has none.';
  }
  if (refusedUser(error))
    return 'The server is older than Redis 6 and knows no users: give the password only.';
  if (/^ERR unknown command/i.test(text)) return 'The server does not know AUTH.';
  if (code === 'WRONGPASS' || /invalid password/i.test(text)) {
    return username === undefined
      ? 'The server does not accept the password.'
      : 'The server does not accept this user with this password.';
  }
  return 'The server refused AUTH.';
}

/** What any command may be answered; undefined for all else. */
function refused(client: RespClient, error: ServerError): NaruError | undefined {
  const { code, text } = error;
  const source = client.connection.side === 'source';
  const passing = (sourceCode: ErrorCode, message: string) =>
    errorAt(client, source ? sourceCode : 'TARGET_UNAVAILABLE', message);
  if (code === 'LOADING') return passing('SOURCE_LOADING', 'The server is loading its data.');
  if (code === 'MASTERDOWN') return passing('SOURCE_NO_MASTER', 'The replica has no link to its master.');
  if (code === 'BUSY') return passing('UNREACHABLE', 'The server is busy with a script.');
  if (/max number of clients/i.test(text)) {
    return passing('UNREACHABLE', 'The server has no room for another client (maxclients).');
  }
  if (code === 'NOAUTH' || /operation not permitted/i.test(text)) {
    return errorAt(client, 'AUTH_FAILED', 'The server wants a password, and the address gives none.');
  }
  if (code === 'DENIED') {
    const message = 'The server is in protected mode: without a password it answers only on its own host.';
    return errorAt(client, 'AUTH_FAILED', message);
  }
  return code === 'NOPERM' ? errorAt(client, 'NO_PERMISSION', `${text}.`) : undefined;
}

/** What stands where a reply should; decides from the bytes as the decoder shows them. */
const OTHERS: readonly (readonly [RegExp, string])[] = [
  [/: "HTTP\//, 'The port speaks HTTP.'],
  [/: "\\x15\\x03/, 'The port speaks TLS: write rediss://.'],
];

/** A peer may repeat what it was sent: its bytes are shown only where that held no password. */
function notRedis(error: unknown, client: RespClient, endpoint: Endpoint): NaruError | undefined {
  if (!isNaruError(error) || !(error.cause instanceof FormatError)) return undefined;
  const shown = error.cause.message;
  const sentence = OTHERS.find(([pattern]) => pattern.test(shown))?.[1];
  if (sentence === undefined && endpoint.password === undefined) return error;
  return errorAt(client, 'NOT_REDIS', sentence ?? 'The peer does not speak the protocol of Redis.');
}

/** Whatever a server says about other commands than AUTH may hold the password too, if it is a strange one. */
function withoutSecret(error: unknown, { password }: Endpoint): unknown {
  const secret = password?.reveal() ?? '';
  if (secret === '' || !isNaruError(error) || !error.message.includes(secret)) return error;
  return new NaruError(error.code, error.message.replaceAll(secret, String(password)), error.place);
}

function silentError(client: RespClient, timeoutMs: number): NaruError {
  const message = `The port accepts connections, but gave no answer within ${timeoutMs} ms.`;
  return errorAt(client, 'NOT_REDIS', message, timeoutCause(timeoutMs));
}

function errorAt(client: RespClient, code: ErrorCode, message: string, cause?: unknown): NaruError {
  const { side, node } = client.connection;
  return new NaruError(code, message, { side, node }, { cause });
}

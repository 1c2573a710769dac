/** Commands and their replies over one connection: for questions and answers, not for the data's way. */
import { isNaruError, NaruError } from '../errors/errors.ts';
import { FormatError } from '../protocol/format-error.ts';
import { type Reply, ReplyDecoder, ReplyError } from '../protocol/resp/reply.ts';
import { Connection, type OpenOptions, type Reader } from './connection.ts';
import { greet } from './greeting.ts';
import { ServerError } from './server-error.ts';
import type { Endpoint } from './url.ts';

export { ServerError } from './server-error.ts';

interface Call {
  resolve(reply: Reply): void;
  reject(error: Error): void;
}

const SPACE_BYTES = 64 * 1024;

/**
 * Replies come in the order of the commands, so a queue of callers is all that is needed. While nothing is pending the connection may
 * be given another reader; after that this client must not be called.
 */
export class RespClient {
  readonly connection: Connection;
  readonly #calls: Call[] = [];
  #lost: NaruError | undefined;

  constructor(connection: Connection) {
    this.connection = connection;
    connection.setReader(this.#reader());
    void connection.closed.then((error) => this.#fail(error));
  }

  /** Commands that have no reply yet. */
  get pending(): number {
    return this.#calls.length;
  }

  /** Calls may be pipelined. Rejects with ServerError for an error reply, and with the connection's NaruError when that is lost. */
  call(...args: (string | Buffer | number)[]): Promise<Reply> {
    if (this.#lost !== undefined) return Promise.reject(this.#lost);
    return new Promise((resolve, reject) => {
      this.#calls.push({ resolve, reject });
      this.connection.write(encodeCommand(args));
    });
  }

  /** Sends what is buffered, then closes; calls whose replies do not come before are rejected. */
  close(): Promise<void> {
    return this.connection.end();
  }

  #reader(): Reader {
    const space = Buffer.allocUnsafe(SPACE_BYTES);
    const decoder = new ReplyDecoder((reply) => this.#answer(reply));
    const received = (n: number): void => {
      try {
        decoder.write(space, 0, n);
      } catch (error) {
        if (!(error instanceof FormatError)) throw error;
        this.#refuse('NOT_REDIS', `The peer does not speak the protocol of Redis: ${error.message}.`, error);
      }
    };
    return { space: () => space, received };
  }

  #answer(reply: Reply): void {
    const call = this.#calls.shift();
    if (call === undefined) {
      this.#refuse('LINK_LOST', 'The server answered something that was not asked.');
    } else if (reply instanceof ReplyError) {
      call.reject(new ServerError(reply.code, reply.message));
    } else {
      call.resolve(reply);
    }
  }

  #refuse(code: 'NOT_REDIS' | 'LINK_LOST', message: string, cause?: unknown): void {
    const { side, node } = this.connection;
    const error = new NaruError(code, message, { side, node }, { cause });
    this.connection.destroy(error);
    this.#fail(error);
  }

  #fail(error: NaruError): void {
    this.#lost ??= error;
    for (const call of this.#calls.splice(0)) call.reject(this.#lost);
  }
}

export interface ClientOptions extends OpenOptions {
  /** What `CLIENT LIST` of the server shows; `naru` where absent. Empty: it is not told, for proxies that hang up at what they do not know. */
  readonly clientName?: string;
}

/**
 * Connects, logs in, and makes sure that it is a Redis that answers. Rejects with NaruError: UNREACHABLE, TLS_FAILED, AUTH_FAILED,
 * NO_PERMISSION, NOT_REDIS, CONFIG_INVALID (no such database), LINK_LOST, and while the server loads SOURCE_LOADING or
 * TARGET_UNAVAILABLE. `timeoutMs` holds for connecting and for the greeting, each.
 */
export async function openClient(endpoint: Endpoint, options: ClientOptions): Promise<RespClient> {
  const client = new RespClient(await Connection.open(endpoint, options));
  try {
    await greet(client, endpoint, options);
    return client;
  } catch (error) {
    client.connection.destroy();
    if (!isNaruError(error) || error.code !== 'LINK_LOST' || !(await speaksTls(endpoint, options)))
      throw error;
    throw new NaruError('NOT_REDIS', 'The port speaks TLS: write rediss://.', error.place, { cause: error });
  }
}

/** A plain Redis does not answer a TLS handshake at all: a lost connection must not wait long for that. */
const PROBE_MS = 500;

/** A server that wants TLS hangs up on plain words without any, as one that is going down does: so it is asked. */
async function speaksTls(endpoint: Endpoint, options: OpenOptions): Promise<boolean> {
  if (endpoint.tls || endpoint.path !== undefined) return false;
  try {
    const timeoutMs = Math.min(options.timeoutMs, PROBE_MS);
    const probe = await Connection.open(
      { ...endpoint, tls: true },
      { ...options, timeoutMs, tls: { insecure: true } },
    );
    probe.destroy();
    return true;
  } catch {
    return false;
  }
}

/** `*argc CRLF`, then each argument as a bulk string. */
export function encodeCommand(args: readonly (string | Buffer | number)[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`)];
  for (const arg of args) {
    const bytes = Buffer.isBuffer(arg) ? arg : Buffer.from(String(arg));
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, CRLF);
  }
  return Buffer.concat(parts);
}

const CRLF = Buffer.from('\r\n');

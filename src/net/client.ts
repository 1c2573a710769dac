/** Commands and their replies over one connection: for questions and answers, not for the data's way. */
import { NaruError } from '../errors/errors.ts';
import { FormatError } from '../protocol/format-error.ts';
import { type Reply, ReplyDecoder, ReplyError } from '../protocol/resp/reply.ts';
import type { Connection, Reader } from './connection.ts';

/** An error reply to a command. */
export class ServerError extends Error {
  /** Its first word: `ERR`, `NOAUTH`, `WRONGTYPE` ... */
  readonly code: string;
  /** The whole text, with the code. */
  readonly text: string;

  constructor(code: string, text: string) {
    super(text);
    this.name = 'ServerError';
    this.code = code;
    this.text = text;
  }
}

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
      const text = reply instanceof ReplyError ? `: ${reply.message}` : '';
      this.#refuse('LINK_LOST', `The server answered something that was not asked${text}.`);
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

import { createConnection, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type Reply, ReplyError, ReplyParser } from './reply-parser.ts';

export type Arg = string | number | Buffer;

export interface Address {
  host?: string;
  port?: number;
  /** path of a unix socket, instead of host and port */
  path?: string;
  tls?: { ca: string; cert?: string; key?: string };
}

/** One command as a RESP array of bulk strings, appended to `parts`. */
function encode(parts: (string | Buffer)[], args: readonly Arg[]): void {
  let text = `*${args.length}\r\n`;
  for (const arg of args) {
    const isBuffer = typeof arg === 'object';
    const value = isBuffer ? arg : String(arg);
    text += `$${isBuffer ? arg.length : Buffer.byteLength(value as string)}\r\n`;
    if (isBuffer) {
      parts.push(text, value);
      text = '\r\n';
    } else {
      text += `${value}\r\n`;
    }
  }
  parts.push(text);
}

interface Waiting {
  resolve: (reply: Reply) => void;
  reject: (error: Error) => void;
}

/** A small RESP2 client of the tests' own: an oracle that shares no code with what it judges. */
export class RespClient {
  readonly #socket: Socket;
  readonly #waiting: Waiting[] = [];
  #next = 0;
  #failure: Error | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    const parser = new ReplyParser((reply) => this.#answer(reply));
    socket.on('data', (chunk: Buffer) => {
      try {
        parser.write(chunk);
      } catch (error) {
        socket.destroy(error as Error);
      }
    });
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the connection was closed')));
  }

  static connect(address: Address): Promise<RespClient> {
    return new Promise((resolve, reject) => {
      const { host = '127.0.0.1', port = 6379, path, tls } = address;
      const socket = tls
        ? connectTls({ host, port, ...tls })
        : createConnection(path === undefined ? { host, port } : { path });
      socket.setNoDelay(true);
      socket.once('error', reject);
      socket.once(tls ? 'secureConnect' : 'connect', () => {
        socket.off('error', reject);
        resolve(new RespClient(socket));
      });
    });
  }

  get connected(): boolean {
    return this.#failure === undefined;
  }

  /** Sends one command; an error reply is thrown. */
  async call(...args: Arg[]): Promise<Reply> {
    const [reply] = await this.pipeline([args]);
    if (reply instanceof ReplyError) throw reply;
    return reply as Reply;
  }

  /** Sends all commands at once; error replies are returned as values. */
  async pipeline(commands: readonly (readonly Arg[])[]): Promise<Reply[]> {
    if (this.#failure) throw this.#failure;
    const parts: (string | Buffer)[] = [];
    const replies = commands.map(
      (args) =>
        new Promise<Reply>((resolve, reject) => {
          encode(parts, args);
          this.#waiting.push({ resolve, reject });
        }),
    );
    const joined = parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part));
    this.#socket.write(Buffer.concat(joined));
    return Promise.all(replies);
  }

  close(): void {
    this.#failure ??= new Error('the client was closed');
    this.#socket.destroy();
  }

  #answer(reply: Reply): void {
    const waiting = this.#waiting[this.#next++];
    if (this.#next > 1024 || this.#next === this.#waiting.length) {
      this.#waiting.splice(0, this.#next);
      this.#next = 0;
    }
    waiting?.resolve(reply);
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.splice(0).slice(this.#next)) reject(this.#failure);
    this.#next = 0;
  }
}

/**
 * A double, no Redis: it plays a source for what a real server can not be brought to send, such as a damaged RDB or one of a version that
 * does not exist yet. It knows the handshake and nothing else, and holds no data. What a real server can do is tested with a real one.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { type Reply, ReplyParser } from './reply-parser.ts';

export interface SourceScript {
  /** Plays the answer to PSYNC. Whatever it writes goes out as it is. */
  psync(socket: Socket, args: readonly string[]): void;
  /** the name under which it offers PSYNC */
  psyncCommand?: string;
  /** `redis_version` of INFO */
  version?: string;
  /** Answers any other command; undefined: the double's own answer has to do. */
  answer?(args: readonly string[]): string | Buffer | undefined;
}

export const REPLID: string = 'd0'.repeat(20);
/** The snapshot's replication offset. */
export const OFFSET = 1000;
export const FULLRESYNC: string = `+FULLRESYNC ${REPLID} ${OFFSET}\r\n`;

/** `+FULLRESYNC`, then the RDB with its length in front. */
export const sizedSnapshot = (rdb: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`${FULLRESYNC}$${rdb.length}\r\n`), rdb]);

/** `+FULLRESYNC`, then the RDB between the mark's announcement and the mark (diskless). */
export const markedSnapshot = (rdb: Buffer, mark: string = 'e'.repeat(40)): Buffer =>
  Buffer.concat([Buffer.from(`${FULLRESYNC}$EOF:${mark}\r\n`), rdb, Buffer.from(mark)]);

/** An RDB of so many bytes before its checksum, which is 0: "not taken". `body` stands behind `SELECTDB 0`. */
export const rdb = (version: number, body: Buffer): Buffer =>
  Buffer.concat([
    Buffer.from(`REDIS${String(version).padStart(4, '0')}`),
    Buffer.from([0xfe, 0]),
    body,
    Buffer.from([0xff, 0, 0, 0, 0, 0, 0, 0, 0]),
  ]);

/** Type, key and a value of raw bytes; key and value shorter than 64 bytes. */
export const entry = (type: number, key: string, value: string): Buffer =>
  Buffer.concat([
    Buffer.from([type, key.length]),
    Buffer.from(key),
    Buffer.from([value.length]),
    Buffer.from(value),
  ]);

export class SourceDouble {
  readonly #listener: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(script: SourceScript) {
    this.#listener = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket)).on('error', () => {});
      const parser = new ReplyParser((command) => answer(socket, script, command));
      socket.on('data', (chunk: Buffer) => parser.write(chunk));
    });
  }

  static async start(script: SourceScript): Promise<SourceDouble> {
    const double = new SourceDouble(script);
    double.#listener.listen(0, '127.0.0.1');
    await once(double.#listener, 'listening');
    return double;
  }

  get node(): string {
    return `127.0.0.1:${(this.#listener.address() as AddressInfo).port}`;
  }

  get url(): string {
    return `redis://${this.node}`;
  }

  async stop(): Promise<void> {
    const closed = once(this.#listener, 'close');
    this.#listener.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

function answer(socket: Socket, script: SourceScript, command: Reply): void {
  const args = (command as Buffer[]).map(String);
  const name = args[0]?.toUpperCase();
  if (name === (script.psyncCommand ?? 'PSYNC').toUpperCase()) {
    script.psync(socket, args.slice(1));
    return;
  }
  const own = script.answer?.(args);
  if (own !== undefined) {
    socket.write(own);
    return;
  }
  switch (name) {
    case 'PING':
      socket.write('+PONG\r\n');
      return;
    case 'INFO':
      socket.write(bulk(info(script.version ?? '7.0.15')));
      return;
    case 'TIME': {
      const ms = Date.now();
      socket.write(`*2\r\n${bulk(String(Math.floor(ms / 1000)))}${bulk(String((ms % 1000) * 1000))}`);
      return;
    }
    case 'REPLCONF':
      if (args[1]?.toUpperCase() !== 'ACK') socket.write('+OK\r\n');
      return;
    default:
      socket.write('+OK\r\n');
  }
}

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;

const info = (version: string): string =>
  [
    `redis_version:${version}`,
    `run_id:${'ab'.repeat(20)}`,
    'role:master',
    `master_replid:${REPLID}`,
    `master_repl_offset:${OFFSET}`,
  ].join('\r\n');

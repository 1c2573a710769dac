/** A client's own connection to one shard: what it remembers of the client (WATCH, MONITOR, RESP3) is that client's alone. */
import { createConnection, type Socket } from 'node:net';
import { Fifo, type Part } from './answers.ts';
import { ReplyFramer } from './frames.ts';

const PUSH = 0x3e;

export interface ShardListener {
  /** Something has been answered. */
  onAnswered(): void;
  /** It says what was not asked: a push of RESP3, a message, a line of MONITOR. */
  onPush(shard: number, frame: Buffer): void;
  onClosed(): void;
  /** Less is waiting to be sent than before. */
  onDrain(): void;
}

export class ShardLink {
  readonly #socket: Socket;
  readonly #waiting = new Fifo<Part>();
  #out: Buffer[] = [];

  constructor(index: number, port: number, host: string, listener: ShardListener) {
    this.#socket = createConnection({ host, port, noDelay: true });
    const framer = new ReplyFramer((frame) => {
      const part = frame[0] === PUSH ? undefined : this.#waiting.shift();
      if (part === undefined) listener.onPush(index, frame);
      else part.frame = frame;
    });
    this.#socket.on('data', (chunk: Buffer) => {
      framer.write(chunk);
      listener.onAnswered();
    });
    this.#socket.on('drain', () => listener.onDrain());
    this.#socket.on('error', () => {});
    this.#socket.on('close', () => listener.onClosed());
  }

  /** Sent with `flush`. */
  send(bytes: Buffer): Part {
    const part: Part = { frame: undefined };
    this.#out.push(bytes);
    this.#waiting.push(part);
    return part;
  }

  /** What answers this is told by `onPush`. */
  sendUnasked(bytes: Buffer): void {
    this.#out.push(bytes);
  }

  /** False: no more should be sent until `onDrain`. */
  flush(): boolean {
    if (this.#out.length === 0) return !this.#socket.writableNeedDrain;
    const bytes = this.#out.length === 1 ? (this.#out[0] as Buffer) : Buffer.concat(this.#out);
    this.#out = [];
    return this.#socket.write(bytes);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#socket.destroy();
  }
}

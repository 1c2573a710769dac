import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from 'node:net';

export type Direction = 'to-server' | 'to-client';

export type Fault =
  | { readonly kind: 'reject' }
  | { readonly kind: 'cut-after-bytes'; readonly bytes: number; readonly direction: Direction }
  | { readonly kind: 'hold-after-bytes'; readonly bytes: number; readonly direction: Direction }
  | { readonly kind: 'hold-response' }
  | { readonly kind: 'respond-slowly'; readonly bytesPerSecond: number };

/** New connections are closed at once; those that are up stay. */
export const Reject: Fault = { kind: 'reject' };

/** Once: lets exactly so many further bytes pass in one direction (all connections together), then cuts every connection. */
export const CutAfterBytes = (bytes: number, direction: Direction): Fault => ({
  kind: 'cut-after-bytes',
  bytes,
  direction,
});

/** Lets so many further bytes pass in one direction (all connections together), and no more in that one until another fault, or none, is set. */
export const HoldAfterBytes = (bytes: number, direction: Direction): Fault => ({
  kind: 'hold-after-bytes',
  bytes,
  direction,
});

/** Requests reach the server, and what it answers waits until another fault, or none, is set. */
export const HoldResponse: Fault = { kind: 'hold-response' };

/** What the server answers comes at this rate, on each connection. */
export const RespondSlowly = (bytesPerSecond: number): Fault => ({ kind: 'respond-slowly', bytesPerSecond });

/** A slow response is passed on in pieces of this length of time. */
const SLOW_STEP_MS = 20;

interface Connection {
  readonly client: Socket;
  readonly server: Socket;
  slow: NodeJS.Timeout | undefined;
}

/** A TCP proxy on a free loopback port, which does to the traffic what networks do. */
export class FaultProxy {
  readonly host = '127.0.0.1';
  readonly #listener: Server;
  readonly #target: { host: string; port: number };
  readonly #connections = new Set<Connection>();
  #fault: Fault | undefined;
  /** with the faults that count: bytes that may still pass */
  #bytesLeft = Number.POSITIVE_INFINITY;
  #next: Fault[] = [];
  #paused = false;
  /** have been given their last bytes */
  readonly #ending = new Set<Socket>();
  /** bytes passed on so far */
  readonly passed: Record<Direction, number> = { 'to-server': 0, 'to-client': 0 };
  /** connections taken so far, rejected ones too */
  accepted = 0;

  private constructor(target: { host: string; port: number }) {
    this.#target = target;
    // Half-open, so that an end travels through as an end.
    this.#listener = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) =>
      this.#accept(client),
    );
  }

  static async start(target: { host: string; port: number }): Promise<FaultProxy> {
    const proxy = new FaultProxy(target);
    proxy.#listener.listen(0, proxy.host);
    await once(proxy.#listener, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#listener.address() as AddressInfo).port;
  }

  get url(): string {
    return `redis://${this.host}:${this.port}`;
  }

  /** connections that are up */
  get connections(): number {
    return this.#connections.size;
  }

  /** Sets the fault for connections old and new; undefined: none. */
  use(fault: Fault | undefined): void {
    this.#fault = fault;
    this.#bytesLeft = fault !== undefined && 'bytes' in fault ? fault.bytes : Number.POSITIVE_INFINITY;
    this.#goOn();
  }

  /** One cut after the other, each counted from the one before it, whatever this process does meanwhile. */
  cutAgain(cuts: readonly Fault[]): void {
    this.#next = cuts.slice(1);
    this.use(cuts[0]);
  }

  /** Cuts every connection now, with a reset. */
  cut(): void {
    for (const { client, server } of this.#connections) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
    for (const socket of this.#ending) socket.destroy();
  }

  /** Nothing passes in either direction until `resume()`; connections stay up, as when cables are pulled. */
  pause(): void {
    this.#paused = true;
    for (const connection of this.#connections) this.#flow(connection);
  }

  resume(): void {
    this.#paused = false;
    this.#goOn();
  }

  /** What has waited goes on in one piece, however it came. */
  #goOn(): void {
    for (const connection of this.#connections) {
      const sockets = [connection.client, connection.server];
      for (const socket of sockets) socket.cork();
      this.#flow(connection);
      setImmediate(() => {
        for (const socket of sockets) socket.uncork();
      });
    }
  }

  async stop(): Promise<void> {
    const closed = once(this.#listener, 'close');
    this.#listener.close();
    this.cut();
    await closed;
    this.#connections.clear();
  }

  #accept(client: Socket): void {
    this.accepted++;
    if (this.#fault?.kind === 'reject') {
      client.resetAndDestroy();
      return;
    }
    const { host, port } = this.#target;
    const server = createConnection({ host, port, allowHalfOpen: true });
    const connection: Connection = { client, server, slow: undefined };
    this.#connections.add(connection);
    this.#join(connection, client, server, 'to-server');
    this.#join(connection, server, client, 'to-client');
    this.#flow(connection);
  }

  #join(connection: Connection, from: Socket, to: Socket, direction: Direction): void {
    from.setNoDelay(true);
    from.on('data', (chunk: Buffer) => this.#pass(connection, from, to, chunk, direction));
    from.on('end', () => to.end());
    to.on('drain', () => this.#flow(connection));
    from.on('error', () => to.resetAndDestroy());
    from.on('close', () => {
      clearTimeout(connection.slow);
      connection.slow = undefined;
      this.#connections.delete(connection);
      to.destroySoon();
    });
  }

  #pass(connection: Connection, from: Socket, to: Socket, chunk: Buffer, direction: Direction): void {
    const fault = this.#fault;
    if (fault?.kind === 'cut-after-bytes' && fault.direction === direction) {
      if (chunk.length >= this.#bytesLeft) {
        this.#lastBytes(to, chunk.subarray(0, this.#bytesLeft), direction);
        return;
      }
      this.#bytesLeft -= chunk.length;
    }
    if (fault?.kind === 'hold-after-bytes' && fault.direction === direction) {
      const piece = chunk.subarray(0, this.#bytesLeft);
      this.#bytesLeft -= piece.length;
      if (this.#bytesLeft === 0) for (const each of this.#connections) this.#flow(each);
      // Read later, as if it had not come yet.
      if (piece.length < chunk.length) from.unshift(chunk.subarray(piece.length));
      if (piece.length === 0) return;
      chunk = piece;
    }
    if (fault?.kind === 'respond-slowly' && direction === 'to-client') {
      this.#passSlowly(connection, chunk, fault.bytesPerSecond);
      return;
    }
    this.passed[direction] += chunk.length;
    if (!to.write(chunk)) from.pause();
  }

  /** An orderly end for the receiver, which then closes by itself, since a reset could overtake the last bytes; the others are cut. */
  #lastBytes(to: Socket, bytes: Buffer, direction: Direction): void {
    this.use(this.#next.shift());
    this.passed[direction] += bytes.length;
    for (const { client, server, slow } of this.#connections) {
      clearTimeout(slow);
      for (const socket of [client, server]) {
        for (const event of ['data', 'drain', 'end', 'error', 'close']) socket.removeAllListeners(event);
        socket.on('error', () => {});
        if (socket !== to) socket.resetAndDestroy();
      }
    }
    this.#connections.clear();
    this.#ending.add(to.once('close', () => this.#ending.delete(to)));
    // What it still says goes nowhere, but has to be read for its end to be seen.
    to.once('end', () => to.destroy()).resume();
    to.end(bytes);
  }

  #passSlowly(connection: Connection, chunk: Buffer, bytesPerSecond: number): void {
    const step = Math.max(1, Math.ceil((bytesPerSecond * SLOW_STEP_MS) / 1000));
    const piece = chunk.subarray(0, step);
    connection.server.pause();
    if (chunk.length > piece.length) connection.server.unshift(chunk.subarray(step));
    this.passed['to-client'] += piece.length;
    connection.client.write(piece);
    connection.slow = setTimeout(
      () => {
        connection.slow = undefined;
        this.#flow(connection);
      },
      (piece.length / bytesPerSecond) * 1000,
    );
  }

  /** Reads from each side or not, as the faults and the other side's buffer say. */
  #flow(connection: Connection): void {
    const { client, server, slow } = connection;
    read(client, !this.#holds('to-server') && !server.writableNeedDrain);
    read(server, !this.#holds('to-client') && slow === undefined && !client.writableNeedDrain);
  }

  #holds(direction: Direction): boolean {
    const fault = this.#fault;
    if (fault?.kind === 'hold-response' && direction === 'to-client') return true;
    const isOver =
      fault?.kind === 'hold-after-bytes' && fault.direction === direction && this.#bytesLeft === 0;
    return this.#paused || isOver;
  }
}

function read(socket: Socket, wanted: boolean): void {
  if (wanted) socket.resume();
  else socket.pause();
}

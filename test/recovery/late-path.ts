import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * A path to a server on which requests come late: the client's side breaks while what it had sent is still under way (in a balancer, a
 * tunnel, the server's own socket buffer), and arrives afterwards.
 */
export class LatePath {
  /** what is under way, as text */
  held = '';
  readonly #listener: Server;
  readonly #open: { client: Socket; server: Socket }[] = [];
  #holding: { server: Socket; chunks: Buffer[] } | undefined;
  #kept: { server: Socket; chunks: Buffer[] } | undefined;

  private constructor(port: number) {
    this.#listener = createServer((client) => {
      const server = createConnection({ host: '127.0.0.1', port });
      this.#open.push({ client, server });
      client.on('data', (chunk) => this.#request(server, chunk));
      server.on('data', (chunk) => client.write(chunk));
      server.on('close', () => client.destroy());
      client.on('close', () => {
        if (this.#kept?.server !== server) server.destroy();
      });
      for (const socket of [client, server]) socket.on('error', () => {});
    });
  }

  static async start(port: number): Promise<LatePath> {
    const path = new LatePath(port);
    path.#listener.listen(0, '127.0.0.1');
    await once(path.#listener, 'listening');
    return path;
  }

  get url(): string {
    return `redis://127.0.0.1:${(this.#listener.address() as AddressInfo).port}`;
  }

  /** From now on what the newest connection sends stays under way. */
  hold(): void {
    const newest = this.#open.at(-1);
    if (newest === undefined) throw new Error('nothing is connected');
    this.held = '';
    this.#holding = { server: newest.server, chunks: [] };
  }

  /** The client's side of it breaks; later connections are not held. */
  lose(): void {
    this.#kept = this.#holding;
    this.#holding = undefined;
    const lost = this.#open.find(({ server }) => server === this.#kept?.server);
    lost?.client.resetAndDestroy();
  }

  /** What was under way arrives; resolves when the server has had the time to do it. */
  async deliver(): Promise<void> {
    const { server, chunks } = this.#kept ?? { chunks: [] };
    for (const chunk of chunks) server?.write(chunk);
    await sleep(50);
    server?.destroy();
    this.#kept = undefined;
  }

  stop(): void {
    this.#listener.close();
    for (const { client, server } of this.#open) {
      client.destroy();
      server.destroy();
    }
  }

  #request(server: Socket, chunk: Buffer): void {
    if (this.#holding?.server !== server) {
      server.write(chunk);
      return;
    }
    this.#holding.chunks.push(chunk);
    this.held += chunk.toString('latin1');
  }
}

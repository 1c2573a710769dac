/** One open connection: bytes in through a reader, bytes out with a word when the kernel has them. It knows nothing of what they mean. */
import type { Socket } from 'node:net';
import { isNaruError, NaruError } from '../errors/errors.ts';
import { FormatError } from '../protocol/format-error.ts';
import { dial, type OpenOptions } from './dial.ts';
import { lostError, type Peer } from './dial-errors.ts';
import { Intake, type Reader } from './intake.ts';
import { describeEndpoint, type Endpoint } from './url.ts';

export type { OpenOptions, TlsOptions } from './dial.ts';
export type { Reader } from './intake.ts';

/** How long the peer may take to close its end once ours is closed. */
const LINGER_MS = 1000;

/** Takes what arrives while the connection is being closed and nobody reads. */
const NOBODY: Reader = { space: () => Buffer.allocUnsafe(4096), received: () => {} };

/**
 * Nothing is read before there is a reader, so no byte is lost, and none while paused, apart from what was already under way (a TLS
 * record). A peer that closes is noticed by reading or by writing, so not while paused.
 */
export class Connection {
  readonly node: string;
  readonly side: 'source' | 'target';
  /** Resolves once, never rejects: LINK_LOST with the reason, or what `destroy` was given. All `done` callbacks were called before. */
  readonly closed: Promise<NaruError>;
  /** All that was written is in the kernel, after a `write` that gave false. */
  onDrain: (() => void) | undefined;
  readonly #socket: Socket;
  readonly #intake: Intake;
  #reason: NaruError | undefined;
  #paused = false;
  #owesDrain = false;

  private constructor(socket: Socket, intake: Intake, peer: Peer) {
    this.node = peer.node;
    this.side = peer.side;
    this.#socket = socket;
    this.#intake = intake;
    intake.onFault = (error) => this.destroy(this.#faultOf(error));
    socket.on('error', (error) => {
      this.#reason ??= lostError(error, peer, intake.begun);
    });
    socket.on('end', () => this.destroy(this.#lost('The peer closed the connection.')));
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        intake.reader = undefined;
        this.#reason ??= this.#lost('The connection was closed.');
        resolve(this.#reason);
      });
    });
  }

  /** Rejects with NaruError UNREACHABLE or TLS_FAILED; a signal that is aborted later does nothing. */
  static async open(endpoint: Endpoint, options: OpenOptions): Promise<Connection> {
    const peer: Peer = { side: options.side, node: describeEndpoint(endpoint), tls: endpoint.tls };
    const intake = new Intake();
    return dial(endpoint, options, peer, intake, (socket) => new Connection(socket, intake, peer));
  }

  /** May be called at any time, also inside received(); bytes that arrive later go to the new reader. */
  setReader(reader: Reader): void {
    if (!this.isOpen) return;
    const first = this.#intake.reader === undefined;
    this.#intake.reader = reader;
    if (first && !this.#paused) this.#socket.resume();
  }

  pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#paused = false;
    if (this.#intake.reader !== undefined) this.#socket.resume();
  }

  /**
   * True: the kernel has everything, and the buffer may be changed. False: some is still to be sent, and the buffer must not be changed
   * before `done` or `onDrain`; or the connection is closed. `done` is called once, never during the call itself: when the kernel has
   * taken these bytes, or when it never will, since the connection died.
   */
  write(data: Buffer | string, done?: () => void): boolean {
    if (!this.isOpen) {
      if (done !== undefined) process.nextTick(done);
      return false;
    }
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    this.#socket.write(bytes, done === undefined ? this.#taken : () => this.#takenThen(done));
    this.#owesDrain = this.#socket.writableLength > 0;
    return !this.#owesDrain;
  }

  /** Written but not yet handed to the kernel. */
  get bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  /** False from the moment that the connection is known to be lost or is being closed. */
  get isOpen(): boolean {
    return this.#reason === undefined && !this.#socket.destroyed;
  }

  /** Closes at once; nothing more is read, and what is buffered is thrown away. */
  destroy(reason?: NaruError): void {
    this.#reason ??= reason ?? this.#lost('The connection was given up.');
    this.#intake.reader = undefined;
    this.#socket.destroy();
  }

  /** Sends what is buffered, then closes. A peer that takes nothing delays it without limit: `destroy` ends that. Replies still reach the reader. */
  async end(): Promise<void> {
    if (this.isOpen) {
      this.#reason = this.#lost('The connection was closed by Naru.');
      this.#intake.reader ??= NOBODY;
      this.#socket.end(() => this.#linger());
      this.#socket.resume();
    }
    await this.closed;
  }

  #linger(): void {
    const timer = setTimeout(() => this.#socket.destroy(), LINGER_MS);
    this.#socket.once('close', () => clearTimeout(timer));
  }

  readonly #taken = (): void => {
    if (!this.#owesDrain || this.#socket.writableLength > 0 || !this.isOpen) return;
    this.#owesDrain = false;
    this.onDrain?.();
  };

  #takenThen(done: () => void): void {
    done();
    this.#taken();
  }

  #lost(message: string): NaruError {
    return new NaruError('LINK_LOST', message, { side: this.side, node: this.node });
  }

  /** A reader should tell what is wrong by `destroy`; what it throws must not end the process. */
  #faultOf(error: unknown): NaruError {
    if (isNaruError(error)) return error;
    const place = { side: this.side, node: this.node };
    const message = error instanceof Error ? error.message : String(error);
    if (error instanceof FormatError) {
      return new NaruError('BAD_FORMAT', message, { ...place, offset: error.offset }, { cause: error });
    }
    return new NaruError('INTERNAL', `Reading failed: ${message}.`, place, { cause: error });
  }
}

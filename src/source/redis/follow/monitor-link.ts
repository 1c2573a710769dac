import { NaruError } from '../../../errors/errors.ts';
import { encodeCommand, ServerError } from '../../../net/client.ts';
import type { Connection, Reader } from '../../../net/connection.ts';
import { FormatError } from '../../../protocol/format-error.ts';
import { type MonitorSink, MonitorWalker } from '../../../protocol/resp/monitor-walker.ts';
import { ReplyError } from '../../../protocol/resp/reply.ts';
import { unreadable } from './marks.ts';

const SPACE_BYTES = 256 * 1024;

/** A connection on which the source shows the commands that it runs. */
export class MonitorLink implements Reader {
  readonly #connection: Connection;
  readonly #walker: MonitorWalker;
  readonly #space: Buffer = Buffer.allocUnsafeSlow(SPACE_BYTES);
  #begun: ((reply: string) => void) | undefined;

  constructor(connection: Connection, sink: Pick<MonitorSink, 'wants' | 'command'>) {
    this.#connection = connection;
    this.#walker = new MonitorWalker({
      wants: sink.wants,
      command: sink.command,
      reply: (line) => this.#answer(line),
    });
    connection.setReader(this);
  }

  /** Rejects with ServerError where the command is refused, and with the connection's NaruError when that is lost. */
  async begin(command: readonly (string | number)[]): Promise<void> {
    const reply = await new Promise<string>((resolve, reject) => {
      this.#begun = resolve;
      void this.#connection.closed.then(reject);
      this.#connection.write(encodeCommand(command));
    });
    if (!reply.startsWith('-')) return;
    const { code, message } = new ReplyError(reply.slice(1));
    throw new ServerError(code, message);
  }

  space(): Buffer {
    return this.#space;
  }

  received(n: number): void {
    try {
      this.#walker.write(this.#space, 0, n);
    } catch (error) {
      throw error instanceof FormatError ? unreadable(this.#connection, error) : error;
    }
  }

  #answer(line: string): void {
    const begun = this.#begun;
    this.#begun = undefined;
    if (begun !== undefined) begun(line);
    else if (line.startsWith('-')) {
      const { side, node } = this.#connection;
      throw new NaruError('LINK_LOST', `The source shows no more commands: ${line.slice(1)}`, { side, node });
    }
  }
}

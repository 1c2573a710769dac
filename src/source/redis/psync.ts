import { NaruError } from '../../errors/errors.ts';
import { encodeCommand, openClient, type RespClient, ServerError } from '../../net/client.ts';
import type { Connection, OpenOptions } from '../../net/connection.ts';
import { describeEndpoint, type Endpoint } from '../../net/url.ts';
import { Preamble, type PreambleResult } from './preamble.ts';
import { refusedBySource } from './refused.ts';

export interface Psync {
  connection: Connection;
  result: PreambleResult;
  /** Bytes that came behind the answer. To be called right before the connection gets its next reader; it is paused until then. */
  takeRest(): Buffer;
}

/**
 * Connects as a replica does and asks for the stream: from `from` on, or with a snapshot (`from` undefined). Rejects with NaruError; an
 * offer of a full copy where a partial one was asked for is FULL_RESYNC_NEEDED, and the connection is dropped before the source
 * has done much for it.
 */
export async function psync(
  endpoint: Endpoint,
  options: OpenOptions & { psyncCommand: string },
  from: { replid: string; offset: number } | undefined,
  onFull: (replid: string, offset: number) => void,
): Promise<Psync> {
  const client = await openClient(endpoint, options);
  const node = describeEndpoint(endpoint);
  try {
    await announce(client, node, options.psyncCommand);
    const preamble = new Preamble((replid, offset) => {
      if (from !== undefined) throw fullResync(node, from.offset, offset);
      onFull(replid, offset);
    });
    const args = from === undefined ? ['?', '-1'] : [from.replid, from.offset + 1];
    // Nothing else may be pending: a source refuses PSYNC behind another command's reply.
    const answer = await ask(client.connection, preamble, encodeCommand([options.psyncCommand, ...args]));
    if (answer.result.kind === 'refused')
      throw refusedBySource(answer.result.text, node, options.psyncCommand);
    return answer;
  } catch (error) {
    client.connection.destroy();
    throw error;
  }
}

/** What we can do. A source that does not know the question (a proxy, an old version) will say more when it is asked for PSYNC. */
async function announce(client: RespClient, node: string, psyncCommand: string): Promise<void> {
  try {
    await client.call('REPLCONF', 'capa', 'eof', 'capa', 'psync2');
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    if (error.code === 'NOPERM') throw refusedBySource(error.text, node, psyncCommand);
  }
}

function ask(connection: Connection, preamble: Preamble, command: Buffer): Promise<Psync> {
  return new Promise((resolve, reject) => {
    const space = Buffer.allocUnsafe(64 * 1024);
    const rest: Buffer[] = [];
    void connection.closed.then(reject);
    connection.setReader({
      space: () => space,
      received: (n) => {
        const known = preamble.result;
        const pos = known === undefined ? preamble.write(space, 0, n) : 0;
        if (pos < n) rest.push(Buffer.from(space.subarray(pos, n)));
        if (known !== undefined || preamble.result === undefined) return;
        connection.pause();
        resolve({ connection, result: preamble.result, takeRest: () => Buffer.concat(rest) });
      },
    });
    connection.write(command);
  });
}

function fullResync(node: string, offset: number, offered: number): NaruError {
  return new NaruError(
    'FULL_RESYNC_NEEDED',
    `The source can not go on from offset ${offset}; it offers a full copy as of offset ${offered}`,
    { side: 'source', node, offset },
  );
}
